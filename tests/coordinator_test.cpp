// LocalCoordinator: what it remembers, for how long, and when it lets a token endpoint be asked.
#include "support/gate.hpp"
#include "support/support.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::FakeSteadyClock;
using support::Gate;
using From = RefreshCoordinator::From;

namespace {

Deadline soon() { return std::chrono::steady_clock::now() + 20s; }

TokenSet tokens(const std::string& name) { return {.accessToken = "at-" + name, .refreshToken = "rt-" + name}; }

// A coordinator on a clock of its own, and a provider that answers what it is told.
struct Fixture {
  explicit Fixture(LocalCoordinatorOptions options = {}) : coordinator(prepared(std::move(options))) {}

  Result<NewTokens> refresh(const std::string& from, RefreshAnswer answer, const std::string& client = "c") {
    return coordinator.refresh(
        client, tokens(from), [this, answer](const TokenSet&) { return ++calls, answer; }, soon());
  }
  Result<NewTokens> refresh(const std::string& from, const std::string& to) {
    return refresh(from, RefreshAnswer{.tokens = tokens(to)});
  }
  std::optional<Errc> failing(const std::string& from, Errc code, std::optional<Seconds> retryAfter = std::nullopt) {
    return errorOf(refresh(from, RefreshAnswer{.tokens = fail(code), .retryAfter = retryAfter}));
  }
  // What a request with these tokens is given: newer ones, "" for none, "over" for an ended login.
  std::string newest(const std::string& name) {
    const auto found = coordinator.newest("c", tokens(name), From::cookie);
    if (!found) return "over";
    return *found ? (*found)->refreshToken.substr(3) : "";
  }

  LocalCoordinatorOptions prepared(LocalCoordinatorOptions options) {
    options.now = time;
    return options;
  }

  FakeSteadyClock time;
  std::atomic<int> calls = 0;
  LocalCoordinator coordinator;
};

}  // namespace

TEST_CASE("a request with A after A, B, C gets C (R27)") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  REQUIRE(f.refresh("b", "c"));
  CHECK(f.newest("a") == "c");
  CHECK(f.newest("b") == "c");
  CHECK(f.newest("c") == "");
  const auto late = f.refresh("a", "x");
  CHECK(late->by == RefreshedBy::chain);
  CHECK(late->tokens == tokens("c"));
  CHECK(f.calls == 2);
}

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
  CHECK(f.failing("a", Errc::expired) == Errc::loginRequired);
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

TEST_CASE(
    "V06 a provider that gives the same access token again, good for longer, is not asked once for each old cookie") {
  Fixture f;
  const auto ending = [](std::int64_t end) {
    return TokenSet{.accessToken = "same", .refreshToken = "rt", .expiresAt = support::at(end)};
  };
  const auto ask = [&](const TokenSet&) { return ++f.calls, RefreshAnswer{.tokens = ending(2000)}; };
  for (int i = 0; i < 3; ++i) {
    const auto fresh = f.coordinator.refresh("c", ending(1000), ask, soon());
    REQUIRE(fresh);
    CHECK(fresh->tokens == ending(2000));
  }
  CHECK(f.calls == 1);
  CHECK(f.coordinator.newest("c", ending(1000), From::cookie).value() == ending(2000));
  // What an API has refused is not better for ending later.
  CHECK(f.coordinator.refresh("c", ending(1000), ask, soon(), {.cause = RefreshCause::refused})->by ==
        RefreshedBy::self);
  CHECK(f.calls == 2);
}

TEST_CASE("V07 revocations that take long hold up no refresh, whenever their login ended") {
  Gate gate;
  const auto hanging = gate.ask({.tokens = tokens("x")});
  const auto revoke = [&](const TokenSet& last) { static_cast<void>(hanging(last).tokens.has_value()); };
  Fixture f({.threads = 2});
  for (const char* user : {"a", "b", "c"}) {
    Gate call;
    std::thread request([&] {
      CHECK(errorOf(f.coordinator.refresh("c", tokens(user), call.ask({.tokens = tokens("new")}), soon())) ==
            Errc::loginRequired);
    });
    call.waitUntilEntered();
    f.coordinator.end("c", tokens(user), revoke);
    call.open();
    request.join();
  }
  CHECK(f.refresh("ada", "next"));
  gate.open();
}

