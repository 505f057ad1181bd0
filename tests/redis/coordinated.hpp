// Replicas with a redis-server: each is a coordinator with connections of its own.
#pragma once

#include "redis/redis_server.hpp"
#include "support/gate.hpp"
#include "support/named_tokens.hpp"
#include "support/support.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <ironjar/redis.hpp>

namespace support {

inline RedisServer& server() {
  static RedisServer only;
  return only;
}

struct Replica {
  explicit Replica(ironjar::RedisCoordinatorOptions options = {}) : Replica(password, std::move(options)) {}
  explicit Replica(ironjar::Passwords passwords, ironjar::RedisCoordinatorOptions options = {})
      : Replica(
            ironjar::RedisOptions{
                .passwords = std::move(passwords), .port = server().port(), .timeout = std::chrono::seconds{5}},
            std::move(options)) {}
  // A machine may be too busy at first for a server that is there.
  Replica(const ironjar::RedisOptions& where, ironjar::RedisCoordinatorOptions options)
      : redis(std::make_shared<ironjar::Redis>(where)) {
    for (int tries = 0; tries < 20 && redis->stats().degraded; ++tries) redis = std::make_shared<ironjar::Redis>(where);
    coordinator = std::make_shared<ironjar::RedisCoordinator>(redis, std::move(options));
  }

  ironjar::Result<ironjar::NewTokens> refresh(const std::string& from, const ironjar::BlockingRefresh& ask) {
    return coordinator->refresh("c", tokens(from), ask, soon());
  }
  ironjar::Result<ironjar::NewTokens> refresh(const std::string& from, ironjar::RefreshAnswer answer) {
    return refresh(from, [this, answer](const ironjar::TokenSet&) { return ++calls, answer; });
  }
  ironjar::Result<ironjar::NewTokens> refresh(const std::string& from, const std::string& to) {
    return refresh(from, ironjar::RefreshAnswer{.tokens = tokens(to)});
  }
  Failure failing(const std::string& from, ironjar::Errc code) {
    return errorOf(refresh(from, ironjar::RefreshAnswer{.tokens = ironjar::fail(code)}));
  }
  Failure failing(const std::string& from, ironjar::RefreshEnd end) {
    return errorOf(refresh(from, ironjar::RefreshAnswer{.tokens = ironjar::loginOver(end)}));
  }

  std::atomic<int> calls = 0;
  std::shared_ptr<ironjar::Redis> redis;
  std::shared_ptr<ironjar::RedisCoordinator> coordinator;
};

// Each test begins with an empty server.
struct EmptyServer {
  EmptyServer() { server().command("FLUSHALL"); }
};

// Until this replica has seen that another one asks, and waits for it.
inline void waitUntilWaiting(const ironjar::RedisCoordinator& coordinator) {
  const auto deadline = soon();
  while (coordinator.redisStats().waiting == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
}
inline void waitUntilWaiting(const Replica& replica) { waitUntilWaiting(*replica.coordinator); }

}  // namespace support
