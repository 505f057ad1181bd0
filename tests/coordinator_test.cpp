// LocalCoordinator: what it remembers and for how long, and who waits.
#include "support/child.hpp"
#include "support/coordinated.hpp"
#include "support/gate.hpp"

#include <atomic>
#include <cstdint>
#include <thread>

namespace coordinator_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::Coordinated;
using support::errorOf;
using support::Gate;
using support::soon;
using support::tokens;
using From = RefreshCoordinator::From;

TEST_CASE("a successor that no request has brought is known for 10 minutes (R29)") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  f.time.advance(599s);
  CHECK(f.newest("a") == "b");
  f.time.advance(1s);
  CHECK(f.newest("a") == "");
  CHECK(f.refresh("a", "x")->by == RefreshedBy::self);  // unknown again: one attempt
}

TEST_CASE("once a request has brought it, for a minute more; then the old token is known as spent (R26 R30)") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  CHECK(f.newest("b") == "");  // confirms
  f.time.advance(59s);
  CHECK(f.newest("a") == "b");
  CHECK(f.newest("b") == "");  // does not prolong
  f.time.advance(1s);
  CHECK(f.newest("a") == "over");
  CHECK(f.failing("a", RefreshEnd::invalidGrant) == RefreshEnd::superseded);
  CHECK(f.calls == 1);
  CHECK(f.newest("b") == "");
  f.time.advance(600s);
  CHECK(f.newest("a") == "");
}

TEST_CASE("bringing C confirms the whole way to it") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  REQUIRE(f.refresh("b", "c"));
  CHECK(f.newest("c") == "");  // brings c
  f.time.advance(61s);
  CHECK(f.newest("a") == "over");
  CHECK(f.newest("b") == "over");
  CHECK(f.newest("c") == "");
}

TEST_CASE("without rotation a token goes on being refreshed (R56)") {
  Fixture f;
  TokenSet current = tokens("a");
  for (int round = 1; round <= 3; ++round) {
    TokenSet fresh{.accessToken = "at-" + std::to_string(round)};
    const auto ask = [&](const TokenSet&) { return ++f.calls, RefreshAnswer{.tokens = fresh}; };
    const auto refreshed = f.coordinator.refresh("c", current, ask, soon());
    CHECK(refreshed->by == RefreshedBy::self);
    CHECK(refreshed->tokens.refreshToken == "rt-a");
    current = refreshed->tokens;
  }
  CHECK(f.calls == 3);
  CHECK(f.coordinator.newest("c", tokens("a"), From::cookie).value()->accessToken == "at-3");
  f.time.advance(61s);
  CHECK_FALSE(f.coordinator.newest("c", current, From::cookie).value());
}

TEST_CASE("without rotation, tokens that another process has brought are not replaced by older ones") {
  Fixture f;
  const auto ending = [](const char* name, std::int64_t end) {
    return TokenSet{.accessToken = name, .refreshToken = "rt", .expiresAt = support::at(end)};
  };
  REQUIRE(f.coordinator.refresh(
      "c", ending("old", 1000), [&](const TokenSet&) { return RefreshAnswer{.tokens = ending("mine", 2000)}; },
      soon()));
  CHECK_FALSE(f.coordinator.newest("c", ending("theirs", 3000), From::cookie).value());
  CHECK(f.coordinator.newest("c", ending("older", 1500), From::cookie).value()->accessToken == "mine");
}

