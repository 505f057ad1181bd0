// A coordinator whose Redis is not there: the process goes on alone.
#include <iostream>

#include <ironjar/ironjar.hpp>
#include <ironjar/redis.hpp>

int main() {
  const auto redis = std::make_shared<ironjar::Redis>(ironjar::RedisOptions{
      .passwords = "Hw6-password-of-this-test-and-no-site-0003", .unixSocket = "/nonexistent/redis.sock"});
  ironjar::RedisCoordinator coordinator(redis);
  ironjar::RedisRevocationList revoked(redis);
  const auto ask = [](const ironjar::TokenSet&) {
    return ironjar::RefreshAnswer{.tokens = ironjar::TokenSet{.accessToken = "new", .refreshToken = "next"}};
  };
  const auto refreshed = coordinator.refresh("client", {.accessToken = "old", .refreshToken = "first"}, ask,
                                             std::chrono::steady_clock::now() + std::chrono::seconds(10));
  std::cout << (redis->stats().degraded ? "without Redis: " : "with Redis: ")
            << (refreshed ? refreshed->tokens.accessToken : "nothing") << '\n';
  return refreshed && redis->stats().degraded ? 0 : 1;
}
