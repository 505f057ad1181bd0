// Providers and APIs that answer wrongly for one login, for all, or for ever: what one request may cost others. Time is
// virtual; each request is a Fetcher's.
#include "support/support.hpp"

#include <functional>
#include <map>
#include <thread>

#include <ironjar/testing/clock.hpp>

using namespace ironjar;
using support::errorOf;

namespace {

constexpr std::chrono::milliseconds step{500};
const std::string tokenUrl = "https://id.example/token";
const Request items{.url = "https://api.example/items"};

// A provider that rotates, and an API that takes its newest tokens; both can be told to answer otherwise.
struct Site {
  explicit Site(const std::function<void(FetchOptions&)>& change = {}) : fetcher(prepared(change)) {}

  FetchOptions prepared(const std::function<void(FetchOptions&)>& change) {
    FetchOptions options{
        .transport = [this](const Request& request, Deadline deadline) { return answer(request, deadline); },
        .allowedOrigins = {"https://api.example"},
        .tokenEndpoint = {.url = tokenUrl, .clientAuth = publicClient("web")},
        .coordinator = std::make_shared<LocalCoordinator>(LocalCoordinatorOptions{.now = clock.monotonic()}),
        .now = clock.wall()};
    if (change) change(options);
    return options;
  }

  Result<Response> answer(const Request& request, Deadline deadline) {
    if (request.url != tokenUrl) {
      ++apiCalls;
      if (onApi) return onApi(std::string(findHeader(request.headers, "Authorization").value_or("")));
      return Response{.status = 200};
    }
    ++tokenCalls;
    const std::size_t begin = request.body.find("refresh_token=user-") + 14;
    const std::string user = request.body.substr(begin, request.body.find('.', begin) - begin);
    if (onToken) {
      if (auto other = onToken(user, deadline)) return *std::move(other);
    }
    return Response{.status = 200, .body = writeJson(issued(user))};
  }

  static std::string writeJson(const TokenSet& tokens) {
    return R"({"access_token":")" + tokens.accessToken + R"(","refresh_token":")" + tokens.refreshToken +
           R"(","expires_in":)" + std::to_string(tokens.lifetime->count()) + "}";
  }
  TokenSet issued(const std::string& user) {
    const std::string name = user + "." + std::to_string(++serial);
    return {.accessToken = name + "-access",
            .refreshToken = name,
            .expiresAt = clock.wallNow() + lifetime,
            .lifetime = lifetime};
  }
  Session& sessionOf(const std::string& user) {
    const auto [position, isNew] = sessions.try_emplace(user);
    if (isNew) position->second.setTokens(issued(user));
    return position->second;
  }
  bool isServed(const std::string& user) {
    const auto response = fetcher.performFetch(sessionOf(user), items);
    return response && response->status == 200;
  }

  testing::VirtualClock clock;
  Seconds lifetime{30};
  int serial = 0;
  int tokenCalls = 0;
  int apiCalls = 0;
  std::function<std::optional<Result<Response>>(const std::string& user, Deadline)> onToken;
  std::function<Result<Response>(const std::string& authorization)> onApi;
  std::map<std::string, Session> sessions;
  Fetcher fetcher;
};

std::string userNumber(int number) { return "user-" + std::to_string(number); }

// How often the good user was refused in an hour with one whose token gets `poison`.
int refusalsBeside(const Response& poison) {
  Site site;
  site.onToken = [&](const std::string& user, Deadline) {
    return user == "user-bad" ? std::optional<Result<Response>>(poison) : std::nullopt;
  };
  int refusals = 0;
  for (int second = 0; second < 3600; second += 5) {
    site.clock.advance(Seconds{5});
    static_cast<void>(site.isServed("user-bad"));
    if (second % 60 == 0 && !site.isServed("user-good")) ++refusals;
  }
  return refusals;
}

Response jsonError(int status, const std::string& error) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = R"({"error":")" + error + "\"}"};
}

}  // namespace