TEST_CASE("what a call of the application's own asks to wait is said, however long") {
  Fixture f;
  for (const Errc code : {Errc::unreachable, Errc::notAllowed}) {
    const auto failed = f.refresh("a", RefreshAnswer{.tokens = fail(code, "away", 3600s)}, std::string(nameOf(code)));
    CHECK(failed.error().code == code);
    CHECK(failed.error().retryAfter == 3600s);
  }
}

TEST_CASE("a dead token is not asked again for a minute (R34)") {
  Fixture f;
  CHECK(f.failing("a", Errc::expired) == Errc::expired);
  CHECK(f.failing("a", Errc::expired) == Errc::expired);
  CHECK(f.calls == 1);
  f.time.advance(60s);
  CHECK(f.failing("a", Errc::expired) == Errc::expired);
  CHECK(f.calls == 2);
}

TEST_CASE("issuers and clients do not share results, nor failures") {
  Fixture f;
  CHECK(f.refresh("a", RefreshAnswer{.tokens = tokens("b")}, "one")->tokens == tokens("b"));
  CHECK(f.refresh("a", RefreshAnswer{.tokens = tokens("c")}, "two")->tokens == tokens("c"));
  CHECK_FALSE(f.coordinator.newest("three", tokens("a"), From::cookie).value());
  CHECK(errorOf(f.refresh("x", RefreshAnswer{.tokens = fail(Errc::refreshFailed)}, "one")) == Errc::refreshFailed);
  CHECK(f.refresh("x", RefreshAnswer{.tokens = tokens("y")}, "two"));
}

TEST_CASE("V07 a token that failed has a pause, longer each time; others go on (R44 R47)") {
  Fixture f;
  for (const Seconds pause : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    const int before = f.calls;
    const auto failed =
        f.refresh("a", RefreshAnswer{.tokens = fail(Errc::refreshFailed), .endpoint = EndpointState::failing});
    CHECK(errorOf(failed) == Errc::refreshFailed);
    CHECK(failed.error().retryAfter == pause);
    CHECK(f.refresh("other" + std::to_string(before), "new"));
    f.time.advance(pause - 1ms);
    const auto refused = f.refresh("a", "x");
    CHECK(refused.error().code == Errc::refreshFailed);
    CHECK(refused.error().retryAfter == 1s);
    CHECK(f.calls == before + 2);
    f.time.advance(1ms);
  }
  CHECK(f.refresh("a", "x"));
}

