// A replica as an operator and its requests see it.
#pragma once

#include "redis_server.hpp"
#include "support/named_tokens.hpp"
#include "support/support.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include <ironjar/redis.hpp>

namespace support {

// What the observer was told.
class Told {
 public:
  ironjar::Observer observer() {
    return [this](const ironjar::Event& event) {
      tell("event", ironjar::toLine(event));
      const auto& told = std::get<ironjar::event::CoordinatorDegraded>(event);
      {
        const std::lock_guard lock(mutex_);
        transitions_.push_back(told.degraded);
        why_ = told.degraded ? told.why : why_;
      }
      changed_.notify_all();
    };
  }
  void waitFor(std::size_t count) {
    std::unique_lock lock(mutex_);
    CHECK(changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return transitions_.size() >= count; }));
  }
  std::vector<bool> transitions() {
    const std::lock_guard lock(mutex_);
    return transitions_;
  }
  std::string why() {
    const std::lock_guard lock(mutex_);
    return why_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> transitions_;
  std::string why_;
};

struct WatchedReplica {
  explicit WatchedReplica(ironjar::RedisOptions options, ironjar::RedisCoordinatorOptions coordinating = {}) {
    options.observer = told.observer();
    redis = std::make_shared<ironjar::Redis>(std::move(options));
    coordinator = std::make_unique<ironjar::RedisCoordinator>(redis, std::move(coordinating));
  }
  explicit WatchedReplica(int port, ironjar::RedisCoordinatorOptions coordinating = {})
      : WatchedReplica(ironjar::RedisOptions{.passwords = password,
                                             .port = port,
                                             .timeout = std::chrono::seconds{5},
                                             .pause = std::chrono::milliseconds{100}},
                       std::move(coordinating)) {}

  ironjar::Result<ironjar::NewTokens> refresh(const std::string& from, const ironjar::RefreshAnswer& answer) {
    return coordinator->refresh(
        "c", tokens(from), [&](const ironjar::TokenSet&) { return ++calls, answer; }, soon());
  }
  ironjar::Result<ironjar::NewTokens> refresh(const std::string& from, const std::string& to) {
    return refresh(from, ironjar::RefreshAnswer{.tokens = tokens(to)});
  }

  // Stops the server, and asks until it is given up.
  void lose(RedisServer& server) {
    server.stop();
    for (const char* name : {"1", "2", "3"}) REQUIRE(refresh(name, std::string(name) + "'"));
    told.waitFor(1);
  }

  Told told;  // before the link, whose thread is the last to use it
  std::shared_ptr<ironjar::Redis> redis;
  std::unique_ptr<ironjar::RedisCoordinator> coordinator;
  std::atomic<int> calls = 0;
};

}  // namespace support
