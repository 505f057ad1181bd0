// How a login begins, changes hands and ends, as far as tokens go.
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <thread>

namespace login_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::Upstream;

namespace {

const Request items{.url = std::string(support::api) + "/items"};

struct Site {
  explicit Site(const std::function<void(FetchOptions&, SessionOptions&)>& change = {}) {
    FetchOptions fetch = support::fetchOptions(upstream);
    fetch.tokenEndpoint.revocationUrl = "https://id.example/revoke";
    SessionOptions session{.cookieName = "sid", .passwords = support::password};
    session.seal.now = fetch.now = clock.wall();
    if (change) change(fetch, session);
    fetcher.emplace(fetch);
    session.commitHooks = fetcher->commitHooks();
    jar.emplace(session);
  }
  // The cookie that commit() sets, its pair; "" for none.
  std::string save(Session& session) const {
    const auto cookies = jar->commit(session).value();
    return cookies.empty() ? "" : cookies.at(0).substr(0, cookies.at(0).find(';'));
  }
  std::string login() {
    Session session = jar->open("");
    session.setTokens(upstream.provider.login());
    return save(session);
  }

  testing::VirtualClock clock;
  Upstream upstream{clock};
  std::optional<Fetcher> fetcher;
  std::optional<SessionJar> jar;
};

Response answer(const Json& members) {
  Json body = {{"access_token", "at-x"}, {"refresh_token", "rt-x"}};
  body.update(members);
  return {.status = 200, .body = body.dump()};
}

// An id_token as far as we read one. The payloads are {"sub":"ada"} and {"sub":"eve"}.
const std::string adasToken = "e30.eyJzdWIiOiJhZGEifQ.c2ln";
const std::string evesToken = "e30.eyJzdWIiOiJldmUifQ.c2ln";

}  // namespace

TEST_CASE(
    "R24 a new login while the old one's refresh is under way: the new cookie stays, the late response writes none") {
  Site site;
  const std::string old = site.login();
  site.upstream.provider.expireAccessTokens();
  site.upstream.provider.hold();
  Result<Response> late = fail(Errc::timeout);
  std::string lateCookie = "?";
  std::thread slow([&] {
    Session session = site.jar->open(old);
    late = site.fetcher->performFetch(session, items);
    session.set("cart", 1);
    lateCookie = site.save(session);
  });
  site.upstream.provider.waitForTokenCalls(1);
  Session fresh = site.jar->open(old);
  fresh.replace();
  fresh.setTokens(site.upstream.provider.login());
  const std::string cookie = site.save(fresh);
  site.upstream.provider.release();
  slow.join();
  CHECK(errorOf(late) == RefreshEnd::loggedOut);
  CHECK(lateCookie == "");
  Session next = site.jar->open(cookie);
  CHECK(site.fetcher->performFetch(next, items)->status == 200);
  CHECK(site.upstream.provider.counts().reuses == 0);
}

TEST_CASE("R24 a response of the old login that was refreshed before the new one is not written after it") {
  Site site;
  const std::string old = site.login();
  site.upstream.provider.expireAccessTokens();
  Session slow = site.jar->open(old);
  CHECK(site.fetcher->performFetch(slow, items)->status == 200);
  Session fresh = site.jar->open(old);
  fresh.replace();
  fresh.setTokens(site.upstream.provider.login());
  CHECK(site.save(fresh) != "");
  CHECK(site.save(slow) == "");
}

namespace {

// A login that takes another's place in a browser: whose both are, and what the endpoint's setting is.
struct Replacement {
  explicit Replacement(RevokeReplaced setting, const std::string& formerSubject = "ada",
                       const std::string& newSubject = "eve")
      : site([setting](FetchOptions& fetch, SessionOptions&) {
          fetch.tokenEndpoint.revokeReplaced = setting;
          fetch.coordinator = std::make_shared<LocalCoordinator>(
              LocalCoordinatorOptions{.refusedBurst = 1'000'000, .threads = 1});  // revocations come in order
        }),
        former(tokensOf(formerSubject)),
        fresh(tokensOf(newSubject)) {
    Session session = site.jar->open("");
    session.setTokens(former);
    old = site.save(session);
    Session next = site.jar->open(old);
    next.replace();
    next.setTokens(fresh);
    cookie = site.save(next);
  }
  TokenSet tokensOf(const std::string& subject) {
    TokenSet tokens = provider().login();
    tokens.subject = subject;
    return tokens;
  }
  testing::Provider& provider() { return site.upstream.provider; }
  // Of the former tokens, when the new login's have been revoked too.
  int revocationsOfFormer() {
    Session leaving = site.jar->open(cookie);
    site.fetcher->signOut(leaving);
    while (provider().revocationsOf(fresh.refreshToken) == 0) std::this_thread::yield();
    return provider().revocationsOf(former.refreshToken);
  }

