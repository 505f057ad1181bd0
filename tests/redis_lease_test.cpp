// RedisCoordinator: who asks, when a leader dies, is slow, or loses its lock.
#include "redis/coordinated.hpp"
#include "redis/records.hpp"

#include <thread>

#include <openssl/sha.h>

namespace redis_lease_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::EmptyServer;
using support::Held;
using support::Replica;
using support::server;
using support::tokens;
using support::waitUntilWaiting;

TEST_CASE_FIXTURE(Fixture, "when a leader dies another takes over, no later than 250 ms after its lease (R64)") {
  const auto lease = 400ms;
  Replica survivor({.lease = lease});
  detail::RedisLink link(support::redisOptions(server(), support::password));
  detail::RedisRecord record(link, "c", "rt-a", {.lease = lease, .keep = 600s, .keepInvalidGrant = 60s});
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(std::holds_alternative<detail::RedisRecord::Claimed>(record.claim("dead-leaders-own-name!", "").value()));
  CHECK(survivor.refresh("a", "b")->by == RefreshedBy::self);
  const auto taken = std::chrono::steady_clock::now() - begin;
  CHECK(taken >= lease);
  CHECK(taken < lease + 250ms + support::overhead);
  CHECK(survivor.calls == 1);
}

TEST_CASE_FIXTURE(Fixture, "a leader that takes long keeps its lock: it is renewed") {
  const auto lease = 2s;
  Replica one({.lease = lease});
  Replica two({.lease = lease});
  Held held(one, "a", {.tokens = tokens("b")});
  for (int i = 0; i < 6; ++i) {
    std::this_thread::sleep_for(lease / 4);
    CHECK(server().keys("*:lock").size() == 1);
  }
  CHECK(held.end());
  CHECK(server().keys("*:lock").empty());
  CHECK(two.refresh("a", "x")->tokens == tokens("b"));
}

TEST_CASE_FIXTURE(Fixture, "a lock is released and renewed by its owner only (R66)") {
  Replica one({.lease = 1500ms});
  Held held(one, "a", {.tokens = tokens("b")});
  const auto lock = server().keys("*:lock").at(0);
  CHECK(server().command("SET", lock, "somebody else's name!", "PX", "60000") == "OK");
  const auto last = server().keys("*:last").at(0);
  CHECK(server().command("SET", last, "somebody else's name!", "PX", "60000") == "OK");
  std::this_thread::sleep_for(2000ms);  // beyond its lease: it has tried to renew
  CHECK(server().command("GET", lock) == "somebody else's name!");
  CHECK(held.end()->tokens == tokens("b"));
  CHECK(server().command("GET", lock) == "somebody else's name!");
  CHECK(std::stoi(server().command("PTTL", lock)) > 40'000);
}

TEST_CASE_FIXTURE(Fixture, "the late result of a leader that lost its lock does not replace a newer one") {
  Replica one;
  Replica two;
  Held late(one, "a", {.tokens = tokens("late")});
  server().command("DEL", server().keys("*:lock").at(0));  // as if its lease had passed
  REQUIRE(two.refresh("a", "newer")->by == RefreshedBy::self);
  const auto result = late.end();
  CHECK(result->tokens == tokens("newer"));
  Replica three;
  CHECK(three.refresh("a", "x")->tokens == tokens("newer"));
}

TEST_CASE_FIXTURE(Fixture, "a lock that is lost while nobody has taken over is had again (R68)") {
  Replica one({.lease = 300ms});
  Held held(one, "a", {.tokens = tokens("b")});
  server().command("FLUSHALL");
  const auto deadline = support::soon();
  while (server().keys("*:lock").empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(held.end());
  Replica two;
  CHECK(two.refresh("a", "x")->tokens == tokens("b"));
}

TEST_CASE_FIXTURE(Fixture, "after a failover that loses all keys there is one call too many at most (R68)") {
  Replica one({.lease = 60s});
  Replica two({.lease = 60s});
  Replica three({.lease = 60s});
  Held held(one, "a", {.tokens = tokens("b")});
  std::thread second([&] { CHECK(two.refresh("a", "c")); });
  std::thread third([&] { CHECK(three.refresh("a", "c")); });
  waitUntilWaiting(two);
  waitUntilWaiting(three);
  server().command("FLUSHALL");
  second.join();
  third.join();
  CHECK(held.end());
  CHECK(two.calls + three.calls == 1);
}

TEST_CASE_FIXTURE(Fixture, "who had a lock last is known longer than any lease, however short results are kept") {
  Replica one({.local = {.keep = Seconds{1}, .keepUnconfirmed = Seconds{1}}});
  REQUIRE(one.refresh("a", "b"));
  CHECK(std::stoi(server().command("PTTL", server().keys("*:last").at(0))) > 500'000);
}

}  // namespace redis_lease_test
