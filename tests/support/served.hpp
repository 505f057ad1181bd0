// A RefreshService under test: its token endpoint, its waits and what it tells.
#pragma once

#include "named_tokens.hpp"
#include "support.hpp"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <ironjar/refresh_service.hpp>

namespace support {

using Times = std::vector<std::chrono::milliseconds>;

// A token endpoint that answers as told, then with new tokens; it can be made to hang.
class ServedEndpoint {
 public:
  explicit ServedEndpoint(ironjar::testing::VirtualClock clock) : clock_(std::move(clock)) {}

  ironjar::BlockingRefresh ask() {
    return [this](const ironjar::TokenSet&) {
      std::unique_lock lock(mutex_);
      times_.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(clock_.wallNow() - begin_));
      changed_.notify_all();
      changed_.wait(lock, [this] { return !hangs_; });
      if (!answers_.empty()) {
        const std::optional<ironjar::Error> error = std::move(answers_.front());
        answers_.pop_front();
        if (error) return ironjar::RefreshAnswer{.tokens = *error};
      }
      ironjar::TokenSet fresh = tokens(std::to_string(times_.size()));
      if (lifetime) fresh.expiresAt = clock_.wallNow() + *lifetime;
      return ironjar::RefreshAnswer{.tokens = fresh};
    };
  }
  // Nothing: new tokens.
  void answer(std::deque<std::optional<ironjar::Error>> answers) { answers_ = std::move(answers); }
  void hang() { hangs_ = true; }
  void waitForCall() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !times_.empty(); });
  }
  void answerNow() {
    {
      const std::lock_guard lock(mutex_);
      hangs_ = false;
    }
    changed_.notify_all();
  }
  Times times() {
    const std::lock_guard lock(mutex_);
    return times_;
  }
  std::size_t calls() { return times().size(); }

  std::optional<ironjar::Seconds> lifetime = ironjar::Seconds{1800};

 private:
  ironjar::testing::VirtualClock clock_;
  const ironjar::TimePoint begin_ = clock_.wallNow();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hangs_ = false;
  std::deque<std::optional<ironjar::Error>> answers_;
  Times times_;
};

// Waits that take no time but move the clock, as many as allowed; the next one is real.
class Waits {
 public:
  explicit Waits(ironjar::testing::VirtualClock clock) : clock_(std::move(clock)) {}

  bool hasPassed(std::chrono::milliseconds time) {
    const std::lock_guard lock(mutex_);
    times_.push_back(time);
    changed_.notify_all();
    if (times_.size() > allowed) return false;
    clock_.advance(time);
    return true;
  }
  // The service has done all that it does until then.
  void waitForReal() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return times_.size() > allowed; });
  }
  Times times() {
    const std::lock_guard lock(mutex_);
    return times_;
  }

  std::size_t allowed = 0;

 private:
  ironjar::testing::VirtualClock clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Times times_;
};

struct Served {
  ironjar::TokenSource source() {
    return {.coordinator = coordinator, .client = "c", .call = endpoint.ask(), .now = clock.wall()};
  }
  ironjar::RefreshServiceOptions options() {
    return {.onRefresh =
                [this](bool success, const ironjar::TokenSet& now) {
                  const std::lock_guard lock(mutex);
                  told.push_back((success ? "+" : "-") + now.refreshToken);
                },
            .onExpired =
                [this] {
                  const std::lock_guard lock(mutex);
                  told.emplace_back("expired");
                },
            .hasPassed = [this](std::chrono::milliseconds time) { return waits.hasPassed(time); }};
  }
  // Lets so many waits pass, and stops it.
  void run(ironjar::TokenSource from, ironjar::TokenSet held, ironjar::RefreshServiceOptions with,
           std::size_t allowed) {
    waits.allowed = allowed;
    ironjar::RefreshService service(std::move(from), std::move(held), std::move(with));
    service.start();
    waits.waitForReal();
    service.stop();
  }
  // Until it has stopped by itself.
  static void waitForEnd(ironjar::RefreshService& service) {
    while (errorOf(service.refreshNow()) == std::nullopt) std::this_thread::yield();
    service.stop();
  }
  ironjar::TokenSet endingIn(std::chrono::milliseconds time, const std::string& name = "0") const {
    ironjar::TokenSet held = tokens(name);
    held.expiresAt = clock.wallNow() + time;
    return held;
  }
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex);
    return told;
  }

  ironjar::testing::VirtualClock clock;
  ServedEndpoint endpoint{clock};
  Waits waits{clock};
  std::mutex mutex;
  std::vector<std::string> told;
  std::shared_ptr<ironjar::LocalCoordinator> coordinator =
      std::make_shared<ironjar::LocalCoordinator>(ironjar::LocalCoordinatorOptions{.now = clock.monotonic()});
};

}  // namespace support
