#include "detail/worker_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace ironjar::detail {

// Shared with the threads, so that one of them may outlive the pool by the rest of its job.
struct WorkerPool::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> jobs;
  std::size_t idle = 0;
  bool stopping = false;

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      ++idle;
      changed.wait(lock, [this] { return stopping || !jobs.empty(); });
      --idle;
      if (stopping) return;
      std::function<void()> job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job();
      job = nullptr;  // what it holds goes while nothing is locked
      lock.lock();
    }
  }
};

WorkerPool::WorkerPool(std::size_t threads) : queue_(std::make_shared<Queue>()), most_(threads) {}

WorkerPool::~WorkerPool() {
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(queue_->mutex);
    queue_->stopping = true;
    dropped.swap(queue_->jobs);
  }
  queue_->changed.notify_all();
  for (std::thread& thread : threads_) {
    thread.get_id() == std::this_thread::get_id() ? thread.detach() : thread.join();
  }
}

void WorkerPool::post(std::function<void()> job) {
  {
    const std::lock_guard lock(queue_->mutex);
    queue_->jobs.push_back(std::move(job));
    if (queue_->idle < queue_->jobs.size() && threads_.size() < most_) {
      threads_.emplace_back([queue = queue_] { queue->run(); });
    }
  }
  queue_->changed.notify_one();
}

}  // namespace ironjar::detail
