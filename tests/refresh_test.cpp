// The refresh scenarios that concern one process: whole requests, with a jar, against a strict provider.
#include "support/support.hpp"
#include "support/world.hpp"

#include <thread>

namespace refresh_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::items;
using support::World;

TEST_CASE("R16 100 requests at once with one spent token: one call, and each response carries the new cookie") {
  World world;
  const std::string cookie = world.login();
  world.provider.expireAccessTokens();
  world.provider.hold();
  std::vector<std::optional<World::Visit>> visits(100);
  std::vector<std::thread> threads;
  for (auto& visit : visits) threads.emplace_back([&] { visit = world.visit(cookie); });
  world.provider.waitForTokenCalls(1);
  world.provider.release();
  for (std::thread& thread : threads) thread.join();
  int leaders = 0;
  for (const auto& visit : visits) {
    REQUIRE(visit->response);
    CHECK(visit->response->status == 200);
    CHECK(world.tokensIn(visit->cookie) == world.tokensIn(visits[0]->cookie));
    leaders += visit->response->trace.refreshedBy == RefreshedBy::self;
  }
  CHECK(leaders == 1);
  CHECK(world.provider.counts().tokenCalls == 1);
  CHECK(world.provider.counts().reuses == 0);
}

TEST_CASE("R17 two logins refresh side by side, each with its own result") {
  World world;
  const std::string ada = world.login();
  const std::string bob = world.login();
  world.provider.expireAccessTokens();
  world.provider.hold();
  std::string adas;
  std::string bobs;
  std::thread first([&] { adas = world.visit(ada).response.value().body; });
  std::thread second([&] { bobs = world.visit(bob).response.value().body; });
  world.provider.waitForTokenCalls(2);  // both are under way at once
  world.provider.release();
  first.join();
  second.join();
  CHECK(adas == "user-1");
  CHECK(bobs == "user-2");
}

TEST_CASE("R25 the request that comes 40 ms late with the old cookie") {
  World world;
  const std::string old = world.login();
  world.provider.expireAccessTokens();
  const std::string fresh = world.visit(old).cookie;
  world.advance(40ms);
  const auto late = world.visit(old);
  CHECK(late.response->status == 200);
  CHECK(late.response->trace.refreshedBy == RefreshedBy::chain);
  CHECK(late.response->trace.attempts == 1);
  CHECK(world.tokensIn(late.cookie) == world.tokensIn(fresh));
  CHECK(world.provider.counts().tokenCalls == 1);
}

TEST_CASE("R26 a cookie whose successor has long been seen: nobody, no call, and no cookie deleted") {
  World world;
  const std::string old = world.login();
  world.provider.expireAccessTokens();
  const std::string fresh = world.visit(old).cookie;
  CHECK(world.visit(fresh).response->status == 200);
  world.advance(59s);
  CHECK(world.visit(old).response->status == 200);
  world.advance(2s);
  const auto loser = world.visit(old);
  CHECK(errorOf(loser.response) == RefreshEnd::superseded);
  CHECK(loser.cookie == "");
  CHECK(world.provider.counts().tokenCalls == 1);
  CHECK(world.provider.counts().reuses == 0);
  CHECK(world.visit(fresh).response->status == 200);
}

TEST_CASE("R29 the response with the new cookie was lost, and the user comes back minutes later") {
  World world;
  const std::string old = world.login();
  world.provider.expireAccessTokens();
  CHECK(world.visit(old).cookie != "");  // never arrives
  world.advance(5min);
  const auto back = world.visit(old);
  CHECK(back.response->status == 200);
  CHECK(back.cookie != "");
  CHECK(world.provider.counts().tokenCalls == 1);
  CHECK(world.provider.counts().reuses == 0);
}

TEST_CASE("R32 after a restart an old cookie is one attempt with a classified end") {
  World before;
  const std::string old = before.login();
  before.provider.expireAccessTokens();
  CHECK(before.visit(old).response->status == 200);
  FetchOptions options = support::fetchOptions(before.upstream);
  options.now = before.wall;
  const Fetcher restarted(options);
  Session session = before.jar.open(old);
  CHECK(errorOf(restarted.performFetch(session, items)) == RefreshEnd::invalidGrant);
  CHECK(before.provider.counts().tokenCalls == 2);
}

TEST_CASE("a slow response does not write older tokens over newer ones, whatever order they finish in") {
  World world;
  const std::string old = world.login();
  Session slow = world.jar.open(old);  // a request that fetches nothing, but keeps something
  slow.set("cart", 1);
  world.provider.expireAccessTokens();
  const std::string fresh = world.visit(old).cookie;
  const std::string late = world.cookieOf(slow);
  CHECK(world.tokensIn(late) == world.tokensIn(fresh));
  CHECK(world.jar.open(late).get<int>("cart") == 1);
}

TEST_CASE("a session without a refresh token: kept while its token is good, and at its end over (R07)") {
  World world;
  Session session = world.jar.open("");
  session.setTokens({.accessToken = "other", .expiresAt = world.wall() + 60s});
  CHECK(world.fetcher.performFetch(session, items)->status == 401);  // by the clock it is good: this API's own affair
  CHECK(errorOf(world.fetcher.refresh(session)) == Errc::loginRequired);
  CHECK_FALSE(session.destroyed());
  world.advance(61s);
  CHECK(errorOf(world.fetcher.performFetch(session, items)) == RefreshEnd::noRefreshToken);
  CHECK(session.destroyed());
  CHECK(world.provider.counts().tokenCalls == 0);
}

TEST_CASE("R10 R11 a body over the limit is sent once: the tokens are refreshed, the 401 returned and marked") {
  FetchOptions changes;
  changes.maxReplayBody = 10'000;
  World world(Seconds{3600}, changes);
  const std::string cookie = world.login();
  world.provider.expireAccessTokens();
  Request upload = items;
  upload.method = "POST";
  upload.body = std::string(10'001, 'x');
  Session session = world.jar.open(cookie);
  const auto response = world.fetcher.performFetch(session, upload);
  CHECK(response->status == 401);
  CHECK(response->trace.retryable);
  CHECK(world.api.counts().calls == 1);
  CHECK(world.provider.counts().tokenCalls == 1);
  CHECK(world.fetcher.performFetch(session, upload)->trace.attempts == 1);
  CHECK(world.cookieOf(session) != "");
}

TEST_CASE("R15 HEAD and a prefetch are requests like any other: what they bring back is kept by the browser") {
  for (const bool head : {true, false}) {
    World world;
    Session session = world.jar.open(world.login());
    world.provider.expireAccessTokens();
    Request request = items;
    if (head) request.method = "HEAD";
    if (!head) request.headers = {{"Sec-Purpose", "prefetch"}};
    CHECK(world.fetcher.performFetch(session, request)->status == 200);
    CHECK(world.cookieOf(session) != "");
  }
}

TEST_CASE("R15 a preflight never refreshes") {
  World world;
  Session session = world.jar.open(world.login());
  world.provider.expireAccessTokens();
  Request preflight = items;
  preflight.method = "OPTIONS";
  CHECK(world.fetcher.performFetch(session, preflight)->status == 401);
  CHECK(world.provider.counts().tokenCalls == 0);
}

}  // namespace refresh_test