  Site site;
  TokenSet former;
  TokenSet fresh;
  std::string old;
  std::string cookie;
};

}  // namespace

TEST_CASE("a login over another user's session revokes the former tokens, once, and never the new ones") {
  for (const RevokeReplaced setting : {RevokeReplaced::otherUsers, RevokeReplaced::always}) {
    Replacement login(setting);
    login.provider().waitForRevocations(1);
    CHECK(login.provider().revocationsOf(login.former.refreshToken) == 1);
    CHECK(login.provider().revocationsOf(login.fresh.refreshToken) == 0);
    Session again = login.site.jar->open(login.cookie);
    again.set("cart", 1);
    CHECK(login.site.save(again) != "");  // a later write of the new login
    login.provider().expireAccessTokens();
    Session next = login.site.jar->open(login.cookie);
    CHECK(login.site.fetcher->performFetch(next, items)->status == 200);
    Session late = login.site.jar->open(login.old);
    CHECK(errorOf(login.site.fetcher->performFetch(late, items)) == RefreshEnd::loggedOut);
    late.set("cart", 1);
    CHECK(login.site.save(late) == "");
    CHECK(login.provider().counts().revocations == 1);
  }
}

TEST_CASE("a login that a clock ahead has begun is ended by the one that takes its place") {
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    Site site([format](FetchOptions&, SessionOptions& session) { session.seal.formats = {format}; });
    const testing::VirtualClock ahead(site.clock.wallNow() + 50s);
    SessionOptions there = site.jar->options();
    there.seal.now = ahead.wall();
    Session first = SessionJar(there).open("");
    first.setTokens(site.upstream.provider.login());
    const std::string old = SessionJar(there).commit(first).value().at(0);
    Session fresh = site.jar->open(old);
    CHECK(fresh.startedAt() == ahead.wallNow());
    fresh.replace();
    fresh.setTokens(site.upstream.provider.login());
    CHECK(site.save(fresh) != "");
    for (int minute = 0; minute < 3; ++minute, site.clock.advance(1min)) {
      Session late = site.jar->open(old);
      CHECK(errorOf(site.fetcher->performFetch(late, items)) == RefreshEnd::loggedOut);
    }
  }
}

TEST_CASE("what a replaced login had become is revoked, whatever its cookie still said") {
  Replacement login(RevokeReplaced::otherUsers);
  login.provider().waitForRevocations(1);
  login.provider().expireAccessTokens();
  Session session = login.site.jar->open(login.cookie);
  CHECK(login.site.fetcher->performFetch(session, items)->status == 200);  // the response that brings it is lost
  Session next = login.site.jar->open(login.cookie);
  next.replace();
  next.setTokens(login.tokensOf("bob"));
  CHECK(login.site.save(next) != "");
  login.provider().waitForRevocations(2);
  CHECK(login.provider().revocationsOf(session.tokens()->refreshToken) == 1);
}

TEST_CASE("a login over one's own session, or one whose user is unknown, revokes where the endpoint says always") {
  for (const auto& [former, fresh] : {std::pair{"ada", "ada"}, {"", "ada"}, {"ada", ""}, {"", ""}}) {
    CHECK(Replacement(RevokeReplaced::otherUsers, former, fresh).revocationsOfFormer() == 0);
    CHECK(Replacement(RevokeReplaced::always, former, fresh).revocationsOfFormer() == 1);
  }
  CHECK(Replacement(RevokeReplaced::never).revocationsOfFormer() == 0);
}

TEST_CASE("replace() with the same login's tokens, rotated or not, ends nothing") {
  Site site;
  std::string cookie = site.login();
  for (const bool refreshed : {false, true}) {
    Session session = site.jar->open(cookie);
    const TokenSet tokens = session.tokens().value();
    session.replace();
    session.setTokens(tokens);
    site.upstream.provider.expireAccessTokens();
    if (refreshed) CHECK(site.fetcher->performFetch(session, items)->status == 200);
    cookie = site.save(session);
    Session next = site.jar->open(cookie);
    CHECK(site.fetcher->performFetch(next, items)->status == 200);
  }
}

