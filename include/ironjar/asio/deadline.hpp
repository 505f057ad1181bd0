// A deadline that moves. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>

#include <ironjar/asio/loop.hpp>

namespace ironjar::detail {

// For its strand. Once begun it owns `Owner`, whose member it is, until end(), and calls its onLate(), which may move
// the deadline, when that has passed. To a later time it is moved for free.
template <class Owner>
class AsioDeadline {
 public:
  AsioDeadline(const Strand& strand, MonotonicTime until) : timer_(strand), until_(until) {}

  void begin(const std::shared_ptr<Owner>& owner) {
    owner_ = owner;
    arm();
  }
  void end() {
    hasEnded_ = true;
    timer_.cancel();
  }
  [[nodiscard]] bool isLate() const { return std::chrono::steady_clock::now() >= until_; }
  void move(MonotonicTime until) {
    until_ = until;
    if (until < armed_ && !hasEnded_) arm();
  }

 private:
  // An hour at most at a time: a deadline may be the end of all time.
  void arm() {
    const std::shared_ptr<Owner> owner = owner_.lock();
    armed_ = std::min(until_, std::chrono::steady_clock::now() + std::chrono::hours{1});
    timer_.expires_at(armed_);
    timer_.async_wait([this, owner](AsioError problem) {
      if (problem || hasEnded_) return;
      const bool wasLate = isLate();
      arm();
      if (wasLate) owner->onLate();
    });
  }

  AsioTimer timer_;
  MonotonicTime until_;
  MonotonicTime armed_ = MonotonicTime::max();
  std::weak_ptr<Owner> owner_;
  bool hasEnded_ = false;
};

}  // namespace ironjar::detail