TEST_CASE("V07 what the server asked for is waited, ten minutes at most, and told (R42 R43)") {
  Fixture f;
  CHECK(f.failing("a", Errc::refreshFailed, 30s) == Errc::refreshFailed);
  f.time.advance(29'999ms);
  CHECK(f.failing("a", Errc::refreshFailed) == Errc::refreshFailed);
  CHECK(f.calls == 1);
  f.time.advance(1ms);
  const auto failed =
      f.refresh("a", RefreshAnswer{.tokens = fail(Errc::refreshFailed), .retryAfter = Seconds{1'000'000'000}});
  CHECK(failed.error().retryAfter == 600s);
  f.time.advance(600s);
  CHECK(f.refresh("a", "x"));
  for (const Seconds odd : {Seconds{-1}, Seconds{0}, Seconds::min()}) {
    CHECK(f.failing("q" + std::to_string(odd.count()), Errc::refreshFailed, odd) == Errc::refreshFailed);
    CHECK(f.refresh("b" + std::to_string(odd.count()), "y"));
  }
}

TEST_CASE("V07 a token that fails for ten minutes while others do not needs a new login, and nobody asks about it") {
  Fixture f;
  CHECK(f.failing("a", Errc::refreshFailed) == Errc::refreshFailed);
  for (int second = 0; second < 600; second += 60) {
    f.time.advance(60s);
    CHECK(f.failing("a", Errc::refreshFailed) ==
          (second < 540 ? std::optional(Errc::refreshFailed) : std::optional(Errc::loginRequired)));
    CHECK(f.refresh("other" + std::to_string(second), "new"));
  }
  const int before = f.calls;
  CHECK(f.failing("a", Errc::refreshFailed) == Errc::loginRequired);
  CHECK(f.calls == before);
}

TEST_CASE("V07 an outage that all see ends no login, however long it takes") {
  Fixture f;
  for (int minute = 0; minute < 30; ++minute) {
    for (const char* user : {"a", "b", "c", "d"}) CHECK(f.failing(user, Errc::refreshFailed) == Errc::refreshFailed);
    f.time.advance(60s);
  }
  f.time.advance(60s);
  CHECK(f.refresh("a", "x"));
}

TEST_CASE(
    "V07 three tokens that fail open the breaker; then one call probes, and its success lets the others go (R42)") {
  Fixture f;
  for (const char* user : {"a", "b", "c"}) CHECK(f.failing(user, Errc::refreshFailed) == Errc::refreshFailed);
  CHECK(f.coordinator.stats().openCircuits == 1);
  const auto refused = f.refresh("x", "y");
  CHECK(refused.error().code == Errc::refreshFailed);
  CHECK(refused.error().retryAfter == 4s);
  CHECK(f.calls == 3);
  f.time.advance(4s);
  Gate gate;
  std::thread probe([&] { CHECK(f.coordinator.refresh("c", tokens("p"), gate.ask({.tokens = tokens("q")}), soon())); });
  gate.waitUntilEntered();
  CHECK(f.failing("x", Errc::expired) == Errc::refreshFailed);
  CHECK(f.calls == 3);
  gate.open();
  probe.join();
  CHECK(f.refresh("x", "y"));
  CHECK(f.coordinator.stats().openCircuits == 0);
}

TEST_CASE("one user's invalid_grant never opens the breaker for others; a refused client does (R35 R46)") {
  Fixture f;
  for (int i = 0; i < 100; ++i) CHECK(f.failing(std::to_string(i), Errc::expired) == Errc::expired);
  CHECK(f.refresh("a", "b"));
  CHECK(f.failing("x", Errc::notAllowed) == Errc::notAllowed);
  CHECK(f.failing("y", Errc::expired) == Errc::refreshFailed);
  CHECK(f.refresh("z", RefreshAnswer{.tokens = tokens("zz")}, "another client"));
}

TEST_CASE("calls still queued when the breaker opens are not made") {
  Fixture f({.threads = 2});
  Gate gate;
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  std::atomic<int> asked = 0;
  const auto ask = [&, held = gate.ask({.tokens = fail(Errc::unreachable)})](const TokenSet& t) {
    ++asked;
    return held(t);
  };
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&, i] {
      const auto result = f.coordinator.refresh("c", tokens(std::to_string(i)), ask, soon());
      failed += !result && result.error().retryAfter.has_value();
    });
  }
  gate.waitUntilEntered(2);
  gate.open();
  for (std::thread& thread : threads) thread.join();
  CHECK(failed == 10);
  CHECK(asked <= 4);  // two under way, and what began before the first had ended
  f.time.advance(4s);
  CHECK(f.refresh("a", "b"));  // one failure's pause
}

TEST_CASE("V06 refreshes that an API's 401 causes are few, and those for tokens that have ended are not counted") {
  Fixture f;
  const auto refused = [&](const std::string& from, const std::string& to) {
    return f.coordinator.refresh("c", tokens(from),
                                 [&](const TokenSet&) { return ++f.calls, RefreshAnswer{.tokens = tokens(to)}; },
                                 soon(), {.cause = RefreshCause::refused});
  };
  for (int i = 0; i < 3; ++i) REQUIRE(refused(std::to_string(i), std::to_string(i + 1)));
  CHECK(errorOf(refused("3", "x")) == Errc::throttled);
  CHECK(refused("0", "x")->by == RefreshedBy::chain);  // costs nothing
  CHECK(f.refresh("3", "4"));
  CHECK(errorOf(refused("4", "x")) == Errc::throttled);
  f.time.advance(30s);
  CHECK(refused("4", "5"));
  CHECK(f.calls == 5);
}

TEST_CASE("V24 without rotation: after a logout on one device another may sign in, and the first stays out") {
  Fixture f;
  const auto laptop = support::at(1'000'000);
  const auto phone = support::at(2'000'000);
  const TokenSet shared{.accessToken = "at-1", .refreshToken = "rt"};
  const auto ask = [&](const TokenSet&) {
    return ++f.calls, RefreshAnswer{.tokens = TokenSet{.accessToken = "at-" + std::to_string(f.calls + 1)}};
  };
  const auto refresh = [&](TimePoint begun) {
    return f.coordinator.refresh("c", shared, ask, soon(), {.begun = begun});
  };
  const auto newest = [&](TimePoint begun) {
    return errorOf(f.coordinator.newest("c", shared, From::cookie, {.begun = begun}));
  };
  REQUIRE(refresh(laptop));
  f.coordinator.end("c", shared, nullptr, {support::at(1'500'000), laptop});
  CHECK(newest(laptop) == Errc::loginRequired);
  CHECK(errorOf(refresh(laptop)) == Errc::loginRequired);
  CHECK_FALSE(newest(phone));
  REQUIRE(refresh(phone));
  CHECK(f.calls == 2);
  // What the phone has brought is not the laptop's.
  CHECK(newest(laptop) == Errc::loginRequired);
  CHECK(errorOf(refresh(laptop)) == Errc::loginRequired);
  // Nor does the laptop's cookie, when it signs out once more, end what the phone has.
  f.coordinator.end("c", shared, nullptr, {support::at(2'200'000), laptop});
  CHECK_FALSE(newest(phone));
  f.coordinator.end("c", shared, nullptr, {support::at(2'500'000), phone});
  CHECK(newest(phone) == Errc::loginRequired);
  CHECK_FALSE(newest(support::at(3'000'000)));
}

TEST_CASE("a transient failure is over with its pause, and is the same for all who waited (R20)") {
  Fixture f;
  Gate gate;
  std::vector<std::optional<Errc>> errors(20);
  std::vector<std::thread> threads;
  for (auto& error : errors) {
    threads.emplace_back([&] {
      error = errorOf(f.coordinator.refresh("c", tokens("a"), gate.ask({.tokens = fail(Errc::refreshFailed)}), soon()));
    });
  }
  gate.waitUntilEntered();
  gate.open();
  for (std::thread& thread : threads) thread.join();
  CHECK(std::count(errors.begin(), errors.end(), std::optional(Errc::refreshFailed)) == 20);
  f.time.advance(1s);
  CHECK(f.refresh("a", "b")->by == RefreshedBy::self);
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

TEST_CASE("a request's deadline ends its waiting, not the call (R18)") {
  Fixture f;
  Gate gate;
  std::optional<Errc> error;
  std::thread leaver([&] {
    error = errorOf(f.coordinator.refresh("c", tokens("a"), gate.ask({.tokens = tokens("b")}),
                                          std::chrono::steady_clock::now() + 100ms));
  });
  gate.waitUntilEntered();
  leaver.join();
  CHECK(error == Errc::refreshFailed);
  gate.open();
  const auto next = f.refresh("a", "x");
  CHECK(next->tokens == tokens("b"));
  CHECK(f.calls == 0);
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
    std::thread caller([&reference, ask = gate.ask({.tokens = tokens("b")}), keep = coordinator, guard] {
      const auto held = [ask, keep, guard](const TokenSet& t) { return ask(t); };
      CHECK(errorOf(reference.refresh("c", tokens("a"), held, std::chrono::steady_clock::now() + 200ms)));
    });
    gate.waitUntilEntered();
    caller.join();
  }
  coordinator.reset();
  gate.open();
  while (!gone) std::this_thread::yield();
}

TEST_CASE("signing out ends the login for every token of its chain, and revokes the last (R72)") {
  std::atomic<int> revoked = 0;
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  REQUIRE(f.refresh("b", "c"));
  const auto revoke = [&](const TokenSet& last) { revoked += last == tokens("c"); };
  f.coordinator.end("c", tokens("b"), revoke);
  f.coordinator.end("c", tokens("a"), revoke);  // twice is once (R74)
  for (const char* name : {"a", "b", "c"}) {
    CHECK(f.newest(name) == "over");
    CHECK(f.failing(name, Errc::expired) == Errc::loginRequired);
  }
  while (revoked == 0) std::this_thread::yield();
  CHECK(f.calls == 2);
  CHECK(f.newest("other") == "");
  CHECK(revoked == 1);
}

TEST_CASE("signing out of a login that the provider has ended is final too: nobody is led to its last tokens") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  REQUIRE(f.failing("b", Errc::expired) == Errc::expired);
  f.coordinator.end("c", tokens("a"), {});
  CHECK(f.newest("a") == "over");
  f.time.advance(61s);  // what the provider said is forgotten by now
  CHECK(f.newest("a") == "over");
}

