// LocalCoordinator: what failed calls mean for a token, for others, and when the token endpoint is asked again.
#include "support/coordinated.hpp"
#include "support/gate.hpp"

#include <atomic>
#include <cstdint>
#include <thread>

namespace coordinator_failure_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::Coordinated;
using support::errorOf;
using support::Gate;
using support::soon;
using support::tokens;
using From = RefreshCoordinator::From;

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
  CHECK(f.failing("a", RefreshEnd::invalidGrant) == RefreshEnd::invalidGrant);
  CHECK(f.failing("a", RefreshEnd::invalidGrant) == RefreshEnd::invalidGrant);
  CHECK(f.calls == 1);
  f.time.advance(60s);
  CHECK(f.failing("a", RefreshEnd::invalidGrant) == RefreshEnd::invalidGrant);
  CHECK(f.calls == 2);
}

TEST_CASE("V07 a token that fails for ten minutes while others do not needs a new login, and nobody asks about it") {
  Fixture f;
  CHECK(f.failing("a", Errc::refreshFailed) == Errc::refreshFailed);
  CHECK(f.refresh("other", "new"));
  for (int second = 60; second <= 660; second += 60) {
    f.time.advance(60s);
    CHECK(f.failing("a", Errc::refreshFailed) ==
          (second <= 600 ? support::Failure(Errc::refreshFailed) : RefreshEnd::failing));
    CHECK(f.refresh("other" + std::to_string(second), "new"));
  }
  const int before = f.calls;
  CHECK(f.failing("a", Errc::refreshFailed) == RefreshEnd::failing);
  CHECK(f.calls == before);
}

TEST_CASE("V07 two failures and ten minutes in which nobody asked end no login") {
  Fixture f;
  CHECK(f.failing("a", Errc::refreshFailed) == Errc::refreshFailed);
  CHECK(f.refresh("other", "new"));
  f.time.advance(14s);
  CHECK(f.failing("a", Errc::refreshFailed) == Errc::refreshFailed);
  CHECK(f.refresh("another", "new"));
  f.time.advance(600s);
  CHECK(f.refresh("a", "b"));
}

TEST_CASE("V07 an outage that all see ends no login, however long it takes") {
  Fixture f;
  for (int minute = 0; minute < 30; ++minute) {
    for (const char* user : {"a", "b", "c", "d"}) CHECK(f.failing(user, Errc::refreshFailed) == Errc::refreshFailed);
    f.time.advance(60s);
  }
  f.time.advance(60s);
  CHECK(f.refresh("a", "x"));
  for (const char* user : {"b", "c", "d"}) CHECK(f.refresh(user, std::string(user) + "2"));
}

TEST_CASE("V07 a long outage in a house of two ends nobody's login, and nobody waits longer than the provider says") {
  Fixture f;
  for (int minute = 0; minute < 30; ++minute) {
    for (const char* user : {"a", "b"}) CHECK(f.failing(user, Errc::refreshFailed) == Errc::refreshFailed);
    f.time.advance(60s);
  }
  CHECK(f.refresh("a", "x"));
  CHECK(f.refresh("b", "y"));
}

TEST_CASE("V07 pauses that an outage brought about end with it") {
  Fixture f;
  for (int second = 0; second < 600; ++second) {
    for (const char* user : {"a", "b", "c"}) CHECK(f.failing(user, Errc::refreshFailed) == Errc::refreshFailed);
    f.time.advance(1s);
  }
  int served = 0;
  for (int second = 0; second <= 5; ++second) {
    served = 0;
    for (const char* user : {"a", "b", "c"}) served += f.refresh(user, std::string(user) + "2").has_value();
    f.time.advance(1s);
  }
  CHECK(served == 3);
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
  CHECK(f.failing("x", RefreshEnd::invalidGrant) == Errc::refreshFailed);
  CHECK(f.calls == 3);
  gate.open();
  probe.join();
  CHECK(f.refresh("x", "y"));
  CHECK(f.coordinator.stats().openCircuits == 0);
}

TEST_CASE("V07 a login ends with the fourth answer that may say so: what else has failed does not count") {
  Fixture f;
  int others = 0;
  const auto answered = [&](const RefreshAnswer& answer) {
    const auto failure = errorOf(f.refresh("a", answer));
    const std::string other = "other " + std::to_string(++others);
    CHECK(f.refresh(other, other + " next"));
    f.time.advance(61s);  // its pause
    return failure;
  };
  const RefreshAnswer failing{.tokens = fail(Errc::refreshFailed), .endpoint = EndpointState::failing};
  const RefreshAnswer ending{
      .tokens = fail(Errc::refreshFailed), .mayBeOver = true, .endpoint = EndpointState::refusing};
  for (int i = 0; i < 3; ++i) CHECK(answered(failing) == Errc::refreshFailed);
  for (int i = 0; i < 3; ++i) CHECK(answered(ending) == Errc::refreshFailed);
  CHECK(answered(ending) == RefreshEnd::invalidGrant);
}

TEST_CASE("one user's invalid_grant never opens the breaker for others; a refused client does (R35 R46)") {
  Fixture f;
  for (int i = 0; i < 100; ++i)
    CHECK(f.failing(std::to_string(i), RefreshEnd::invalidGrant) == RefreshEnd::invalidGrant);
  CHECK(f.refresh("a", "b"));
  CHECK(f.failing("x", Errc::notAllowed) == Errc::notAllowed);
  CHECK(f.failing("y", RefreshEnd::invalidGrant) == Errc::refreshFailed);
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

}  // namespace coordinator_failure_test
