// RedisCoordinator: signing out on one of several replicas.
#include "redis/coordinated.hpp"
#include "redis/records.hpp"

#include <atomic>
#include <thread>

#include <openssl/sha.h>

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::EmptyServer;
using support::errorOf;
using support::Held;
using support::Replica;
using support::server;
using support::soon;
using support::tokens;
using support::waitUntilLooking;
using From = RefreshCoordinator::From;

TEST_CASE_FIXTURE(Fixture, "signing out on one replica ends the login on the others (R72)") {
  Replica one;
  Replica two;
  REQUIRE(one.refresh("a", "b"));
  REQUIRE(two.refresh("b", "c"));
  std::atomic<int> revoked = 0;
  one.coordinator->end("c", tokens("b"), [&](const TokenSet& last) { revoked += last == tokens("c") ? 1 : 100; });
  Replica three;
  for (const char* name : {"a", "b", "c"})
    CHECK(three.failing(name, RefreshEnd::invalidGrant) == RefreshEnd::loggedOut);
  CHECK(two.failing("c", RefreshEnd::invalidGrant) == RefreshEnd::loggedOut);
  CHECK(one.failing("a", RefreshEnd::invalidGrant) == RefreshEnd::loggedOut);
  while (revoked == 0) std::this_thread::yield();
  CHECK(revoked == 1);
  CHECK(two.calls + three.calls == 1);
}

TEST_CASE_FIXTURE(Fixture, "a value planted under one of several passwords does not shorten a logout's chain (R72)") {
  const Passwords both({{2, support::otherPassword}, {1, support::password}});
  Replica one(both);
  REQUIRE(one.refresh("a", "b"));
  for (const std::string& name : detail::RedisSealer(both, "ironjar:").names("token", "c", "rt-a")) {
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

TEST_CASE_FIXTURE(Fixture, "signing out while another replica asks discards its result and revokes it (R72)") {
  std::atomic<int> revoked = 0;
  Replica one;
  Replica two;
  Held held(two, "a", {.tokens = tokens("b")});
  one.coordinator->end("c", tokens("a"), [&](const TokenSet& last) { revoked += last == tokens("b") ? 1 : 100; });
  CHECK(errorOf(held.end()) == RefreshEnd::loggedOut);
  while (revoked == 0) std::this_thread::yield();
  CHECK(revoked == 1);
  Replica three;
  CHECK(three.failing("a", RefreshEnd::invalidGrant) == RefreshEnd::loggedOut);
  CHECK(two.coordinator->newest("c", tokens("a"), From::cookie).error().code == Errc::loginRequired);
}

TEST_CASE_FIXTURE(Fixture, "signing out while this replica asks revokes the result once (R72)") {
  std::atomic<int> revoked = 0;
  Replica one;
  Held held(one, "a", {.tokens = tokens("b")});
  one.coordinator->end("c", tokens("a"), [&](const TokenSet& last) { revoked += last == tokens("b") ? 1 : 100; });
  CHECK(errorOf(held.end()) == RefreshEnd::loggedOut);
  while (revoked == 0) std::this_thread::yield();
  CHECK(revoked == 1);
}

TEST_CASE_FIXTURE(Fixture, "signing out while this replica waits for another revokes the other's result (R72)") {
  std::atomic<int> revoked = 0;
  Replica one;
  Replica two;
  Held held(two, "a", {.tokens = tokens("b")});
  support::Failure waited;
  std::thread follower([&] { waited = one.failing("a", RefreshEnd::invalidGrant); });
  waitUntilLooking(one);
  one.coordinator->end("c", tokens("a"), [&](const TokenSet& last) { revoked += last == tokens("b") ? 1 : 100; });
  follower.join();
  CHECK(waited == RefreshEnd::loggedOut);
  CHECK(errorOf(held.end()) == RefreshEnd::loggedOut);
  while (revoked == 0) std::this_thread::yield();
  CHECK(revoked == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "V24 a signed-out session is not led to what a later login with the same token has brought") {
  Replica one;
  Replica two;
  const auto early = support::at(1'000'000);
  const auto later = support::at(20'000'000);
  const auto refresh = [](Replica& replica, const std::string& from, const std::string& to, TimePoint begun) {
    return replica.coordinator->refresh(
        "c", tokens(from), [&](const TokenSet&) { return ++replica.calls, RefreshAnswer{.tokens = tokens(to)}; },
        soon(), {.begun = begun});
  };
  one.coordinator->end("c", tokens("k"), nullptr, {support::at(10'000'000), early});
  REQUIRE(refresh(one, "k", "b", later));
  REQUIRE(refresh(one, "b", "d", later));
  CHECK(errorOf(refresh(two, "k", "x", early)) == Errc::loginRequired);
  CHECK(refresh(two, "k", "x", later)->tokens == tokens("d"));
  CHECK(two.calls == 0);
}

TEST_CASE_FIXTURE(Fixture, "V24 an earlier logout takes nothing back, nor does one of a session that has ended") {
  Replica one;
  Replica two;
  Replica three;
  const auto refresh = [](Replica& replica, TimePoint begun) {
    return errorOf(replica.coordinator->refresh(
        "c", tokens("k"), [&](const TokenSet&) { return RefreshAnswer{.tokens = TokenSet{.accessToken = "at-new"}}; },
        soon(), {.begun = begun}));
  };
  one.coordinator->end("c", tokens("k"), nullptr, {support::at(30'000'000), support::at(20'000'000)});
  two.coordinator->end("c", tokens("k"), nullptr, {support::at(10'000'000), support::at(1'000'000)});
  CHECK(refresh(three, support::at(20'000'000)) == Errc::loginRequired);
  two.coordinator->end("c", tokens("k"), nullptr, {support::at(90'000'000), support::at(1'000'000)});
  Replica four;
  CHECK_FALSE(refresh(four, support::at(40'000'000)));
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
  while (server().keys("ironjar:token:*").size() < 3) std::this_thread::yield();  // all have arrived
  CHECK(refresh("both", later) == Errc::loginRequired);
  CHECK(refresh("next", early) == Errc::loginRequired);
  CHECK_FALSE(refresh("next", later));
  server().command("ACL", "DELUSER", "cut");
}