TEST_CASE("signing out while a call is under way discards its result and revokes it (R72)") {
  Gate gate;
  std::atomic<int> revoked = 0;
  Fixture f;
  std::optional<Errc> error;
  std::thread follower(
      [&] { error = errorOf(f.coordinator.refresh("c", tokens("a"), gate.ask({.tokens = tokens("b")}), soon())); });
  gate.waitUntilEntered();
  f.coordinator.end("c", tokens("a"), [&](const TokenSet& last) { revoked += last == tokens("b"); });
  gate.open();
  follower.join();
  CHECK(error == Errc::loginRequired);
  CHECK(f.newest("a") == "over");
  while (revoked == 0) std::this_thread::yield();
}

TEST_CASE("from the moment of signing out nobody gets anywhere, while the call is still under way") {
  Fixture f;
  Gate gate;
  std::thread waiting(
      [&] { CHECK(errorOf(f.coordinator.refresh("c", tokens("a"), gate.ask({.tokens = tokens("b")}), soon()))); });
  gate.waitUntilEntered();
  f.coordinator.end("c", tokens("a"), nullptr);
  CHECK(f.newest("a") == "over");
  CHECK(f.failing("a", Errc::expired) == Errc::loginRequired);
  gate.open();
  waiting.join();
}

TEST_CASE("a coordinator that goes while a call is under way that somebody signed out of") {
  std::atomic<int> revoked = 0;
  Gate gate;
  std::thread opener;
  {
    LocalCoordinator coordinator;
    std::thread waiting([&] {
      CHECK(errorOf(coordinator.refresh("c", tokens("a"), gate.ask({.tokens = tokens("b")}),
                                        std::chrono::steady_clock::now() + 200ms)));
    });
    gate.waitUntilEntered();
    coordinator.end("c", tokens("a"), [&](const TokenSet& last) { revoked += last == tokens("b"); });
    waiting.join();
    opener = std::thread([&] { gate.open(); });
  }  // waits for the call
  opener.join();
  CHECK(revoked == 1);
}

