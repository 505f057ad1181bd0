// DPoP (RFC 9449) from the login to the logout: keys, proofs and token types, against servers that take
// nothing else.
#include "refresh/observed_refresh.hpp"
#include "support/dpop_upstream.hpp"

#include <thread>

#include <openssl/err.h>

namespace dpop_fetch_test {

using namespace ironjar;
using support::DpopUpstream;
using support::errorOf;
using support::get;
using support::sessionWith;

TEST_CASE("a login with a key gets tokens that are bound to it and have it, a nonce on the way or not") {
  for (const char* nonce : {"", "n-1"}) {
    DpopUpstream upstream;
    upstream.tokenNonce = nonce;
    const std::string key = generateDpopKey();
    const auto tokens = requestTokens(upstream.transport(), upstream.endpoint(), upstream.code(), {.dpopKey = key});
    CHECK(tokens.value().dpopKey == key);
    CHECK(tokens->accessToken.starts_with("at-"));
    CHECK(upstream.tokenRequests == (*nonce == '\0' ? 1 : 2));
    CHECK(upstream.problems.empty());
    CHECK(upstream.upstream.provider.counts().tokenCalls == 1);
  }
}

TEST_CASE("the type of the tokens is that of the request, at a login as at a refresh") {
  const auto asked = [](const char* type, bool hasKey) {
    const Transport transport = [type](const Request&, Deadline) -> Result<Response> {
      Json body = {{"access_token", "at"}, {"refresh_token", "rt"}};
      if (type != nullptr) body["token_type"] = type;
      return Response{.status = 200, .body = body.dump()};
    };
    return errorOf(requestTokens(transport, {.url = "https://id.example/token", .clientAuth = publicClient("web")}, {},
                                 {.dpopKey = hasKey ? generateDpopKey() : ""}));
  };
  CHECK_FALSE(asked("DPoP", true));
  CHECK_FALSE(asked("dpop", true));
  for (const char* other : {"Bearer", "PoP", "mac", "N_A", "", static_cast<const char*>(nullptr)}) {
    CHECK(asked(other, true) == Errc::notAllowed);
  }
  CHECK(asked("DPoP", false) == Errc::notAllowed);
  CHECK_FALSE(asked("Bearer", false));
  CHECK_FALSE(asked(nullptr, false));

  const Response bound{.status = 200, .body = R"({"access_token":"at","token_type":"DPoP"})"};
  const TokenEndpoint endpoint{.url = "https://id.example/token"};
  CHECK(readTokenAnswer(bound, endpoint, support::at(0), "key")->dpopKey == "key");
  CHECK(errorOf(readTokenAnswer(bound, endpoint, support::at(0))) == Errc::notAllowed);

  DpopUpstream upstream;
  upstream.tokenType = "Bearer";
  const Fetcher fetcher(upstream.options());
  Session session = sessionWith(upstream.login());
  const Json before = session.data();
  upstream.expire();
  CHECK(errorOf(fetcher.performFetch(session, get())) == Errc::notAllowed);
  CHECK(session.data() == before);
  CHECK_FALSE(session.destroyed());
}

TEST_CASE("API requests carry the token as DPoP and a proof of it; the browser's own fields go no further") {
  DpopUpstream upstream;
  const Fetcher fetcher(upstream.options());
  const TokenSet tokens = upstream.login();
  Session session = sessionWith(tokens);
  const auto answer = fetcher.performFetch(
      session, {.method = "POST",
                .url = "https://api.example/items?user=ada",
                .headers = {{"dpop", "stolen"}, {"Authorization", "Bearer stolen"}, {"DPoP", "stolen too"}}});
  CHECK(answer->status == 200);
  CHECK(upstream.problems.empty());
  const support::Proof& proof = upstream.proofs.at(0);
  CHECK(proof.claims["htm"] == "POST");
  CHECK(proof.claims["htu"] == "https://api.example/items");
  CHECK(proof.claims["ath"] == detail::accessTokenHash(tokens.accessToken));
  CHECK_FALSE(proof.claims.contains("nonce"));
  CHECK(detail::thumbprintOf(proof.header["jwk"]) == dpopThumbprint(tokens.dpopKey).value());
  const Request seen = upstream.upstream.api.seen().at(0);
  CHECK(std::count_if(seen.headers.begin(), seen.headers.end(),
                      [](const auto& field) { return field.first == "DPoP" || field.first == "dpop"; }) == 1);
}

TEST_CASE("without a key nothing changes, whatever the answers say of nonces") {
  support::Upstream upstream;
  upstream.api.behave({.challenge = {{"WWW-Authenticate", "DPoP error=\"use_dpop_nonce\""}, {"DPoP-Nonce", "n-1"}}});
  const Fetcher fetcher(support::fetchOptions(upstream));
  Session session = sessionWith(upstream.provider.login());
  upstream.provider.expireAccessTokens();
  CHECK(fetcher.performFetch(session, {.url = "https://api.example/items", .headers = {{"DPoP", "mine"}}})->status ==
        200);
  CHECK(upstream.provider.counts().refreshes == 1);
  const Request seen = upstream.api.seen().at(1);
  CHECK((support::bearer(seen) == "Bearer " + session.tokens()->accessToken));
  CHECK(findHeader(seen.headers, "DPoP") == "mine");
  CHECK_FALSE(session.data().contains("dpopKey"));
}

TEST_CASE("a proof is good for no other request: not for another method, URL, token or a second time") {
  DpopUpstream upstream;
  const TokenSet tokens = upstream.login();
  std::vector<Request> sent;
  FetchOptions options = upstream.options();
  options.transport = [&, inner = upstream.transport()](const Request& request, Deadline deadline) {
    sent.push_back(request);
    return inner(request, deadline);
  };
  const Fetcher fetcher(options);
  Session session = sessionWith(tokens);
  CHECK(fetcher.performFetch(session, get())->status == 200);
  const auto answersTo = [&](const std::function<void(Request&)>& change) {
    Request stolen = sent.at(0);
    change(stolen);
    return upstream.transport()(stolen, Deadline::max())->status;
  };
  CHECK(answersTo([](Request&) {}) == 401);
  upstream.ids.clear();
  CHECK(answersTo([](Request& request) { request.method = "DELETE"; }) == 401);
  upstream.ids.clear();
  CHECK(answersTo([](Request& request) { request.url += "/1"; }) == 401);
  upstream.ids.clear();
  CHECK(answersTo([](Request& request) {
          eraseHeader(request.headers, "Authorization");
          request.headers.emplace_back("Authorization", "DPoP other");
        }) == 401);
  upstream.ids.clear();
  CHECK(answersTo([](Request&) {}) == 200);
  CHECK(upstream.problems == std::vector<std::string>{"replayed", "method", "URL", "access token"});
}

TEST_CASE("a refresh by a function of the application's keeps the key, and so does what comes for another resource") {
  DpopUpstream upstream;
  FetchOptions options = upstream.options();
  std::string seen;
  options.refresh =
      CustomRefresh{.client = "own", .call = [&seen](const TokenSet& spent, Deadline) -> Result<TokenSet> {
                      seen = spent.dpopKey;
                      return TokenSet{.accessToken = "at-new", .refreshToken = "rt-new"};
                    }};
  const Fetcher fetcher(options);
  const TokenSet tokens = upstream.login();
  Session session = sessionWith(tokens);
  CHECK(fetcher.refresh(session));
  CHECK(seen == tokens.dpopKey);
  CHECK(session.tokens()->accessToken == "at-new");
  CHECK(session.tokens()->dpopKey == tokens.dpopKey);
  CHECK(detail::caughtUp({.accessToken = "at", .resource = "r"}, tokens).dpopKey == tokens.dpopKey);
}

TEST_CASE("a key that is none: no request goes out, whoever asks is to sign in, and the cookie stays") {
  for (const std::string& bad : {std::string("junk"), std::string(43, 'A'), std::string(43, '_'),
                                 std::string("\x01\r\n"), std::string(3000, 'k')}) {
    DpopUpstream upstream;
    const FetchOptions options = upstream.options();
    const Fetcher fetcher(options);
    TokenSet tokens = upstream.login();
    tokens.dpopKey = bad;
    Session session = sessionWith(tokens);
    const Json before = session.data();
    for (const auto& error : {fetcher.performFetch(session, get()).error(), fetcher.refresh(session).error(),
                              fetcher.refresh(session).error()}) {
      CHECK(error.code == Errc::loginRequired);
      CHECK_FALSE(error.end);
      CHECK(error.detail.find(bad) == std::string::npos);
      CHECK(answerFor(error).status == 401);
    }
    CHECK(upstream.apiRequests + upstream.tokenRequests == 0);
    CHECK(session.data() == before);
    CHECK_FALSE(session.destroyed());
    CHECK_FALSE(session.detached());
    CHECK(ERR_peek_error() == 0);
    CHECK(options.coordinator->stats().openCircuits == 0);
    CHECK(errorOf(requestTokens(upstream.transport(), upstream.endpoint(), {}, {.dpopKey = bad})) ==
          Errc::loginRequired);
  }
  DpopUpstream upstream;
  const Fetcher fetcher(upstream.options());
  Session session = sessionWith(upstream.login());
  session.set("dpopKey", Json::array({1}));  // no text: as if there were none
  CHECK(fetcher.performFetch(session, get()).error().code == Errc::refreshFailed);
}

TEST_CASE("twenty requests at once with one session's tokens: one refresh, nobody fails, the key stays") {
  DpopUpstream upstream;
  upstream.tokenNonce = "n-1";
  upstream.apiNonce = "n-2";
  const FetchOptions options = upstream.options();
  const Fetcher fetcher(options);
  const TokenSet tokens = upstream.login();
  upstream.expire();
  std::atomic<int> good = 0;
  std::atomic<int> keptKey = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&] {
      Session session = sessionWith(tokens);
      const auto answer = fetcher.performFetch(session, get());
      good += answer && answer->status == 200 ? 1 : 0;
      const auto held = session.tokens();
      keptKey += held && held->dpopKey == tokens.dpopKey && held->refreshToken != tokens.refreshToken ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 20);
  CHECK(keptKey == 20);
  CHECK(upstream.upstream.provider.counts().refreshes == 1);
  CHECK(upstream.tokenRequests == 2);
  CHECK(upstream.problems.empty());
}

