// The refresh scenarios that concern one process: whole requests, with a jar, against a strict provider.
#include "support/support.hpp"
#include "support/world.hpp"

#include <atomic>
#include <thread>

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
  CHECK(errorOf(loser.response) == Errc::expired);
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
  CHECK(errorOf(restarted.performFetch(session, items)) == Errc::expired);
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
  CHECK(errorOf(world.fetcher.performFetch(session, items)) == Errc::expired);
  CHECK(session.destroyed());
  CHECK(world.provider.counts().tokenCalls == 0);
}

TEST_CASE("R34 invalid_grant ends the session: its cookie is deleted, and it is not asked again") {
  World world;
  const std::string cookie = world.login();
  world.provider.expireAccessTokens();
  world.provider.answerTokenCalls({Response{.status = 400, .body = R"({"error":"invalid_grant"})"}});
  for (int i = 0; i < 2; ++i) {
    const auto visit = world.visit(cookie);
    CHECK(errorOf(visit.response) == Errc::expired);
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

TEST_CASE("R48 a token is refreshed shortly before it ends, not earlier") {
  FetchOptions changes;
  changes.refreshThreshold = Seconds{60};
  for (int round = 0; round < 20; ++round) {  // the spread is random
    World world(Seconds{3600}, changes);
    const std::string cookie = world.login();
    world.advance(3500s);
    CHECK(world.visit(cookie).response->trace.refreshedBy == RefreshedBy::none);
    world.advance(52s);
    const auto visit = world.visit(cookie);
    CHECK(visit.response->trace.refreshedBy == RefreshedBy::self);
    CHECK(visit.response->trace.attempts == 1);
    CHECK(visit.cookie != "");
  }
}

TEST_CASE("R49 short lifetimes: at most one refresh in half of one") {
  for (const Seconds lifetime : {Seconds{60}, Seconds{30}, Seconds{5}}) {
    World world(lifetime);
    std::string cookie = world.login();
    for (int step = 0; step < 100; ++step) {
      world.advance(std::chrono::milliseconds(lifetime) / 20);
      auto visit = world.visit(cookie);
      REQUIRE(visit.response);
      if (visit.cookie != "") cookie = visit.cookie;
    }
    const int calls = world.provider.counts().tokenCalls;  // over five lifetimes
    CHECK(calls >= 5);
    CHECK(calls <= 10);
    CHECK(world.api.counts().calls == 100);  // never a 401
  }
}

TEST_CASE("R52 a refresh ahead that fails while the token is good: the old token serves, nothing is written") {
  World world;
  const std::string cookie = world.login();
  world.advance(3560s);
  world.provider.answerTokenCalls({Response{.status = 503}});
  const auto visit = world.visit(cookie);
  CHECK(visit.response->status == 200);
  CHECK(visit.cookie == "");
  CHECK(world.visit(cookie).response->status == 200);  // and is not asked at every request
  CHECK(world.provider.counts().tokenCalls == 1);
}

TEST_CASE("R51 the wall clock jumps: no loop, no logout") {
  World world;
  std::string cookie = world.login();
  for (const auto jump : {600s, -600s, 3600s, -3600s}) {
    world.clock.jump(jump);
    for (int i = 0; i < 5; ++i) {
      const auto visit = world.visit(cookie);
      REQUIRE(visit.response);
      CHECK(visit.response->status == 200);
      if (visit.cookie != "") cookie = visit.cookie;
    }
  }
  CHECK(world.provider.counts().tokenCalls <= 4);
}

TEST_CASE(
    "R58 an answer is lost after the provider has rotated: asked again within its grace, and a strict one never") {
  using testing::Rotation;
  struct Case {
    Rotation rotation;
    ReplayPolicy replay;
    std::optional<Errc> error;
    int calls;
  };
  for (const Case& test : {Case{Rotation::graceSamePair, {.grace = Seconds{30}}, std::nullopt, 2},
                           Case{Rotation::strict, {.strict = true}, Errc::expired, 1},
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
    if (test.error == Errc::expired) continue;
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
    CHECK(errorOf(world.visit(cookie).response) == (replay.strict ? std::optional(Errc::expired) : std::nullopt));
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

TEST_CASE("R72 signing out while a refresh is under way: an empty browser, a revoked token, no way back") {
  World world;
  const std::string cookie = world.login();
  world.provider.expireAccessTokens();
  world.provider.hold();
  std::optional<World::Visit> follower;
  std::thread request([&] { follower = world.visit(cookie); });
  world.provider.waitForTokenCalls(1);
  Session session = world.jar.open(cookie);
  session.destroy();
  CHECK(world.cookieOf(session) == "deleted");
  world.provider.release();
  request.join();
  CHECK(errorOf(follower->response) == Errc::expired);
  CHECK(follower->cookie == "");
  world.provider.waitForRevocations(1);
  const auto replay = world.visit(cookie);
  CHECK(errorOf(replay.response) == Errc::expired);
  CHECK(replay.cookie == "");
  CHECK(world.provider.counts().tokenCalls == 1);
}

TEST_CASE("R72 a response that is slower than the logout does not bring the cookie back") {
  World world;
  const std::string cookie = world.login();
  Session slow = world.jar.open(cookie);
  slow.set("cart", 1);
  world.provider.expireAccessTokens();
  world.provider.hold();
  std::thread request([&] { CHECK(world.visit(cookie).cookie == ""); });
  world.provider.waitForTokenCalls(1);
  Session session = world.jar.open(cookie);
  world.fetcher.signOut(session);
  CHECK(world.cookieOf(session) == "deleted");
  CHECK(errorOf(world.visit(cookie).response) == Errc::expired);
  CHECK(world.cookieOf(slow) == "");
  world.provider.release();
  request.join();
}

TEST_CASE("a provider that hangs does not hold up a request whose token is good") {
  World world;
  const std::string cookie = world.login();
  world.advance(3560s);
  world.provider.hold();
  const auto visit = world.visit(cookie);
  CHECK(visit.response->status == 200);
  CHECK(visit.cookie == "");
  world.provider.release();
}

TEST_CASE("R73 (X03 destroy-vs-save) a slow write does not bring back a session that was signed out") {
  World world;
  const std::string cookie = world.login();
  Session slow = world.jar.open(cookie);
  slow.set("cart", 1);
  Session session = world.jar.open(cookie);
  session.destroy();
  CHECK(world.cookieOf(session) == "deleted");
  CHECK(world.cookieOf(slow) == "");
  CHECK(slow.detached());
}

TEST_CASE("R74 signing out twice is once, and works when revoking does not") {
  World world;
  world.provider.behave({.revocationStatus = 503});
  const std::string cookie = world.login();
  for (int i = 0; i < 2; ++i) {
    Session session = world.jar.open(cookie);
    world.fetcher.signOut(session);
    CHECK(world.cookieOf(session) == "deleted");
  }
  world.provider.waitForRevocations(2);  // tried again
}
