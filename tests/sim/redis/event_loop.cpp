// The library's event loop, in virtual time: it stands in for lib/base's event_loop.cpp as ../virtual_time.cpp does for
// timers and threads. Nobody watches descriptors here. All that it runs happens in the life of the process that it is
// of, and whoever asks is on its thread, since there is no other.
#include "base/event_loop.hpp"

#include "sim/schedule.hpp"

#include <cassert>

namespace ironjar::detail {

EventLoop::EventLoop() : thread_(std::this_thread::get_id()) {}

bool EventLoop::post(Task task) {
  if (hasEnded_) return false;
  static_cast<void>(at(sim::Schedule::current().now(), std::move(task)));
  return true;
}

EventLoop::Ticket EventLoop::at(Deadline when, Task due) {
  sim::Schedule& schedule = sim::Schedule::current();
  assert(schedule.life());
  const auto own = std::make_shared<Ticket>();
  *own = schedule.at(when, [this, own] {
    const auto next = timers_.extract(*own);
    try {
      if (!next.empty()) next.mapped()();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the loop goes on
    }
  });
  timers_.emplace(*own, std::move(due));
  return *own;
}

void EventLoop::cancel(std::optional<Ticket>& ticket) {
  if (!ticket) return;
  sim::Schedule::current().cancel(*ticket);
  const auto gone = timers_.extract(*std::exchange(ticket, std::nullopt));
}

// Drops what has not run.
void EventLoop::stop() {
  isStopping_ = true;
  hasEnded_ = true;
  while (!timers_.empty()) {
    const auto gone = timers_.extract(timers_.begin());
    sim::Schedule::current().cancel(gone.key());
  }
}

void EventLoop::run(const Task& /*afterwards*/) {}
bool EventLoop::watch(int /*descriptor*/, std::uint32_t /*events*/, Ready /*ready*/) { return false; }
bool EventLoop::rewatch(int /*descriptor*/, std::uint32_t /*events*/) { return false; }
void EventLoop::forget(int /*descriptor*/) {}

}  // namespace ironjar::detail