TEST_CASE("a late request's session keeps its key through the chain, and so do other resources' tokens") {
  DpopUpstream upstream;
  const FetchOptions options = upstream.options();
  const Fetcher fetcher(options);
  const TokenSet tokens = upstream.login();
  Session first = sessionWith(tokens);
  upstream.expire();
  CHECK(fetcher.performFetch(first, get())->status == 200);
  Session late = sessionWith(tokens);
  CHECK(fetcher.performFetch(late, get())->trace.refreshedBy == RefreshedBy::chain);
  CHECK(late.tokens()->dpopKey == tokens.dpopKey);

  FetchOptions forReports = options;
  forReports.tokenEndpoint.resource = "reports";
  Session other = sessionWith(tokens);
  CHECK(Fetcher(forReports).refresh(other).value() == RefreshedBy::self);
  CHECK(other.tokens("reports")->dpopKey == tokens.dpopKey);
  CHECK(other.tokens()->dpopKey == tokens.dpopKey);
  CHECK(fetcher.performFetch(other, get())->status == 200);

  RefreshService service(fetcher.tokenSource(), *late.tokens());
  CHECK(service.refreshNow()->dpopKey == tokens.dpopKey);
  CHECK(upstream.problems.empty());
}

TEST_CASE("a call that is repeated has a proof of its own, and the key never shows") {
  DpopUpstream upstream;
  std::vector<std::string> told;
  FetchOptions options = upstream.options();
  options.tokenEndpoint.replay.grace = Seconds{30};
  options.observer = [&](const Event& event) { told.push_back(toLine(event)); };
  upstream.upstream.provider.behave({.rotation = testing::Rotation::graceSamePair, .dropAfterCommit = {.times = 1}});
  const Fetcher fetcher(options);
  const TokenSet tokens = upstream.login();
  Session session = sessionWith(tokens);
  upstream.expire();
  CHECK(fetcher.performFetch(session, get())->status == 200);
  CHECK(upstream.tokenRequests == 2);
  CHECK(upstream.problems.empty());
  REQUIRE_FALSE(told.empty());
  for (const std::string& line : told) CHECK(line.find(tokens.dpopKey) == std::string::npos);
  const auto failed = requestTokens([](const Request&, Deadline) -> Result<Response> { return fail(Errc::timeout); },
                                    upstream.endpoint(), {}, {.dpopKey = tokens.dpopKey});
  CHECK(failed.error().detail.find(tokens.dpopKey) == std::string::npos);
}

