// LocalCoordinator: signing out, whatever is under way.
#include "support/coordinated.hpp"
#include "support/gate.hpp"

#include <atomic>
#include <thread>

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::Coordinated;
using support::errorOf;
using support::Gate;
using support::soon;
using support::tokens;
using From = RefreshCoordinator::From;

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
    CHECK(f.failing(name, RefreshEnd::invalidGrant) == RefreshEnd::loggedOut);
  }
  while (revoked == 0) std::this_thread::yield();
  CHECK(f.calls == 2);
  CHECK(f.newest("other") == "");
  CHECK(revoked == 1);
}

TEST_CASE("signing out of a login that the provider has ended is final too: nobody is led to its last tokens") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  REQUIRE(f.failing("b", RefreshEnd::invalidGrant) == RefreshEnd::invalidGrant);
  f.coordinator.end("c", tokens("a"), {});
  CHECK(f.newest("a") == "over");
  f.time.advance(61s);  // what the provider said is forgotten by now
  CHECK(f.newest("a") == "over");
}

TEST_CASE("signing out while a call is under way discards its result and revokes it (R72)") {
  Gate gate;
  std::atomic<int> revoked = 0;
  Fixture f;
  support::Failure error;
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
  CHECK(f.failing("a", RefreshEnd::invalidGrant) == RefreshEnd::loggedOut);
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
