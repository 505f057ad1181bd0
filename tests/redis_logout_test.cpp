// RedisCoordinator: signing out on one of several replicas.
#include "redis/coordinated.hpp"
#include "redis/records.hpp"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace redis_logout_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::EmptyServer;
using support::errorOf;
using support::Held;
using support::Replica;
using support::server;
using support::soon;
using support::tokens;

TEST_CASE_FIXTURE(Fixture, "a value planted under one of several passwords does not shorten a logout's chain (R72)") {
  const Passwords both({{2, support::otherPassword}, {1, support::password}});
  Replica one(both);
  REQUIRE(one.refresh("a", "b"));
  for (const std::string& name : detail::tokenNames(detail::RedisSealer(both, "ironjar:"), "c", "rt-a")) {
    Replica three(both);
    const std::string genuine = server().command("GET", name);
    server().command("SET", name, "o" + genuine.substr(1));
    three.coordinator->end("c", tokens("a"), nullptr);
    Replica two(both);
    CHECK(two.failing("b", RefreshEnd::invalidGrant) == RefreshEnd::loggedOut);
    CHECK(two.calls == 0);
    server().command("FLUSHALL");
    REQUIRE(Replica(both).refresh("a", "b"));
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "V24 a logout that reaches Redis late takes nothing back, nor ends a login that began meanwhile") {
  server().command("ACL", "SETUSER", "cut", "on", ">secret", "~*", "+@all");
  RedisCoordinator cutOff(std::make_shared<Redis>(
      RedisOptions{.passwords = support::password, .port = server().port(), .user = "cut", .password = "secret"}));
  Replica one;
  Replica two;
  const auto refresh = [&](const std::string& name, TimePoint begun) {
    return errorOf(two.coordinator->refresh(
        "c", tokens(name), [&](const TokenSet&) { return RefreshAnswer{.tokens = tokens("new-" + name)}; }, soon(),
        {.begun = begun}));
  };
  const auto early = support::at(1'000'000);
  const auto later = support::at(20'000'000);
  one.coordinator->end("c", tokens("next"), nullptr, {support::at(10'000'000), early});
  server().command("ACL", "SETUSER", "cut", "-@all");
  cutOff.end("c", tokens("both"), nullptr, {support::at(10'000'000), early});
  cutOff.end("c", tokens("next"), nullptr, {support::at(90'000'000), early});
  cutOff.end("c", tokens("last"), nullptr, {support::at(10'000'000), early});
  one.coordinator->end("c", tokens("both"), nullptr, {support::at(30'000'000), later});
  server().command("ACL", "SETUSER", "cut", "+@all");
  const auto deadline = soon();
  while (server().keys("ironjar:token:*").size() < 3 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();  // until all have arrived
  }
  CHECK(refresh("both", later) == Errc::loginRequired);
  CHECK(refresh("next", early) == Errc::loginRequired);
  CHECK_FALSE(refresh("next", later));
  server().command("ACL", "DELUSER", "cut");
}

TEST_CASE_FIXTURE(Fixture,
                  "a lock is held until the tokens of a login that has ended are where they are looked for (R72)") {
  Replica one;
  Replica two;
  Held late(one, "a", {.tokens = tokens("b")});
  two.coordinator->end("c", tokens("a"), nullptr);
  server().command("ACL", "SETUSER", "default", "resetkeys", "~*[^d]");  // all but `:orphaned`
  CHECK_FALSE(late.end());
  CHECK(server().keys("*:lock").size() == 1);
  server().command("ACL", "SETUSER", "default", "allkeys");
  while (server().keys("*:orphaned").empty()) std::this_thread::yield();
}

TEST_CASE_FIXTURE(Fixture, "all threads that complete may sign out at once, each blocking") {
  Replica one;
  std::atomic<int> refreshed = 0;
  std::vector<std::promise<void>> ended(4);
  for (std::size_t i = 0; i < ended.size(); ++i) {
    const std::string name = "user-" + std::to_string(i);
    const auto call = [name](const TokenSet&) { return RefreshAnswer{.tokens = tokens("new-" + name)}; };
    one.coordinator->startRefresh("c", tokens(name), {call}, soon(), {}, [&, name, i](const Result<NewTokens>&) {
      ++refreshed;
      const auto deadline = std::chrono::steady_clock::now() + 200ms;
      while (refreshed < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
      one.coordinator->end("c", tokens("new-" + name), nullptr);
      ended[i].set_value();
    });
  }
  for (auto& each : ended) CHECK(each.get_future().wait_for(20s) == std::future_status::ready);
  CHECK(one.failing("new-user-0", RefreshEnd::invalidGrant) == RefreshEnd::loggedOut);
}

}  // namespace redis_logout_test
