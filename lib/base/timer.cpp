#include "base/timer.hpp"

#include "base/leave.hpp"
#include "base/time.hpp"

#include <condition_variable>
#include <map>
#include <mutex>

namespace ironjar::detail {

// Shared with the thread, which may outlive the timer by the rest of its function.
struct Timer::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<Ticket, std::function<void()>> waiting;
  std::uint64_t number = 0;
  bool isStopping = false;

  void run() {
    std::unique_lock lock(mutex);
    while (!isStopping) {
      if (waiting.empty()) {
        changed.wait(lock);
      } else if (const MonotonicTime next = waiting.begin()->first.first; next > monotonicNow()) {
        changed.wait_until(lock, next);
      } else {
        auto due = waiting.extract(waiting.begin());
        lock.unlock();
        try {
          due.mapped()();
        } catch (...) {  // NOLINT(bugprone-empty-catch): what it would have told is dropped with it
        }
        due = {};  // what it holds goes while nothing is locked
        lock.lock();
      }
    }
  }
};

Timer::Timer() : queue_(std::make_shared<Queue>()) {}

void Timer::close() {
  if (process_ != ::getpid()) return leave(thread_), leave(queue_);
  std::map<Ticket, std::function<void()>> dropped;
  {
    const std::lock_guard lock(queue_->mutex);
    queue_->isStopping = true;
    dropped.swap(queue_->waiting);
  }
  queue_->changed.notify_all();
  if (!thread_.joinable()) return;
  thread_.get_id() == std::this_thread::get_id() ? thread_.detach() : thread_.join();
}

std::optional<Timer::Ticket> Timer::at(MonotonicTime when, std::function<void()> due) {
  if (process_ != ::getpid()) return std::nullopt;
  const std::shared_ptr<Queue> queue = queue_;  // `due` may have destroyed the timer before this returns
  bool isNext = false;
  Ticket ticket;
  try {
    const std::lock_guard lock(queue->mutex);
    if (queue->isStopping) return std::nullopt;
    if (!thread_.joinable()) thread_ = std::thread([queue] { queue->run(); });
    ticket = {when, ++queue->number};
    const auto inserted = queue->waiting.emplace(ticket, std::move(due)).first;
    isNext = inserted == queue->waiting.begin();
  } catch (const std::exception&) {  // std::system_error, std::bad_alloc
    return std::nullopt;
  }
  if (isNext) queue->changed.notify_one();
  return ticket;
}

bool Timer::cancel(const Ticket& ticket) {
  if (process_ != ::getpid()) return false;
  decltype(queue_->waiting)::node_type cancelled;  // destroyed without the lock
  const std::lock_guard lock(queue_->mutex);
  cancelled = queue_->waiting.extract(ticket);
  return !cancelled.empty();
}

}  // namespace ironjar::detail
