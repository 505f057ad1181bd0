// Time that moves when a test says so.
//
// Example:
//   const ironjar::testing::VirtualClock clock;
//   const ironjar::SessionOptions options{
//       .cookieName = "session", .passwords = passwords, .seal = {.ttl = std::chrono::hours{1}, .now = clock.wall()}};
//   clock.advance(std::chrono::minutes{61});  // whatever was sealed has ended
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include <ironjar/seal.hpp>

namespace ironjar::testing {

namespace detail {

// What somebody waits on, who wants to look again when a clock has moved.
struct Bell {
  std::mutex mutex;
  std::condition_variable rung;

  void ring() {
    { const std::lock_guard lock(mutex); }  // whoever is about to wait has looked before, or waits by now
    rung.notify_all();
  }
};

}  // namespace detail

// A wall clock and a monotonic clock that stand still until they are moved, together or apart. Copies share the time.
// Thread-safe.
class VirtualClock {
 public:
  using Monotonic = std::chrono::steady_clock::time_point;

  explicit VirtualClock(TimePoint start = TimePoint(Seconds{1'700'000'000})) : state_(std::make_shared<State>()) {
    state_->wall = start;
  }

  // Time passes, on both clocks. Throws std::invalid_argument when it would pass backwards: that is jump()'s.
  void advance(std::chrono::milliseconds by) const {
    if (by.count() < 0) throw std::invalid_argument("ironjar: a monotonic clock does not go back: use jump()");
    move(by, by);
  }
  // Somebody sets the wall clock, forward or back.
  void jump(std::chrono::milliseconds by) const { move(by, std::chrono::milliseconds{0}); }

  [[nodiscard]] TimePoint wallNow() const { return state_->read(&State::wall); }
  [[nodiscard]] Monotonic monotonicNow() const { return state_->read(&State::monotonic); }

  // For SealOptions::now, FetchOptions::now and other Clocks.
  [[nodiscard]] Clock wall() const {
    return [state = state_] { return state->read(&State::wall); };
  }
  // For LocalCoordinatorOptions::now.
  [[nodiscard]] std::function<Monotonic()> monotonic() const {
    return [state = state_] { return state->read(&State::monotonic); };
  }

  // For the kit's own servers: rings whenever the clock has moved, as long as the bell is there.
  void ringOnMove(const std::shared_ptr<detail::Bell>& bell) const {
    const std::lock_guard lock(state_->mutex);
    std::erase_if(state_->bells, [](const auto& other) { return other.expired(); });
    state_->bells.push_back(bell);
  }

 private:
  struct State {
    template <class T>
    T read(T State::*time) const {
      const std::lock_guard lock(mutex);
      return this->*time;
    }

    mutable std::mutex mutex;
    TimePoint wall{};
    Monotonic monotonic{std::chrono::hours{1}};
    std::vector<std::weak_ptr<detail::Bell>> bells;
  };

  void move(std::chrono::milliseconds wall, std::chrono::milliseconds monotonic) const {
    std::vector<std::weak_ptr<detail::Bell>> bells;
    {
      const std::lock_guard lock(state_->mutex);
      state_->wall += wall;
      state_->monotonic += monotonic;
      bells = state_->bells;
    }
    for (const auto& weak : bells) {
      if (const auto bell = weak.lock()) bell->ring();
    }
  }

  std::shared_ptr<State> state_;
};

}  // namespace ironjar::testing
