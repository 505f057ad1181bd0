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

TEST_CASE("signing out of a login that the provider has ended is final too: nobody is led to its last tokens") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  REQUIRE(f.failing("b", RefreshEnd::invalidGrant) == RefreshEnd::invalidGrant);
  f.coordinator.end("c", tokens("a"), {});
  CHECK(f.newest("a") == "over");
  f.time.advance(61s);  // what the provider said is forgotten by now
  CHECK(f.newest("a") == "over");
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
