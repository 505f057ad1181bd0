// A deadline that moves. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include <ironjar/asio/loop.hpp>

namespace ironjar::detail {

// For its owner's strand. Once begun it owns that owner until end(), and calls that owner's onLate(), which may move
// the deadline, when it has passed. To a later time it is moved for free, and so is its next owner's: what uses a
// connection in turn hands one deadline on with it, and a timer is set anew only when that has run out.
class AsioDeadline {
 public:
  // In place of the owner and the time that there were.
  template <class Owner>
  void begin(std::shared_ptr<Owner> owner, MonotonicTime until) {
    std::shared_ptr<Timer> timer = timer_.lock();
    if (!timer) timer_ = timer = std::make_shared<Timer>(owner->strand());
    const auto former = std::exchange(timer->owner, std::move(owner));  // goes last: it may hold this
    timer->onLate = [](void* whose) { static_cast<Owner*>(whose)->onLate(); };
    timer->move(until);
  }
  void end() {
    if (const auto timer = timer_.lock()) timer->end();
    timer_.reset();
  }
  [[nodiscard]] bool isLate() const {
    const auto timer = timer_.lock();
    return timer && timer->isLate();
  }
  void move(MonotonicTime until) {
    if (const auto timer = timer_.lock()) timer->move(until);
  }

 private:
  // Owned by its own wait, which the context destroys when it goes.
  struct Timer : std::enable_shared_from_this<Timer> {
    explicit Timer(const Strand& strand) : timer(strand) {}

    [[nodiscard]] bool isLate() const { return std::chrono::steady_clock::now() >= until; }
    void move(MonotonicTime to) {
      until = to;
      if (!isArmed || until < armed) arm();
    }
    // An hour at most at a time: a deadline may be the end of all time.
    void arm() {
      isArmed = true;
      armed = std::min(until, std::chrono::steady_clock::now() + std::chrono::hours{1});
      timer.expires_at(armed);
      timer.async_wait([self = this->shared_from_this()](AsioError problem) {
        if (!problem && !self->hasEnded) self->onTime();
      });
    }
    void onTime() {
      const std::shared_ptr<void> whose = owner;
      const bool wasLate = isLate();
      arm();
      if (wasLate) onLate(whose.get());
    }
    void end() {
      hasEnded = true;
      timer.cancel();
    }

    AsioTimer timer;
    MonotonicTime until = MonotonicTime::max();
    MonotonicTime armed = MonotonicTime::max();
    bool isArmed = false;
    bool hasEnded = false;
    std::shared_ptr<void> owner;
    void (*onLate)(void* whose) = nullptr;
  };

  std::weak_ptr<Timer> timer_;
};

}  // namespace ironjar::detail
