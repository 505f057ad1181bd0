// When performFetch refreshes, repeats a call, and ends a session.
#include "support/support.hpp"
#include "support/upstream.hpp"

namespace fetch_test {

using namespace ironjar;
using support::bearer;
using support::errorOf;
using support::fetchOptions;
using support::get;
using support::sessionWith;
using support::Upstream;

namespace {

const std::string refusal = R"({"error":"invalid_token"})";

}  // namespace

TEST_CASE("a good token: one call, nothing refreshed, the session untouched") {
  Upstream upstream;
  const Fetcher fetcher(fetchOptions(upstream));
  Session session = sessionWith(upstream.provider.login());
  const Json before = session.data();
  const auto response = fetcher.performFetch(session, get());
  CHECK(response->status == 200);
  CHECK(response->trace.attempts == 1);
  CHECK(response->trace.refreshedBy == RefreshedBy::none);
  CHECK(session.data() == before);
  CHECK(upstream.provider.counts().tokenCalls == 0);
}

TEST_CASE("a spent token is refreshed once and the call repeated; the session holds the new tokens (R01)") {
  Upstream upstream;
  const Fetcher fetcher(fetchOptions(upstream));
  const TokenSet old = upstream.provider.login();
  Session session = sessionWith(old);
  upstream.provider.expireAccessTokens();
  const auto response = fetcher.performFetch(session, get());
  CHECK(response->status == 200);
  CHECK(response->trace.attempts == 2);
  CHECK(response->trace.refreshedBy == RefreshedBy::self);
  CHECK(upstream.api.counts().calls == 2);
  CHECK(upstream.provider.counts().tokenCalls == 1);
  CHECK(session.tokens()->accessToken != old.accessToken);
  CHECK(session.tokens()->refreshToken != old.refreshToken);
  CHECK(session.get<std::string>("user") == "ada");
  CHECK(session.changed());
  CHECK(fetcher.performFetch(session, get())->trace.attempts == 1);
}

TEST_CASE("an API that refuses every token: its second 401 is the caller's, the session stays (R02)") {
  Upstream upstream;
  upstream.api.behave({.always401 = true});
  const Fetcher fetcher(fetchOptions(upstream));
  const TokenSet old = upstream.provider.login();
  Session session = sessionWith(old);
  const auto response = fetcher.performFetch(session, get());
  CHECK(response->status == 401);
  CHECK(response->body == refusal);
  CHECK(upstream.api.counts().calls == 2);
  CHECK(upstream.provider.counts().tokenCalls == 1);
  CHECK_FALSE(session.destroyed());
  CHECK(session.tokens()->refreshToken != old.refreshToken);
}

TEST_CASE("the retry counter bounds the calls (R03)") {
  for (const unsigned limit : {0U, 1U, 2U}) {
    Upstream upstream;
    upstream.api.behave({.always401 = true});
    FetchOptions options = fetchOptions(upstream);
    options.maxRetries = limit;
    Session session = sessionWith(upstream.provider.login());
    CHECK(Fetcher(options).performFetch(session, get())->status == 401);
    CHECK(upstream.api.counts().calls == static_cast<int>(limit) + 1);
    CHECK(upstream.provider.counts().tokenCalls ==
          static_cast<int>(std::min(limit, 1U)));  // the second try spends none
  }
}

TEST_CASE("403 and a lack of scope are the caller's (R04)") {
  Upstream upstream;
  upstream.api.behave({.status = 403});
  const Fetcher fetcher(fetchOptions(upstream));
  Session session = sessionWith(upstream.provider.login());
  CHECK(fetcher.performFetch(session, get())->status == 403);
  upstream.api.behave({.always401 = true,
                       .challenge = {{"www-authenticate", "Basic"},
                                     {"WWW-Authenticate", R"(Bearer error="insufficient_scope", scope="admin")"}}});
  CHECK(fetcher.performFetch(session, get())->status == 401);
  CHECK(upstream.provider.counts().tokenCalls == 0);
}

TEST_CASE("a 401 on an excluded path is an answer (R05)") {
  Upstream upstream;
  upstream.api.behave({.always401 = true});
  FetchOptions options = fetchOptions(upstream);
  options.excludedPaths = {"/login"};
  const Fetcher fetcher(options);
  Session session = sessionWith(upstream.provider.login());
  const Json before = session.data();
  for (const char* path : {"/login", "/login?next=/", "/login/otp"})
    CHECK(fetcher.performFetch(session, get(path))->body == refusal);
  CHECK(upstream.provider.counts().tokenCalls == 0);
  CHECK(session.data() == before);
  CHECK(fetcher.performFetch(session, get("/loginx"))->status == 401);
  CHECK(upstream.provider.counts().tokenCalls == 1);
  Session anonymous;
  CHECK(fetcher.performFetch(anonymous, get("/login"))->status == 401);
}

TEST_CASE("without tokens: sent as it is, and a 401 asks for a login (R06)") {
  Upstream upstream;
  const Fetcher fetcher(fetchOptions(upstream));
  Session session;
  CHECK(errorOf(fetcher.performFetch(session, get())) == Errc::loginRequired);
  CHECK(bearer(upstream.api.seen()[0]) == "(none)");
  CHECK_FALSE(session.changed());
  CHECK(errorOf(fetcher.refresh(session)) == Errc::loginRequired);
}

TEST_CASE("an access token that ended and cannot be refreshed ends the session (R07)") {
  Upstream upstream;
  const Fetcher fetcher(fetchOptions(upstream));
  Session session = sessionWith({.accessToken = "spent"});
  CHECK(errorOf(fetcher.performFetch(session, get())) == RefreshEnd::noRefreshToken);
  CHECK(session.destroyed());
  CHECK(upstream.provider.counts().tokenCalls == 0);
}

TEST_CASE("a refresh token alone is enough") {
  Upstream upstream;
  const Fetcher fetcher(fetchOptions(upstream));
  Session session = sessionWith({.refreshToken = upstream.provider.login().refreshToken});
  CHECK(fetcher.performFetch(session, get())->status == 200);
}

TEST_CASE("only invalid_grant logs out (R34 R35 R36 R37)") {
  struct Case {
    Result<Response> answer;
    support::Failure why;
    bool destroyed;
  };
  const std::vector<Case> all = {
      {Response{.status = 400, .body = R"({"error":"invalid_grant"})"}, RefreshEnd::invalidGrant, true},
      {Response{.status = 401, .body = R"({"error":"invalid_client"})"}, Errc::notAllowed, false},
      {Response{.status = 400, .body = R"({"error":"invalid_scope"})"}, Errc::refreshFailed, false},
      {Response{.status = 403, .body = "<html>blocked</html>"}, Errc::refreshFailed, false},
      {Response{.status = 408}, Errc::refreshFailed, false},
      {Response{.status = 429}, Errc::refreshFailed, false},
      {Response{.status = 500}, Errc::refreshFailed, false},
      {Response{.status = 503, .body = R"({"error":"invalid_grant"})"}, Errc::refreshFailed, false},
      {Response{.status = 200, .body = "<html>"}, Errc::refreshFailed, false},
      {Response{.status = 200, .body = "{}"}, Errc::refreshFailed, false},
      {fail(Errc::transport), Errc::refreshFailed, false},
      {fail(Errc::timeout), Errc::refreshFailed, false},
      {fail(Errc::tooLarge), Errc::refreshFailed, false},
  };
  for (const Case& test : all) {
    Upstream upstream;
    const testing::VirtualClock time;
    FetchOptions options = fetchOptions(upstream);
    options.coordinator = std::make_shared<LocalCoordinator>(LocalCoordinatorOptions{.now = time.monotonic()});
    const Fetcher fetcher(options);
    Session session = sessionWith(upstream.provider.login());
    const Json before = session.data();
    upstream.provider.expireAccessTokens();
    upstream.provider.answerTokenCalls({test.answer});
    CHECK(errorOf(fetcher.performFetch(session, get())) == test.why);
    CHECK(session.destroyed() == test.destroyed);
    if (test.destroyed) continue;
    CHECK(session.data() == before);
    time.advance(Seconds{60});
    CHECK(fetcher.performFetch(session, get())->status == 200);  // the provider is well again
  }
}

TEST_CASE("a callback that asks in a way of its own, and one that throws") {
  Upstream upstream;
  FetchOptions options = fetchOptions(upstream);
  options.tokenEndpoint.url.clear();
  const TokenSet fresh = upstream.provider.login();
  options.refresh = {"a provider of our own", [&](const TokenSet& spent, Deadline) -> Result<TokenSet> {
                       if (spent.refreshToken == "throws") throw std::runtime_error("no");
                       return TokenSet{.accessToken = fresh.accessToken, .refreshToken = "from-callback"};
                     }};
  const Fetcher fetcher(options);
  Session session = sessionWith({.accessToken = "spent", .refreshToken = "r"});
  CHECK(fetcher.performFetch(session, get())->status == 200);
  CHECK(session.tokens()->refreshToken == "from-callback");
  Session other = sessionWith({.accessToken = "spent", .refreshToken = "throws"});
  CHECK(errorOf(fetcher.performFetch(other, get())) == Errc::refreshFailed);
}

TEST_CASE("a refresh without rotation keeps the refresh token, and can happen again (R55 R56)") {
  Upstream upstream;
  upstream.provider.behave({.rotation = testing::Rotation::none, .omitRefreshToken = true});
  const Fetcher fetcher(fetchOptions(upstream));
  const TokenSet first = upstream.provider.login();
  Session session = sessionWith(first);
  for (int round = 1; round <= 3; ++round) {
    upstream.provider.expireAccessTokens();
    CHECK(fetcher.performFetch(session, get())->status == 200);
    CHECK(session.tokens()->refreshToken == first.refreshToken);
    CHECK(upstream.provider.counts().tokenCalls == round);
  }
  Session late = sessionWith(first);
  CHECK(fetcher.performFetch(late, get())->status == 200);
  CHECK(upstream.provider.counts().tokenCalls == 3);
}

TEST_CASE("late requests: served with the newest tokens of the chain, without a call (R25 R27)") {
  Upstream upstream;
  const Fetcher fetcher(fetchOptions(upstream));
  const TokenSet a = upstream.provider.login();
  Session session = sessionWith(a);
  for (int i = 0; i < 2; ++i) {  // A -> B -> C
    upstream.provider.expireAccessTokens();
    CHECK(fetcher.performFetch(session, get())->status == 200);
  }
  Session late = sessionWith(a);
  const auto response = fetcher.performFetch(late, get());
  CHECK(response->status == 200);
  CHECK(response->trace.attempts == 1);
  CHECK(late.tokens() == session.tokens());
  CHECK(late.changed());
  CHECK(upstream.provider.counts().tokenCalls == 2);
  CHECK(upstream.provider.counts().reuses == 0);

  upstream.provider.expireAccessTokens();  // late, and the newest is spent as well
  Session later = sessionWith(a);
  CHECK(fetcher.performFetch(later, get())->status == 200);
  CHECK(upstream.provider.counts().tokenCalls == 3);
  CHECK(upstream.provider.counts().reuses == 0);
}

TEST_CASE("a 401 for an older token is retried with the newer one that came meanwhile (R08)") {
  Upstream upstream;
  FetchOptions options = fetchOptions(upstream);
  const TokenSet old = upstream.provider.login();
  Session fast = sessionWith(old);
  std::function<void()> meanwhile;
  options.transport = [&, inner = upstream.transport()](const Request& request, Deadline deadline) {
    if (meanwhile && request.url.ends_with("/slow")) std::exchange(meanwhile, nullptr)();
    return inner(request, deadline);
  };
  const Fetcher fetcher(options);
  meanwhile = [&] {
    upstream.provider.expireAccessTokens();
    CHECK(fetcher.performFetch(fast, get())->status == 200);
  };
  Session slow = sessionWith(old);
  const auto response = fetcher.performFetch(slow, get("/slow"));
  CHECK(response->status == 200);
  CHECK(response->trace.refreshedBy == RefreshedBy::chain);
  CHECK(upstream.provider.counts().tokenCalls == 1);
}

TEST_CASE("one deadline: a provider that hangs does not hold the request, and its answer is not lost") {
  Upstream upstream;
  FetchOptions options = fetchOptions(upstream);
  options.timeout = Seconds{1};
  const Fetcher fetcher(options);
  const TokenSet old = upstream.provider.login();
  Session session = sessionWith(old);
  const Json before = session.data();
  upstream.provider.expireAccessTokens();
  upstream.provider.hold();
  CHECK(errorOf(fetcher.performFetch(session, get())) == Errc::refreshFailed);
  CHECK(session.data() == before);
  upstream.provider.release();
  Session next = sessionWith(old);  // joins the call that is still under way, or finds its result
  CHECK(fetcher.performFetch(next, get())->status == 200);
  CHECK(upstream.provider.counts().tokenCalls == 1);
  CHECK(upstream.provider.counts().reuses == 0);
}

}  // namespace fetch_test