TEST_CASE("a session that was replaced, kept its tokens and fell behind its login's refreshes is still of that login") {
  Site site;
  const std::string old = site.login();
  Session slow = site.jar->open(old);
  slow.replace({"accessToken", "refreshToken", "accessTokenExpiresAt", "accessTokenLifetime"});
  for (Session* session : {&slow, static_cast<Session*>(nullptr)}) {
    site.upstream.provider.expireAccessTokens();
    Session other = site.jar->open(old);
    Session& asking = session != nullptr ? *session : other;
    CHECK(site.fetcher->performFetch(asking, items)->status == 200);
  }
  const std::string cookie = site.save(slow);
  CHECK(cookie != "");
  Session next = site.jar->open(cookie);
  CHECK(site.fetcher->performFetch(next, items)->status == 200);
}

TEST_CASE("R73 whatever a session was replaced by before it was destroyed, no login of it comes back") {
  for (const bool twice : {false, true}) {
    Site site;
    const std::string old = site.login();
    Session slow = site.jar->open(old);
    slow.set("cart", 1);
    Session leaving = site.jar->open(old);
    leaving.replace();
    leaving.setTokens(site.upstream.provider.login());
    if (twice) leaving.replace();
    if (twice) leaving.setTokens(site.upstream.provider.login());
    if (!twice) leaving.destroy();
    CHECK(site.save(leaving).starts_with(twice ? "sid=ij1." : "sid="));
    CHECK(site.save(slow) == "");
  }
}

TEST_CASE("a new login that could not be written, or was detached, has not ended the old one") {
  for (const bool tooLarge : {true, false}) {
    Site site;
    const std::string old = site.login();
    Session session = site.jar->open(old);
    session.replace();
    session.setTokens(site.upstream.provider.login());
    if (tooLarge) session.set("report", std::string(5000, 'x'));
    if (!tooLarge) session.detach();
    CHECK(site.jar->commit(session).has_value() == !tooLarge);
    Session next = site.jar->open(old);
    CHECK(site.fetcher->performFetch(next, items)->status == 200);
    next.set("seen", 1);
    CHECK(site.save(next) != "");
  }
}

TEST_CASE("a browser that still has the cookie of a login that ended can begin a new one") {
  Site site;
  const std::string old = site.login();
  Session leaving = site.jar->open(old);
  leaving.destroy();
  CHECK(site.save(leaving) == "sid=");
  Session session = site.jar->open(old);  // the deletion was lost
  session.replace();
  session.set("state", "random");
  const std::string cookie = site.save(session);
  CHECK(site.jar->open(cookie).get<std::string>("state") == "random");
}

TEST_CASE("R60 another user's tokens are refused from a callback too") {
  Site site([](FetchOptions& fetch, SessionOptions&) {
    fetch.refresh = {
        "a provider of our own", [](const TokenSet&, Deadline) {
          return Result<TokenSet>(TokenSet{.accessToken = "at-x", .refreshToken = "rt-x", .subject = "eve"});
        }};
  });
  Session session = site.jar->open("");
  session.setTokens({.accessToken = "spent", .refreshToken = "rt-1", .subject = "ada"});
  CHECK(errorOf(site.fetcher->performFetch(session, items)) == RefreshEnd::otherUser);
  CHECK(session.destroyed());
}

TEST_CASE(
    "R60 (X15 user-swap) a refresh that brings another user's id_token ends the session, and its tokens are not used") {
  Site site;
  site.upstream.provider.answerTokenCalls({answer({{"id_token", evesToken}})});
  Session session = site.jar->open("");
  session.setTokens({.accessToken = "spent", .refreshToken = "rt-1", .subject = "ada"});
  CHECK(errorOf(site.fetcher->performFetch(session, items)) == RefreshEnd::otherUser);
  CHECK(session.destroyed());
  for (const Request& seen : site.upstream.api.seen()) {
    CHECK(findHeader(seen.headers, "Authorization") != "Bearer at-x");
  }
}