TEST_CASE("V07 a user whose token fails, whatever the answer, costs another user nothing for an hour") {
  Response slowDown = jsonError(429, "slow_down");
  slowDown.headers.emplace_back("Retry-After", "600");
  const std::vector<Response> poisons = {jsonError(400, "invalid_request"),
                                         jsonError(400, "unauthorized_client"),
                                         jsonError(400, "invalid_scope"),
                                         jsonError(403, "some_error_of_its_own"),
                                         jsonError(200, "bad_refresh_token"),
                                         slowDown,
                                         Response{.status = 500},
                                         Response{.status = 503, .headers = {{"Retry-After", "600"}}},
                                         Response{.status = 403, .body = "<html>"}};
  for (const Response& poison : poisons) {
    CAPTURE(poison.status);
    CAPTURE(poison.body);
    CHECK(refusalsBeside(poison) == 0);
  }
}

TEST_CASE("V07 an outage: few calls whatever arrives, and everybody is served soon after it") {
  for (const bool unreachable : {false, true}) {
    CAPTURE(unreachable);
    Site site;
    bool down = true;
    site.onToken = [&](const std::string&, Deadline) -> std::optional<Result<Response>> {
      if (!down) return std::nullopt;
      if (unreachable) return Result<Response>(fail(Errc::unreachable));
      return Result<Response>(Response{.status = 503});
    };
    constexpr int users = 100;
    for (int user = 0; user < users; ++user) static_cast<void>(site.sessionOf(userNumber(user)));
    site.clock.advance(Seconds{31});
    site.tokenCalls = 0;
    for (auto time = step; time <= Seconds{60}; time += step) {
      for (int user = 0; user < users; ++user) CHECK_FALSE(site.isServed(userNumber(user)));
      site.clock.advance(step);
    }
    // An unreachable endpoint is tried twice in one call, since nothing was sent.
    CHECK(site.tokenCalls <= (unreachable ? 40 : 20));
    MESSAGE((unreachable ? "unreachable: " : "503: ") << site.tokenCalls << " requests in 60 s");
    down = false;
    for (auto time = step; time <= Seconds{5}; time += step) {
      site.clock.advance(step);
      for (int user = 0; user < users; ++user) static_cast<void>(site.isServed(userNumber(user)));
    }
    int served = 0;
    for (int user = 0; user < users; ++user) served += site.isServed(userNumber(user));
    CHECK(served == users);
  }
}

TEST_CASE("V07 a provider that blocks us is left alone: ten calls a minute at most, from a hundred sessions") {
  for (const Response& block : {Response{.status = 403, .body = "<html>"}, Response{.status = 400}}) {
    CAPTURE(block.status);
    Site site;
    site.onToken = [&](const std::string&, Deadline) { return std::optional<Result<Response>>(block); };
    for (int user = 0; user < 100; ++user) static_cast<void>(site.sessionOf(userNumber(user)));
    site.clock.advance(Seconds{31});
    site.tokenCalls = 0;
    for (int second = 0; second < 60; ++second) {
      for (int user = 0; user < 100; ++user) static_cast<void>(site.isServed(userNumber(user)));
      site.clock.advance(Seconds{1});
    }
    CHECK(site.tokenCalls <= 10);
  }
}

TEST_CASE("V07 three users whose tokens fail cost three others nothing for an hour") {
  for (const Response& poison : {Response{.status = 401}, Response{.status = 403, .body = "<html>"},
                                 Response{.status = 500}, Response{.status = 429}, jsonError(400, "invalid_request")}) {
    CAPTURE(poison.status);
    Site site;
    site.onToken = [&](const std::string& user, Deadline) {
      return user.starts_with("user-bad") ? std::optional<Result<Response>>(poison) : std::nullopt;
    };
    int refusals = 0;
    for (int second = 0; second < 3600; second += 5) {
      site.clock.advance(Seconds{5});
      for (const char* user : {"user-bad1", "user-bad2", "user-bad3"}) static_cast<void>(site.isServed(user));
      for (int user = 0; user < 3; ++user) {
        if (second % 60 == 20 * user) refusals += !site.isServed(userNumber(user));
      }
    }
    MESSAGE("refused: " << refusals << " of 180");
    CHECK(refusals <= 6);  // three different tokens in a row do look like an outage, until others succeed beside them
  }
}

