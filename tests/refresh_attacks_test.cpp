// APIs and providers that answer wrongly for one login, or for ever: what one request may cost others. Time is virtual;
// each request is a Fetcher's.
#include "support/attacked.hpp"
#include "support/support.hpp"

#include <thread>

namespace refresh_attacks_test {

using namespace ironjar;
using support::errorOf;
using support::attacked::items;
using support::attacked::Site;
using support::attacked::tokenUrl;

TEST_CASE("V06 an API that refuses every token: three refreshes, then one in 30 s, and the login goes on") {
  for (const bool bringsFirst : {false, true}) {
    CAPTURE(bringsFirst);
    Site site;
    site.lifetime = Seconds{36'000};
    site.onApi = [](const std::string&) { return Response{.status = 401, .body = "no"}; };
    const TokenSet first = *site.sessionOf("user-ada").tokens();
    constexpr int requests = 2000;
    int others = 0;
    for (int request = 0; request < requests; ++request) {
      site.clock.advance(std::chrono::milliseconds{50});
      Session& session = site.sessionOf("user-ada");
      if (bringsFirst) session.setTokens(first);
      const auto response = site.fetcher.performFetch(session, items);
      others += !response || response->status != 401 || session.destroyed();
    }
    CHECK(others == 0);
    CHECK(site.tokenCalls <= 3 + 100 / 30 + 1);
  }
}

TEST_CASE("V06 a token past its end is refreshed however often the API has said 401") {
  Site site;
  site.lifetime = Seconds{10};
  site.onApi = [](const std::string&) { return Response{.status = 401}; };
  for (int request = 0; request < 20; ++request) {
    site.clock.advance(Seconds{11});
    const int before = site.tokenCalls;
    static_cast<void>(site.fetcher.performFetch(site.sessionOf("user-ada"), items));
    CHECK(site.tokenCalls > before);
  }
}

TEST_CASE("V06 tokens that another request has brought meanwhile are no retry") {
  Site site;
  site.lifetime = Seconds{3600};
  const TokenSet old = *site.sessionOf("user-ada").tokens();
  int seen = 0;
  site.onApi = [&](const std::string& authorization) -> Result<Response> {
    if (authorization.find(old.accessToken) == std::string::npos) return Response{.status = ++seen <= 1 ? 401 : 200};
    // Another request with the same tokens is served while this one is under way; what it got is revoked since.
    Session other;
    other.setTokens(old);
    CHECK(site.fetcher.refresh(other));
    return Response{.status = 401};
  };
  const auto response = site.fetcher.performFetch(site.sessionOf("user-ada"), items);
  CHECK(response->status == 200);
  CHECK(site.tokenCalls == 2);
}

TEST_CASE("V06 the second retry sends the same new token again and spends nothing") {
  Site site([](FetchOptions& options) { options.maxRetries = 2; });
  site.lifetime = Seconds{3600};
  std::vector<std::string> seen;
  site.onApi = [&](const std::string& authorization) {
    seen.push_back(authorization);
    return Response{.status = seen.size() < 3 ? 401 : 200};
  };
  CHECK(site.isServed("user-ada"));
  REQUIRE(seen.size() == 3);
  CHECK(seen[1] == seen[2]);
  CHECK(site.tokenCalls == 1);
}

TEST_CASE("V06 a challenge that asks for another login or other claims is an answer") {
  for (const char* error : {"insufficient_scope", "insufficient_user_authentication", "insufficient_claims"}) {
    CAPTURE(error);
    Site site;
    site.lifetime = Seconds{3600};
    site.onApi = [&](const std::string&) {
      return Response{.status = 401, .headers = {{"WWW-Authenticate", "Bearer error=\"" + std::string(error) + "\""}}};
    };
    CHECK_FALSE(site.isServed("user-ada"));
    CHECK(site.tokenCalls == 0);
  }
}

TEST_CASE("V34 with replay.strict what was never sent ends no login") {
  // The second try: no time was left for it, it was broken off while connecting, or it could not be sent either.
  for (const Errc second : {Errc::timeout, Errc::transport, Errc::unreachable}) {
    CAPTURE(second);
    Site site([](FetchOptions& options) { options.tokenEndpoint.replay.strict = true; });
    bool down = true;
    site.onToken = [&](const std::string&, Deadline) -> std::optional<Result<Response>> {
      if (!down) return std::nullopt;
      const bool isFirst = site.tokenCalls == 1;
      return Result<Response>(fail(isFirst ? Errc::unreachable : second));
    };
    Session& session = site.sessionOf("user-ada");
    site.clock.advance(Seconds{31});
    const auto failed = site.fetcher.performFetch(session, items);
    // What the second try was lost in may have been its answer: it is asked about again, since giving up ends the login
    // for certain.
    CHECK(errorOf(failed) == Errc::refreshFailed);
    CHECK_FALSE(session.destroyed());
    down = false;
    site.clock.advance(Seconds{61});
    CHECK(site.isServed("user-ada"));
  }
}

TEST_CASE("V34 a call that has no time left is not repeated") {
  Site site([](FetchOptions& options) {
    options.tokenEndpoint.replay.strict = true;
    options.tokenEndpoint.timeout = Seconds{2};
  });
  site.onToken = [](const std::string&, Deadline deadline) {
    std::this_thread::sleep_until(deadline);
    return std::optional(Result<Response>(fail(Errc::unreachable)));
  };
  Session& session = site.sessionOf("user-ada");
  site.clock.advance(Seconds{31});
  CHECK(errorOf(site.fetcher.performFetch(session, items)) == Errc::refreshFailed);
  CHECK(site.tokenCalls == 1);
  CHECK_FALSE(session.destroyed());
}

TEST_CASE("V11 Fetchers with a function of their own share what they know by the name they give, and only then") {
  const auto coordinator = std::make_shared<LocalCoordinator>();
  const auto fetcherOf = [&](const std::string& client, const std::string& user) {
    return Fetcher({.transport = [](const Request&, Deadline) -> Result<Response> { return Response{.status = 200}; },
                    .allowedOrigins = {"https://api.example"},
                    .coordinator = coordinator,
                    .refresh = CustomRefresh{client, [user](const TokenSet&, Deadline) -> Result<TokenSet> {
                                               return TokenSet{.accessToken = "at-" + user,
                                                               .refreshToken = "rt-" + user};
                                             }}});
  };
  const auto refreshed = [](const Fetcher& fetcher) {
    Session session;
    session.setTokens({.accessToken = "at", .refreshToken = "the same at both"});
    CHECK(fetcher.refresh(session));
    return session.tokens()->accessToken;
  };
  CHECK(refreshed(fetcherOf("one", "ada")) == "at-ada");
  CHECK(refreshed(fetcherOf("two", "bob")) == "at-bob");
  CHECK(refreshed(fetcherOf("one", "eve")) == "at-ada");
}

TEST_CASE("V11 a function in place of the token endpoint needs a name, and revokes over https only") {
  const auto build = [](const std::string& client, TokenEndpoint endpoint) {
    return Fetcher({.transport = [](const Request&, Deadline) -> Result<Response> { return Response{}; },
                    .allowedOrigins = {"https://api.example"},
                    .tokenEndpoint = std::move(endpoint),
                    .refresh = CustomRefresh{
                        client, [](const TokenSet& tokens, Deadline) -> Result<TokenSet> { return tokens; }}});
  };
  CHECK_NOTHROW(build("one", {}));
  CHECK_NOTHROW(build("one", {.url = "", .revocationUrl = "https://id.example/revoke"}));
  CHECK_THROWS_AS(build("", {}), std::invalid_argument);
  CHECK_THROWS_AS(build("one", {.url = "", .revocationUrl = "http://id.example/revoke"}), std::invalid_argument);
  CHECK_THROWS_AS(build("one", {.url = "", .timeout = Seconds{0}}), std::invalid_argument);
  CHECK_THROWS_AS(build("one", {.url = "", .headers = {{"bad name", "x"}}}), std::invalid_argument);
}

TEST_CASE("V11 no two endpoints and clients are spelled alike at a coordinator") {
  const auto coordinator = std::make_shared<LocalCoordinator>();
  const auto refreshed = [&](const std::string& url, const char* id, const std::string& user) {
    const Fetcher fetcher({.transport = [&](const Request&, Deadline) -> Result<Response> {
                             return Response{.status = 200, .body = R"({"access_token":"at-)" + user + "\"}"};
                           },
                           .allowedOrigins = {"https://api.example"},
                           .tokenEndpoint = {.url = url, .clientAuth = publicClient(id)},
                           .coordinator = coordinator});
    Session session;
    session.setTokens({.accessToken = "at", .refreshToken = "rt"});
    CHECK(fetcher.refresh(session));
    return session.tokens()->accessToken;
  };
  CHECK(refreshed("https://id.example/t", "web", "ada") == "at-ada");
  CHECK(refreshed("https://id.example/tw", "eb", "bob") == "at-bob");
  CHECK(refreshed("https://id.example/t", "web", "eve") == "at-ada");
}

}  // namespace refresh_attacks_test
