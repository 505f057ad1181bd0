#include "base/worker_pool.hpp"

#include "base/leave.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
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
      try {
        job();
      } catch (...) {  // NOLINT(bugprone-empty-catch): what it would have told is dropped with it
      }
      job = nullptr;  // what it holds goes while nothing is locked
      lock.lock();
    }
  }
};

WorkerPool::WorkerPool(std::size_t threads, std::size_t maxQueue)
    : queue_(std::make_shared<Queue>()), most_(threads), maxQueue_(maxQueue) {}

void WorkerPool::close() {
  if (process_ != ::getpid()) return leave(threads_), leave(queue_);
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(queue_->mutex);
    queue_->stopping = true;
    dropped.swap(queue_->jobs);
  }
  queue_->changed.notify_all();
  dropped.clear();  // running jobs may wait for what these tell when they go
  for (std::thread& thread : threads_) {
    if (!thread.joinable()) continue;
    thread.get_id() == std::this_thread::get_id() ? thread.detach() : thread.join();
  }
}

bool WorkerPool::post(std::function<void()> job) {
  if (process_ != ::getpid()) return false;
  {
    const std::lock_guard lock(queue_->mutex);
    if (queue_->stopping || queue_->jobs.size() >= maxQueue_) return false;
    queue_->jobs.push_back(std::move(job));
    if (queue_->idle < queue_->jobs.size() && threads_.size() < most_ && !grow() && threads_.empty()) {
      job = std::move(queue_->jobs.back());  // what it holds goes while nothing is locked
      queue_->jobs.pop_back();
      return false;
    }
  }
  queue_->changed.notify_one();
  return true;
}

// One more thread; the machine may have none left, nor memory.
bool WorkerPool::grow() {
  try {
    threads_.emplace_back([queue = queue_] { queue->run(); });
    return true;
  } catch (const std::exception&) {  // std::system_error, std::bad_alloc
    return false;
  }
}

}  // namespace ironjar::detail