TEST_CASE("V07 an outage of many kinds, and a firewall that speaks JSON: few calls") {
  const std::vector<Response> mixed = {Response{.status = 502}, Response{.status = 403, .body = "<html>"},
                                       Response{.status = 429}};
  const auto callsIn = [](Seconds time, const std::function<Response(int)>& answer) {
    Site site;
    site.onToken = [&](const std::string&, Deadline) {
      return std::optional<Result<Response>>(answer(site.tokenCalls));
    };
    for (int user = 0; user < 100; ++user) static_cast<void>(site.sessionOf(userNumber(user)));
    site.clock.advance(Seconds{31});
    site.tokenCalls = 0;
    for (Seconds passed{0}; passed < time; ++passed) {
      for (int user = 0; user < 100; ++user) static_cast<void>(site.isServed(userNumber(user)));
      site.clock.advance(Seconds{1});
    }
    return site.tokenCalls;
  };
  CHECK(callsIn(Seconds{60}, [&](int call) { return mixed[static_cast<std::size_t>(call) % 3]; }) <= 20);
  CHECK(callsIn(Seconds{60}, [](int) { return jsonError(403, "blocked"); }) <= 10);
  CHECK(callsIn(Seconds{600}, [](int) { return jsonError(403, "blocked"); }) <= 100);
}

TEST_CASE("V07 a login that is over without a word ends where endsGrant says so, and only if it is alone in that") {
  const auto make = [](std::function<void(FetchOptions&)> change = {}) {
    return std::make_unique<Site>([change = std::move(change)](FetchOptions& options) {
      options.tokenEndpoint.endsGrant = [](const Response& answer) {
        return answer.status == 403 || answer.status == 401;
      };
      if (change) change(options);
    });
  };
  const Response forbidden{.status = 403, .body = "Forbidden"};
  SUBCASE("beside others: the second time") {
    const auto site = make();
    site->onToken = [&](const std::string& user, Deadline) {
      return user == "user-dead" ? std::optional<Result<Response>>(forbidden) : std::nullopt;
    };
    Session& dead = site->sessionOf("user-dead");
    static_cast<void>(site->sessionOf("user-good"));
    site->clock.advance(Seconds{31});
    CHECK(errorOf(site->fetcher.performFetch(dead, items)) == Errc::refreshFailed);
    CHECK(site->isServed("user-good"));
    site->clock.advance(Seconds{2});
    CHECK(errorOf(site->fetcher.performFetch(dead, items)) == RefreshEnd::invalidGrant);
    CHECK(dead.destroyed());
  }
  SUBCASE("the only user: after a minute") {
    const auto site = make();
    site->onToken = [&](const std::string&, Deadline) { return std::optional<Result<Response>>(forbidden); };
    Session& dead = site->sessionOf("user-dead");
    site->clock.advance(Seconds{31});
    int seconds = 0;
    while (errorOf(site->fetcher.performFetch(dead, items)) == Errc::refreshFailed && seconds < 1000) {
      site->clock.advance(Seconds{1});
      ++seconds;
    }
    CHECK(dead.destroyed());
    CHECK(seconds >= 60);
    CHECK(seconds < 130);
  }
  SUBCASE("a page for everybody: nobody's") {
    const auto site = make();
    site->onToken = [&](const std::string&, Deadline) { return std::optional<Result<Response>>(forbidden); };
    for (int user = 0; user < 5; ++user) static_cast<void>(site->sessionOf(userNumber(user)));
    site->clock.advance(Seconds{31});
    for (int second = 0; second < 1200; ++second) {
      for (int user = 0; user < 5; ++user) static_cast<void>(site->isServed(userNumber(user)));
      site->clock.advance(Seconds{1});
    }
    site->onToken = nullptr;
    site->clock.advance(Seconds{61});
    int served = 0;
    for (int second = 0; second < 6; ++second, site->clock.advance(Seconds{1})) {
      served = 0;
      for (int user = 0; user < 5; ++user) served += site->isServed(userNumber(user));
    }
    CHECK(served == 5);
  }
}

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
    options.tokenEndpoint.timeout = Seconds{1};
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
