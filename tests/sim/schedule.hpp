// Virtual time: what is to happen, in the order of its times. One thread; nothing sleeps. The library's timers, threads
// and monotonic clock are replaced by it when the simulator is linked (virtual_time.cpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <ironjar/types.hpp>

namespace sim {

using ironjar::MonotonicTime;
using Millis = std::chrono::milliseconds;

// From the start of a process to its end. What was put off in a life does not happen after it.
struct Life {
  unsigned process = 0;
  unsigned start = 0;
  bool isAlive = true;
  MonotonicTime endedAt{};      // when it is not alive
  MonotonicTime pausedUntil{};  // until then nothing happens in it
};
using LifePointer = std::shared_ptr<Life>;

class Schedule {
 public:
  using Ticket = std::pair<MonotonicTime, std::uint64_t>;

  Schedule();
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;
  ~Schedule();

  [[nodiscard]] static Schedule& current();

  [[nodiscard]] MonotonicTime now() const { return now_; }
  [[nodiscard]] const LifePointer& life() const { return life_; }  // that something happens in now; null for none
  [[nodiscard]] Millis elapsed() const { return std::chrono::duration_cast<Millis>(now_ - begin); }
  // In the life of whoever calls, or in that one.
  Ticket at(MonotonicTime when, std::function<void()> what) { return at(when, std::move(what), life_); }
  Ticket at(MonotonicTime when, std::function<void()> what, LifePointer life);
  bool cancel(const Ticket& ticket);
  void clear();
  // Calls `afterwards` after each event; it says whether to go on.
  void run(const std::function<bool()>& afterwards);

  // For what happens in that life, or in none.
  class Within {
   public:
    explicit Within(LifePointer life) { std::swap(current().life_, before_ = std::move(life)); }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;
    ~Within() { current().life_ = std::move(before_); }

   private:
    LifePointer before_;
  };

  static constexpr MonotonicTime begin{std::chrono::hours{1}};

 private:
  struct Event {
    std::function<void()> what;
    LifePointer life;
  };

  MonotonicTime now_ = begin;
  std::uint64_t count_ = 0;
  LifePointer life_;
  std::map<Ticket, Event> events_;
  std::map<Ticket, Ticket> putOff_;  // by the ticket that was given out: what waits for the end of a pause
};

[[nodiscard]] inline MonotonicTime now() { return Schedule::current().now(); }

}  // namespace sim