TEST_CASE("a logout revokes without a proof") {
  DpopUpstream upstream;
  FetchOptions options = upstream.options();
  options.tokenEndpoint.revocationUrl = upstream.upstream.provider.revocationUrl();
  const Fetcher fetcher(options);
  Session session = sessionWith(upstream.login());
  fetcher.signOut(session);
  upstream.upstream.provider.waitForRevocations(1);
  CHECK_FALSE(findHeader(upstream.others.at(0).headers, "DPoP"));
}

TEST_CASE("the key is sealed with the session and comes back with it, under the name that the jar gives it") {
  const SessionJar jar({.cookieName = "sid", .passwords = support::password, .tokenNames = {.dpopKey = "k"}});
  Session session = jar.open("");
  const std::string key = generateDpopKey();
  session.setTokens({.accessToken = "at", .refreshToken = "rt", .dpopKey = key});
  CHECK(session.data() == Json{{"accessToken", "at"}, {"refreshToken", "rt"}, {"k", key}});
  const std::string cookie = jar.commit(session)->at(0);
  CHECK(cookie.find(key) == std::string::npos);
  CHECK(jar.open(cookie.substr(0, cookie.find(';'))).tokens()->dpopKey == key);
  session.setTokens({.accessToken = "at", .refreshToken = "rt"});
  CHECK_FALSE(session.data().contains("k"));
}

TEST_CASE("a step that was not asked for is refused, with a key too") {
  DpopUpstream upstream;
  const Fetcher fetcher(upstream.options());
  Session session = sessionWith(upstream.login());
  Fetch fetch = fetcher.fetch(session, get());
  CHECK_THROWS_AS(static_cast<void>(fetch.answered(Response{.status = 401})), std::logic_error);
  TokenSet ended = upstream.login();
  ended.expiresAt = support::at(0);
  Session due = sessionWith(ended);
  Fetch ahead = fetcher.fetch(due, get());
  CHECK(std::holds_alternative<Fetch::Refresh>(ahead.begin()));
  CHECK_THROWS_AS(static_cast<void>(ahead.answered(Response{.status = 401})), std::logic_error);
}

}  // namespace dpop_fetch_test