TEST_CASE("the same user's id_token, none, and one that cannot be read are no reason to end a session") {
  for (const Json& idToken : {Json(adasToken), Json(nullptr), Json("garbage"), Json("a.b.c"), Json(7), Json("")}) {
    Site site;
    site.upstream.provider.answerTokenCalls({answer({{"id_token", idToken}})});
    Session session = site.jar->open("");
    session.setTokens({.accessToken = "spent", .refreshToken = "rt-1", .subject = "ada"});
    CHECK(site.fetcher->refresh(session).value() == RefreshedBy::self);
    CHECK(session.tokens()->subject == "ada");
  }
}

TEST_CASE("the user of a login is read from its id_token and kept in the session") {
  Upstream upstream;
  upstream.provider.answerTokenCalls({answer({{"id_token", adasToken}})});
  const FetchOptions options = support::fetchOptions(upstream);
  const auto tokens = requestTokens(options.transport, options.tokenEndpoint, {{"grant_type", "authorization_code"}});
  CHECK(tokens->subject == "ada");
  Session session;
  session.setTokens(*tokens);
  CHECK(session.tokens() == *tokens);
}

TEST_CASE("R61 a scope that was narrowed is kept and can be read; one that is not named goes on") {
  Site site;
  Session session = site.jar->open("");
  session.setTokens({.accessToken = "spent", .refreshToken = "rt-1", .scope = "read write"});
  for (const auto& [members, scope] : {std::pair<Json, std::string>{Json::object(), "read write"},
                                       std::pair<Json, std::string>{{{"scope", "read"}}, "read"}}) {
    site.upstream.provider.answerTokenCalls({answer(members)});
    REQUIRE(site.fetcher->refresh(session));
    CHECK(session.tokens()->scope == scope);
  }
}

TEST_CASE("R38 a provider that says invalid_request of a spent token, as Dex does, is believed when it is told so") {
  for (const bool dex : {false, true}) {
    Site site([&](FetchOptions& fetch, SessionOptions&) {
      if (dex) fetch.tokenEndpoint.grantErrors = {"invalid_grant", "invalid_request"};
    });
    const std::string cookie = site.login();
    site.upstream.provider.expireAccessTokens();
    site.upstream.provider.answerTokenCalls({Response{.status = 400, .body = R"({"error":"invalid_request"})"}});
    Session session = site.jar->open(cookie);
    CHECK(errorOf(site.fetcher->performFetch(session, items)) ==
          (dex ? support::Failure(RefreshEnd::invalidGrant) : Errc::refreshFailed));
    CHECK(session.destroyed() == dex);
  }
}

TEST_CASE("R54 no refresh moves the absolute end: a second before it the session works, a second after it is over") {
  Site site([](FetchOptions&, SessionOptions& session) { session.absoluteTtl = Seconds{3600}; });
  std::string cookie = site.login();
  for (const auto step : {1800s, 1799s}) {
    site.clock.advance(step);
    site.upstream.provider.expireAccessTokens();
    Session session = site.jar->open(cookie);
    CHECK(site.fetcher->performFetch(session, items)->status == 200);
    cookie = site.save(session);
    REQUIRE(cookie.starts_with("sid=ij1."));
  }
  const int calls = site.upstream.provider.counts().tokenCalls;
  site.clock.advance(2s);
  Session session = site.jar->open(cookie);
  CHECK(errorOf(site.fetcher->performFetch(session, items)) == Errc::expired);
  CHECK(site.save(session) == "");
  CHECK(site.upstream.provider.counts().tokenCalls == calls);
}

TEST_CASE(
    "R41 a session that has grown too large for its cookie after a rotation: a typed error, and nothing is lost") {
  Site site;
  const std::string old = site.login();
  site.upstream.provider.expireAccessTokens();
  Session session = site.jar->open(old);
  CHECK(site.fetcher->performFetch(session, items)->status == 200);
  const TokenSet fresh = session.tokens().value();
  session.set("report", std::string(5000, 'x'));
  CHECK(errorOf(site.jar->commit(session)) == Errc::tooLarge);

  Session next = site.jar->open(old);
  CHECK(site.fetcher->performFetch(next, items)->status == 200);
  CHECK(next.tokens() == fresh);
  CHECK(site.save(next) != "");
  CHECK(site.upstream.provider.counts().tokenCalls == 1);
  CHECK(site.upstream.provider.counts().reuses == 0);
}

}  // namespace login_test
