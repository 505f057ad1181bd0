#include "sim/schedule.hpp"

#include <algorithm>
#include <cassert>

namespace sim {
namespace {

Schedule* instance = nullptr;

}  // namespace

Schedule::Schedule() {
  assert(instance == nullptr);
  instance = this;
}

Schedule::~Schedule() {
  clear();
  instance = nullptr;
}

// What goes may take others back, or put some off: each leaves the map before it is destroyed.
void Schedule::clear() {
  while (!events_.empty()) {
    const auto gone = events_.extract(events_.begin());
    static_cast<void>(gone);
  }
}

bool Schedule::cancel(const Ticket& ticket) {
  Ticket last = ticket;
  for (auto putOff = putOff_.extract(last); !putOff.empty(); putOff = putOff_.extract(last)) last = putOff.mapped();
  const auto gone = events_.extract(last);
  return !gone.empty();
}

Schedule& Schedule::current() { return *instance; }

Schedule::Ticket Schedule::at(MonotonicTime when, std::function<void()> what, LifePointer life) {
  const Ticket ticket{std::max(when, now_), ++count_};
  events_.emplace(ticket, Event{std::move(what), std::move(life)});
  return ticket;
}

void Schedule::run(const std::function<bool()>& afterwards) {
  while (!events_.empty()) {
    auto next = events_.extract(events_.begin());
    const LifePointer& life = next.mapped().life;
    if (life && !life->isAlive) continue;
    if (life && life->pausedUntil > next.key().first) {
      const Ticket then{life->pausedUntil, next.key().second};
      putOff_.insert_or_assign(next.key(), then);
      next.key() = then;
      events_.insert(std::move(next));
      continue;
    }
    now_ = next.key().first;
    {
      const Within within(next.mapped().life);
      next.mapped().what();
      next.mapped().what = nullptr;  // what it holds goes in that life, too
    }
    if (!afterwards()) return;
  }
}

}  // namespace sim
