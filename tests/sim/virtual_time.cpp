// The library's clock, timers and threads, in virtual time. These stand in for lib/base's monotonic.cpp, timer.cpp and
// worker_pool.cpp, of which the linker takes nothing from the library, since all that they have is here.
#include "base/time.hpp"
#include "base/timer.hpp"
#include "base/worker_pool.hpp"
#include "sim/schedule.hpp"

#include <set>

namespace ironjar::detail {

MonotonicTime monotonicNow() { return sim::Schedule::current().now(); }

struct Timer::Queue {
  std::set<sim::Schedule::Ticket> waiting;
  bool isClosed = false;
};

Timer::Timer() : queue_(std::make_shared<Queue>()) {}

std::optional<Timer::Ticket> Timer::at(MonotonicTime when, std::function<void()> due) {
  if (queue_->isClosed) return std::nullopt;
  const auto own = std::make_shared<Ticket>();
  *own = sim::Schedule::current().at(when, [queue = queue_, own, due = std::move(due)] {
    queue->waiting.erase(*own);
    due();
  });
  queue_->waiting.insert(*own);
  return *own;
}

bool Timer::cancel(const Ticket& ticket) {
  return queue_->waiting.erase(ticket) > 0 && sim::Schedule::current().cancel(ticket);
}

void Timer::close() {
  queue_->isClosed = true;
  for (const Ticket& ticket : std::exchange(queue_->waiting, {})) sim::Schedule::current().cancel(ticket);
}

struct WorkerPool::Queue {
  std::set<sim::Schedule::Ticket> jobs;
  bool isClosed = false;
};

WorkerPool::WorkerPool(std::size_t threads, std::size_t maxQueue)
    : queue_(std::make_shared<Queue>()), most_(threads), maxQueue_(maxQueue) {}

bool WorkerPool::post(std::function<void()> job) {
  if (queue_->isClosed || queue_->jobs.size() >= maxQueue_) return false;
  sim::Schedule& schedule = sim::Schedule::current();
  const auto own = std::make_shared<sim::Schedule::Ticket>();
  *own = schedule.at(schedule.now(), [queue = queue_, own, job = std::move(job)] {
    queue->jobs.erase(*own);
    job();
  });
  queue_->jobs.insert(*own);
  return true;
}

void WorkerPool::close() {
  queue_->isClosed = true;
  for (const auto& ticket : std::exchange(queue_->jobs, {})) sim::Schedule::current().cancel(ticket);
}

}  // namespace ironjar::detail
