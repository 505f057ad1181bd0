// What the provider's refusals, outages and lost answers do to a session.
#include "support/support.hpp"
#include "support/world.hpp"

namespace refresh_failure_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::World;

TEST_CASE("R34 invalid_grant ends the session: its cookie is deleted, and it is not asked again") {
  World world;
  const std::string cookie = world.login();
  world.provider.expireAccessTokens();
  world.provider.answerTokenCalls({Response{.status = 400, .body = R"({"error":"invalid_grant"})"}});
  for (int i = 0; i < 2; ++i) {
    const auto visit = world.visit(cookie);
    CHECK(errorOf(visit.response) == (i == 0 ? RefreshEnd::invalidGrant : RefreshEnd::loggedOut));
    CHECK(visit.cookie == (i == 0 ? "deleted" : ""));  // who comes with it again may hold a newer one
  }
  CHECK(world.provider.counts().tokenCalls == 1);
}

TEST_CASE("R36 every transient failure leaves the cookie as it is, and passes") {
  const std::vector<Result<Response>> failures = {Response{.status = 408},
                                                  Response{.status = 429},
                                                  Response{.status = 500},
                                                  Response{.status = 502},
                                                  Response{.status = 503},
                                                  Response{.status = 504},
                                                  fail(Errc::transport),
                                                  fail(Errc::timeout),
                                                  fail(Errc::unreachable),  // refused, no such host, bad certificate
                                                  Response{.status = 403, .body = "<html>"},
                                                  Response{.status = 200, .body = "<html>"},
                                                  Response{.status = 200, .body = "{}"}};
  for (const auto& failure : failures) {
    World world;
    const std::string cookie = world.login();
    world.provider.expireAccessTokens();
    world.provider.answerTokenCalls({failure, failure});  // the second is for what is safe to try twice
    const auto failed = world.visit(cookie);
    CHECK(errorOf(failed.response) == Errc::refreshFailed);
    CHECK(failed.cookie == "");
    world.provider.answerTokenCalls({});
    world.advance(failed.response.error().retryAfter.value());
    CHECK(world.visit(cookie).response->status == 200);
    CHECK(world.provider.counts().reuses == 0);
  }
}

TEST_CASE("R42 after a 429 the token is not asked about until the server's time has passed, and all others go on") {
  World world;
  const std::string spent = world.login();
  world.provider.expireAccessTokens();
  const std::string good = world.login();
  const std::string alsoSpent = [&] {
    Session session = world.jar.open("");
    session.setTokens({.accessToken = "spent", .refreshToken = world.provider.login().refreshToken});
    return world.cookieOf(session);
  }();
  world.provider.answerTokenCalls({Response{.status = 429, .headers = {{"Retry-After", "30"}}}});
  CHECK(errorOf(world.visit(spent).response) == Errc::refreshFailed);
  for (int second = 0; second < 29; ++second) {
    world.advance(1s);
    const auto refused = world.visit(spent).response;
    CHECK(errorOf(refused) == Errc::refreshFailed);
    CHECK(refused.error().retryAfter == Seconds{29 - second});
    CHECK(world.visit(good).response->status == 200);
  }
  CHECK(world.provider.counts().tokenCalls == 1);
  CHECK(world.visit(alsoSpent).response->status == 200);
  world.advance(1s);
  CHECK(world.visit(spent).response->status == 200);
}

TEST_CASE("R44 500 sessions against a provider that is down for a minute: a bounded number of calls") {
  World world;
  std::vector<std::string> cookies;
  for (int i = 0; i < 500; ++i) cookies.push_back(world.login());
  world.provider.expireAccessTokens();
  world.provider.answerTokenCalls(std::vector<Result<Response>>(1000, Response{.status = 503}));
  for (int half = 0; half < 120; ++half) {
    world.advance(500ms);
    for (const std::string& cookie : cookies) REQUIRE(errorOf(world.visit(cookie).response) == Errc::refreshFailed);
  }
  CHECK(world.provider.counts().tokenCalls <= 20);  // three open the breaker, which lets one through every 4 s
}

TEST_CASE(
    "R58 an answer is lost after the provider has rotated: asked again within its grace, and a strict one never") {
  using testing::Rotation;
  struct Case {
    Rotation rotation;
    ReplayPolicy replay;
    support::Failure error;
    int calls;
  };
  for (const Case& test : {Case{Rotation::graceSamePair, {.grace = Seconds{30}}, std::nullopt, 2},
                           Case{Rotation::strict, {.strict = true}, RefreshEnd::lost, 1},
                           Case{Rotation::graceSamePair, {}, Errc::refreshFailed, 1}}) {
    FetchOptions changes;
    changes.tokenEndpoint.replay = test.replay;
    World world(Seconds{3600}, changes);
    const std::string cookie = world.login();
    world.provider.expireAccessTokens();
    world.provider.behave({.rotation = test.rotation, .dropAfterCommit = {.times = 1}});
    CHECK(errorOf(world.visit(cookie).response) == test.error);
    CHECK(world.provider.counts().tokenCalls == test.calls);
    CHECK(world.provider.counts().familiesKilled == 0);
    if (test.error == RefreshEnd::lost) continue;
    world.advance(1s);  // by default it is the next request that asks again
    CHECK(world.visit(cookie).response->status == 200);
    CHECK(world.provider.counts().replays == 1);
  }
}

TEST_CASE("R58 a time-out is as good as a lost answer") {
  for (const ReplayPolicy& replay : {ReplayPolicy{.grace = Seconds{30}}, ReplayPolicy{.strict = true}}) {
    FetchOptions changes;
    changes.tokenEndpoint.replay = replay;
    World world(Seconds{3600}, changes);
    const std::string cookie = world.login();
    world.provider.expireAccessTokens();
    world.provider.answerTokenCalls({fail(Errc::timeout)});
    CHECK(errorOf(world.visit(cookie).response) == (replay.strict ? support::Failure(RefreshEnd::lost) : std::nullopt));
    CHECK(world.provider.counts().tokenCalls == (replay.strict ? 1 : 2));
  }
}

TEST_CASE("R59 a call that certainly never left is made again, and the provider rotates once") {
  World world;
  const std::string cookie = world.login();
  world.provider.expireAccessTokens();
  world.provider.answerTokenCalls({fail(Errc::unreachable)});
  CHECK(world.visit(cookie).response->status == 200);
  CHECK(world.provider.counts().tokenCalls == 2);
  CHECK(world.provider.counts().refreshes == 1);
}

TEST_CASE("R59 an answer lost before the provider rotated is asked for again by the next request") {
  World world;
  const std::string cookie = world.login();
  world.provider.expireAccessTokens();
  world.provider.behave({.dropBeforeCommit = {.times = 1}});
  CHECK(errorOf(world.visit(cookie).response) == Errc::refreshFailed);
  world.advance(1s);
  CHECK(world.visit(cookie).response->status == 200);
  CHECK(world.provider.counts().refreshes == 1);
  CHECK(world.provider.counts().reuses == 0);
}

}  // namespace refresh_failure_test