TEST_CASE("a revocation that throws, or takes long, disturbs nobody") {
  Gate gate;  // before the coordinator, whose threads are the last to use it
  const auto slow = gate.ask({.tokens = tokens("x")});
  std::atomic<int> begun = 0;
  Fixture f;
  for (int i = 0; i < 8; ++i) {
    f.coordinator.end("c", tokens(std::to_string(i)), [&, slow](const TokenSet& last) {
      ++begun;
      static_cast<void>(slow(last).tokens.has_value());
      throw 42;
    });
  }
  CHECK(f.refresh("a", "b"));
  gate.open();
  while (begun < 8) std::this_thread::yield();
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

TEST_CASE("a callback that throws is a failure like any other") {
  Fixture f;
  const auto throwing = [](const TokenSet&) -> RefreshAnswer { throw 42; };
  CHECK(errorOf(f.coordinator.refresh("c", tokens("a"), throwing, soon())) == Errc::refreshFailed);
}

TEST_CASE("impossible options are refused") {
  CHECK_THROWS_AS(LocalCoordinator({.keep = 0s}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.keepUnconfirmed = 1s}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.maxEntries = 0}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.threads = 0}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.maxWaiters = 0}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.keepUnconfirmed = Seconds::max()}), std::invalid_argument);
}
