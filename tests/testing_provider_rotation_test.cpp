// How the test kit's provider rotates refresh tokens, and what it takes for reuse.
#include "support/asked_provider.hpp"

#include <set>

namespace testing_provider_rotation_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::refusedTokens;
using testing::ProviderBehaviour;
using testing::Rotation;

using World = support::AskedProvider;

TEST_CASE("strict rotation: a refresh token works once, the second time ends the login and no other") {
  World world;
  const TokenSet a = world.provider.login();
  const TokenSet other = world.provider.login();
  const TokenSet b = world.refresh(a.refreshToken);
  CHECK(b.refreshToken != a.refreshToken);
  CHECK(world.isGood(b));
  CHECK(world.isGood(a));  // an access token lasts as long as it was to
  CHECK(world.refresh(a.refreshToken) == refusedTokens);
  CHECK(world.refresh(b.refreshToken) == refusedTokens);
  CHECK_FALSE(world.isGood(b));
  CHECK(world.isGood(other));
  CHECK(world.refresh(other.refreshToken) != refusedTokens);
  const auto counts = world.provider.counts();
  CHECK(counts.tokenCalls == 4);
  CHECK(counts.refreshes == 2);
  CHECK(counts.reuses == 1);
  CHECK(counts.familiesKilled == 1);
  CHECK(world.provider.refreshesOf(a.refreshToken) == 1);
  CHECK(world.provider.refreshesOf(b.refreshToken) == 0);
}

TEST_CASE("single use: a refresh token works once, and the login goes on with the one that it gave") {
  World world({.rotation = Rotation::singleUse});
  const TokenSet a = world.provider.login();
  const TokenSet b = world.refresh(a.refreshToken);
  for (int i = 0; i < 2; ++i) CHECK(world.refresh(a.refreshToken) == refusedTokens);
  CHECK(world.isGood(b));
  CHECK(world.refresh(b.refreshToken) != refusedTokens);
  CHECK(world.provider.counts().reuses == 2);
  CHECK(world.provider.counts().familiesKilled == 0);
}

TEST_CASE("no rotation: one refresh token for ever, said again or left out") {
  for (const bool omits : {false, true}) {
    World world({.rotation = Rotation::none, .omitRefreshToken = omits});
    const TokenSet a = world.provider.login();
    std::set<std::string> accessTokens = {a.accessToken};
    for (int i = 0; i < 3; ++i) {
      const TokenSet b = world.refresh(a.refreshToken);
      CHECK(b.refreshToken == (omits ? "" : a.refreshToken));
      accessTokens.insert(b.accessToken);
      CHECK(world.isGood(b));
    }
    CHECK(accessTokens.size() == 4);
    CHECK(world.provider.refreshesOf(a.refreshToken) == 3);
    CHECK(world.provider.counts().reuses == 0);
  }
}

TEST_CASE("a strict provider that leaves the refresh token out goes on accepting the one that was used") {
  World world({.omitRefreshToken = true});
  const TokenSet a = world.provider.login();
  CHECK(a.refreshToken != "");
  CHECK(world.refresh(a.refreshToken).refreshToken == "");
  world.change([](ProviderBehaviour& b) { b.omitRefreshToken = false; });
  CHECK(world.refresh(a.refreshToken).refreshToken != "");
  CHECK(world.refresh(a.refreshToken) == refusedTokens);
  CHECK(world.provider.counts().reuses == 1);
}

TEST_CASE("grace, same pair: the same tokens again until the grace ends, then reuse") {
  World world({.rotation = Rotation::graceSamePair, .grace = 30s});
  const TokenSet a = world.provider.login();
  const TokenSet b = world.refresh(a.refreshToken);
  world.clock.advance(29s);
  const TokenSet again = world.refresh(a.refreshToken);
  CHECK(again.accessToken == b.accessToken);
  CHECK(again.refreshToken == b.refreshToken);
  CHECK(again.lifetime == 3571s);  // what is left of it
  CHECK(world.provider.counts().refreshes == 1);
  CHECK(world.provider.counts().replays == 1);
  world.clock.advance(1s);
  CHECK(world.refresh(a.refreshToken) == refusedTokens);
  CHECK_FALSE(world.isGood(b));
  CHECK(world.provider.counts().reuses == 1);
}

TEST_CASE("grace, new child: another pair each time, all of them good") {
  World world({.rotation = Rotation::graceNewChild, .grace = 30s});
  const TokenSet a = world.provider.login();
  const TokenSet b = world.refresh(a.refreshToken);
  world.clock.advance(29s);
  const TokenSet c = world.refresh(a.refreshToken);
  CHECK(c.refreshToken != b.refreshToken);
  CHECK(world.isGood(b));
  CHECK(world.isGood(c));
  CHECK(world.refresh(b.refreshToken) != refusedTokens);
  CHECK(world.refresh(c.refreshToken) != refusedTokens);
  CHECK(world.provider.refreshesOf(a.refreshToken) == 2);
  world.clock.advance(1s);  // counted from the first use
  CHECK(world.refresh(a.refreshToken) == refusedTokens);
  CHECK(world.provider.counts().familiesKilled == 1);
}

TEST_CASE("grace, new child that revokes the previous one, and what came of it") {
  World world({.rotation = Rotation::graceNewChildRevokesPrevious, .grace = 30s});
  const TokenSet a = world.provider.login();
  const TokenSet b = world.refresh(a.refreshToken);
  const TokenSet d = world.refresh(b.refreshToken);
  const TokenSet c = world.refresh(a.refreshToken);
  for (const TokenSet& revoked : {b, d}) {
    CHECK_FALSE(world.isGood(revoked));
    CHECK(world.refresh(revoked.refreshToken) == refusedTokens);
  }
  CHECK(world.isGood(c));
  CHECK(world.refresh(c.refreshToken) != refusedTokens);
  CHECK(world.provider.counts().reuses == 0);
}

TEST_CASE("until confirmed: the same pair however late, until one of it is used, and for the grace after that") {
  for (const bool byApi : {false, true}) {
    World world({.rotation = Rotation::untilConfirmed, .grace = 30s});
    const TokenSet a = world.provider.login();
    const TokenSet b = world.refresh(a.refreshToken);
    world.clock.advance(1800s);
    CHECK(world.refresh(a.refreshToken).refreshToken == b.refreshToken);
    if (byApi) {
      CHECK(world.isGood(b));
    } else {
      CHECK(world.refresh(b.refreshToken) != refusedTokens);
    }
    world.clock.advance(29s);
    CHECK(world.refresh(a.refreshToken).refreshToken == b.refreshToken);
    CHECK(world.provider.counts().reuses == 0);
    world.clock.advance(1s);
    CHECK(world.refresh(a.refreshToken) == refusedTokens);
    CHECK(world.provider.counts().reuses == 1);
  }
}

}  // namespace testing_provider_rotation_test