TEST_CASE("waiting is bounded, for each token and in all; beyond, the answer comes at once (R21)") {
  Fixture f({.maxWaiters = 5, .maxWaitersPerToken = 3});
  Gate gate;
  std::vector<std::thread> threads;
  std::atomic<int> overloaded = 0;
  std::atomic<int> good = 0;
  const auto request = [&](const std::string& name) {
    threads.emplace_back([&, name] {
      const auto result = f.coordinator.refresh("c", tokens(name), gate.ask({.tokens = tokens("new" + name)}), soon());
      good += result.has_value();
      overloaded += errorOf(result) == Errc::overloaded;
    });
  };
  request("a");
  gate.waitUntilEntered();
  for (int i = 0; i < 9; ++i) request("a");
  while (overloaded < 7) std::this_thread::yield();  // three wait, the other seven do not
  request("b");
  request("d");
  gate.waitUntilEntered(3);
  request("e");
  while (overloaded < 8) std::this_thread::yield();
  gate.open();
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 5);
  CHECK(overloaded == 8);
}

TEST_CASE("a call that has not begun is not made when nobody waits any more") {
  Fixture f({.threads = 1});
  Gate gate;
  std::thread first([&] { CHECK(f.coordinator.refresh("c", tokens("a"), gate.ask({.tokens = tokens("b")}), soon())); });
  gate.waitUntilEntered();
  const auto gone = f.coordinator.refresh(
      "c", tokens("x"), [&](const TokenSet&) { return ++f.calls, RefreshAnswer{.tokens = tokens("y")}; },
      std::chrono::steady_clock::now());
  CHECK(errorOf(gone) == Errc::refreshFailed);
  gate.open();
  first.join();
  CHECK(f.refresh("z", "q"));  // behind it in the queue
  CHECK(f.calls == 1);
  CHECK(f.refresh("x", "y")->by == RefreshedBy::self);
}

TEST_CASE("what the browser is not known to have does not count as seen") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  CHECK_FALSE(f.coordinator.newest("c", tokens("b"), From::memory).value());
  f.time.advance(599s);
  CHECK(f.newest("a") == "b");
}

TEST_CASE("the last reference to a coordinator may go on one of its own threads") {
  auto coordinator = std::make_shared<LocalCoordinator>();
  std::atomic<bool> gone = false;
  struct Guard {
    std::atomic<bool>& gone;
    ~Guard() { gone = true; }
  };
  LocalCoordinator& reference = *coordinator;
  Gate gate;
  {
    const auto guard = std::make_shared<Guard>(Guard{gone});
    gone = false;
    const auto held = [ask = gate.ask({.tokens = tokens("b")}), keep = coordinator, guard](const TokenSet& t) {
      return ask(t);
    };
    const auto caller = [&](Deadline deadline) { return errorOf(reference.refresh("c", tokens("a"), held, deadline)); };
    CHECK(support::leaveHeld(gate, caller));
  }
  coordinator.reset();
  gate.open();
  while (!gone) std::this_thread::yield();
}

TEST_CASE("a provider that issues an earlier token again makes no circle") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  REQUIRE(f.refresh("b", "a"));
  CHECK(f.newest("b") == "a");
  CHECK(f.newest("a") == "");
  REQUIRE(f.refresh("a", "c"));
  CHECK(f.newest("b") == "c");
}

TEST_CASE("impossible options are refused") {
  CHECK_THROWS_AS(LocalCoordinator({.keep = 0s}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.keepUnconfirmed = 1s}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.maxEntries = 0}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.threads = 0}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.maxWaiters = 0}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.keepUnconfirmed = Seconds::max()}), std::invalid_argument);
}

TEST_CASE("in a child of fork(), which has no threads, a call fails at once, and nothing waits at the end") {
  auto coordinator = std::make_unique<LocalCoordinator>();
  const auto refresh = [&](const char* token) {
    const auto ask = [](const TokenSet&) { return RefreshAnswer{.tokens = tokens("new")}; };
    return coordinator->refresh("client", tokens(token), {ask}, std::chrono::steady_clock::now() + 60s, {});
  };
  REQUIRE(refresh("one"));  // its threads have begun
  CHECK(support::endsInChild([&] {
    const auto refused = refresh("other");
    coordinator.reset();
    return !refused && refused.error().code == Errc::overloaded;
  }));
  CHECK(refresh("third"));
}

}  // namespace coordinator_test
