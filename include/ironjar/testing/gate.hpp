// Where a fake server's callers wait: held, slowed down, or left hanging. Part of Provider and Api.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <ironjar/http.hpp>
#include <ironjar/testing/clock.hpp>

namespace ironjar::testing::detail {

// One mutex for everything a fake server knows, and the ways to wait under it. Thread-safe; what takes a Lock is called
// with the gate's own.
class Gate {
 public:
  using Lock = std::unique_lock<std::mutex>;

  explicit Gate(std::optional<VirtualClock> clock) : clock_(std::move(clock)) {
    if (clock_) clock_->ringOnMove(bell_);
  }

  [[nodiscard]] Lock lock() const { return Lock(bell_->mutex); }
  [[nodiscard]] Deadline now() const { return clock_ ? clock_->monotonicNow() : std::chrono::steady_clock::now(); }
  [[nodiscard]] TimePoint wallNow() const { return clock_ ? clock_->wallNow() : systemClock(); }
  void ring() const { bell_->rung.notify_all(); }

  void hold() {
    const Lock own = lock();
    held_ = true;
  }
  void release() {
    {
      const Lock own = lock();
      held_ = false;
      ++releases_;
    }
    ring();
  }

  // Until it is released, should calls be held now. False when the deadline passes first; likewise below.
  bool pass(Lock& own, Deadline deadline) const { return !held_ || hang(own, deadline); }
  // Until `latency` has passed on the server's clock.
  bool delay(Lock& own, std::chrono::milliseconds latency, Deadline deadline) const {
    if (latency.count() <= 0) return true;
    const Deadline end = now() + latency;
    const auto over = [&, before = releases_] { return releases_ != before || now() >= end; };
    return bell_->rung.wait_until(own, clock_ ? deadline : std::min(deadline, end), over);
  }
  // Until somebody releases.
  bool hang(Lock& own, Deadline deadline) const {
    return bell_->rung.wait_until(own, deadline, [&, before = releases_] { return releases_ != before; });
  }

  // For tests that wait for calls. Throws std::runtime_error when they do not come: a test should fail, not hang.
  void waitFor(const int& count, int wanted, const char* what) const {
    constexpr Seconds patience{30};
    Lock own = lock();
    if (bell_->rung.wait_for(own, patience, [&] { return count >= wanted; })) return;
    throw std::runtime_error("ironjar: waited for " + std::to_string(wanted) + " " + what + ", saw " +
                             std::to_string(count));
  }

 private:
  std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  std::optional<VirtualClock> clock_;
  bool held_ = false;
  unsigned releases_ = 0;
};

}  // namespace ironjar::testing::detail
