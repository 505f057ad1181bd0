// LocalCoordinator: signing out, whatever is under way.
#include "support/coordinated.hpp"
#include "support/gate.hpp"

#include <atomic>
#include <thread>

namespace coordinator_logout_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::Coordinated;
using support::errorOf;
using support::Gate;
using support::soon;
using support::tokens;

namespace {

// A→B→C, of which A and B are known as spent, no more.
void rotateLongAgo(Fixture& f) {
  REQUIRE(f.refresh("a", "b"));
  REQUIRE(f.newest("b") == "");
  REQUIRE(f.refresh("b", "c"));
  REQUIRE(f.newest("c") == "");
  f.time.advance(61s);
  REQUIRE(f.newest("a") == "over");
  REQUIRE(f.newest("c") == "");
}

}  // namespace

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

TEST_CASE("signing out with a token that was spent long ago ends what it has led to") {
  Fixture f;
  rotateLongAgo(f);
  f.coordinator.end("c", tokens("a"), {});
  CHECK(f.newest("c") == "over");
}

TEST_CASE("signing out with the newest token ends those that led to it, for as long") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  f.time.advance(300s);
  REQUIRE(f.refresh("b", "c"));
  f.time.advance(200s);
  f.coordinator.end("c", tokens("c"), {});
  f.time.advance(599s);  // where a and b led is forgotten by now
  CHECK(f.newest("a") == "over");
  CHECK(errorOf(f.refresh("b", "d")) == RefreshEnd::loggedOut);
  f.time.advance(1s);
  CHECK(f.newest("a") == "");
}

TEST_CASE("signing out with the newest token ends one that was spent long ago, too") {
  Fixture f;
  rotateLongAgo(f);
  f.time.advance(300s);
  f.coordinator.end("c", tokens("c"), {});
  f.time.advance(599s);  // that a was spent is forgotten by now
  CHECK(f.newest("a") == "over");
}

TEST_CASE("in a small table the newest token's logout is not forgotten for those of the tokens before it") {
  Fixture f({.maxEntries = 8});  // of which logouts have half
  for (const auto& [spent, next] : {std::pair{"a", "b"}, {"b", "c"}, {"c", "d"}, {"d", "e"}}) {
    REQUIRE(f.refresh(spent, next));
  }
  for (const char* ended : {"e", "e"}) {
    f.coordinator.end("c", tokens(ended), {});
    CHECK(f.newest("e") == "over");
  }
}

TEST_CASE("a second logout of a login is remembered as long as a first one") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  f.coordinator.end("c", tokens("b"), {});
  f.time.advance(599s);
  f.coordinator.end("c", tokens("b"), {});
  f.time.advance(2s);
  CHECK(f.newest("b") == "over");
  f.time.advance(600s);
  CHECK(f.newest("b") == "");
}

TEST_CASE("a second logout, with a token that was spent long ago, is remembered of that one, too") {
  Fixture f;
  rotateLongAgo(f);
  f.coordinator.end("c", tokens("c"), {});
  f.time.advance(520s);
  f.coordinator.end("c", tokens("a"), {});
  f.time.advance(100s);  // that a was spent is forgotten by now
  CHECK(f.newest("a") == "over");
}

TEST_CASE("a coordinator that goes while a call is under way that somebody signed out of") {
  std::atomic<int> revoked = 0;
  Gate gate;
  std::thread opener;
  {
    LocalCoordinator coordinator;
    const auto waiting = [&](Deadline deadline) {
      return errorOf(coordinator.refresh("c", tokens("a"), gate.ask({.tokens = tokens("b")}), deadline));
    };
    CHECK(support::leaveHeld(gate, waiting));
    coordinator.end("c", tokens("a"), [&](const TokenSet& last) { revoked += last == tokens("b"); });
    opener = std::thread([&] { gate.open(); });
  }  // waits for the call
  opener.join();
  CHECK(revoked == 1);
}

}  // namespace coordinator_logout_test
