// The test kit's identity provider: logins, what its answers say, its other endpoints.
#include "support/asked_provider.hpp"

#include <set>
#include <thread>

#include <ironjar/openid_provider.hpp>

namespace testing_provider_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::refusedTokens;
using support::soon;
using testing::Provider;
using testing::ProviderBehaviour;
using testing::Rotation;

using World = support::AskedProvider;

TEST_CASE("a login's tokens: whose they are, how long they last, and the same in every run") {
  World world;
  const TokenSet tokens = world.provider.login("ada");
  CHECK(tokens.accessToken == "at-1");
  CHECK(tokens.refreshToken == "rt-1");
  CHECK(tokens.lifetime == 3600s);
  CHECK(tokens.expiresAt == world.clock.wallNow() + 3600s);
  CHECK(world.provider.userOf("at-1") == "ada");
  CHECK(world.provider.userOf("at-2") == std::nullopt);
  CHECK(world.provider.userOf(world.provider.login().accessToken) == "user-2");
  world.clock.jump(24h);
  CHECK(world.isGood(tokens));  // the provider's time is not the wall clock's
  world.clock.advance(3599s);
  CHECK(world.isGood(tokens));
  world.clock.advance(1s);
  CHECK_FALSE(world.isGood(tokens));
  CHECK(world.provider.counts().logins == 2);
}

TEST_CASE("random tokens differ from one provider to the next") {
  std::set<std::string> seen;
  for (int i = 0; i < 4; ++i) {
    Provider provider({.randomTokens = true});
    const TokenSet tokens = provider.login();
    CHECK(tokens.accessToken.size() == 35);
    CHECK(tokens.refreshToken.starts_with("rt-"));
    seen.insert({tokens.accessToken.substr(3), tokens.refreshToken.substr(3), provider.authorize("ada").substr(5)});
  }
  CHECK(seen.size() == 12);
}

TEST_CASE("what the answer says of the lifetime is anything, or nothing; the token ends when it ends") {
  World world({.rotation = Rotation::none, .accessTokenLifetime = 10s});
  const TokenSet a = world.provider.login();
  CHECK(world.body(a.refreshToken)["expires_in"] == 10);
  const std::vector<Json> all = {-1, 0, 1e300, "3600", 3600.5, true, nullptr, Json::array({1})};
  for (const Json& expiresIn : all) {
    world.provider.behave({.rotation = Rotation::none, .accessTokenLifetime = 10s, .expiresIn = expiresIn});
    const Json body = world.body(a.refreshToken);
    CHECK(body["expires_in"] == expiresIn);
    CHECK(world.provider.userOf(body["access_token"]));
  }
  world.provider.behave({.rotation = Rotation::none, .accessTokenLifetime = 10s, .omitExpiresIn = true});
  const Json body = world.body(a.refreshToken);
  CHECK_FALSE(body.contains("expires_in"));
  world.clock.advance(10s);
  CHECK_FALSE(world.provider.userOf(body["access_token"]));
  CHECK_FALSE(world.provider.login().expiresAt);
}

TEST_CASE("scope, id_token and cookies come along when they are to") {
  World world;
  TokenSet tokens = world.provider.login("ada");
  Json body = world.body(tokens.refreshToken);
  CHECK_FALSE(body.contains("scope"));
  CHECK_FALSE(body.contains("id_token"));
  world.provider.behave({.idToken = true, .scope = "read", .cookies = {"sso_session=1; Path=/", "b=2"}});
  body = world.body(body["refresh_token"]);
  CHECK(body["scope"] == "read");
  const OpenIdProvider known({.issuer = world.provider.options().origin, .transport = world.provider.transport()});
  const auto idToken = [&](const Json& in) {
    return known.verify(in["id_token"].get<std::string>(), {.clientId = "web"}, world.clock.wallNow()).value();
  };
  CHECK(idToken(body).subject == "ada");
  world.change([](ProviderBehaviour& b) { b.claims = {{"sub", "mallory"}}; });
  const auto answer = world.ask(body["refresh_token"]);
  CHECK(idToken(Json::parse(answer->body)).subject == "mallory");
  std::vector<std::string> cookies;
  for (const auto& [name, value] : answer->headers) {
    if (name == "Set-Cookie") cookies.push_back(value);
  }
  CHECK(cookies == std::vector<std::string>{"sso_session=1; Path=/", "b=2"});
}

TEST_CASE("expired access tokens are nobody's, their refresh tokens stay good") {
  World world;
  const TokenSet a = world.provider.login();
  world.provider.expireAccessTokens();
  CHECK_FALSE(world.isGood(a));
  CHECK(world.isGood(world.refresh(a.refreshToken)));
}

TEST_CASE("the books of ended access tokens do not grow") {
  World world({.rotation = Rotation::none});
  const TokenSet a = world.provider.login();
  TokenSet last;
  for (int i = 0; i < 5000; ++i) {
    world.clock.advance(60s);
    last = world.refresh(a.refreshToken);
  }
  CHECK(world.isGood(last));
  CHECK_FALSE(world.isGood(a));
}

TEST_CASE("revocation ends the login, or an access token alone; unknown tokens are no error (RFC 7009)") {
  World world;
  const TokenEndpoint endpoint = {.url = world.provider.tokenUrl(), .revocationUrl = world.provider.revocationUrl()};
  const auto revoke = [&](const TokenSet& tokens) {
    return world.provider.handle(revocationRequest(endpoint, tokens), soon())->status;
  };
  const TokenSet a = world.provider.login();
  CHECK(revoke({.accessToken = a.accessToken}) == 200);
  CHECK_FALSE(world.isGood(a));
  const TokenSet b = world.refresh(a.refreshToken);
  world.provider.behave({.revocationStatus = 503});
  CHECK(revoke(b) == 503);
  CHECK(world.isGood(b));
  world.provider.behave({});
  CHECK(revoke(b) == 200);
  CHECK_FALSE(world.isGood(b));
  CHECK(world.refresh(b.refreshToken) == refusedTokens);
  CHECK(revoke({.accessToken = "never-issued"}) == 200);
  world.provider.waitForRevocations(4);
  CHECK(world.provider.counts().revocations == 4);
  CHECK(world.provider.revocationsOf(b.refreshToken) == 2);
  CHECK(world.provider.revocationsOf(a.accessToken) == 1);
  CHECK(world.provider.counts().familiesKilled == 0);
}

TEST_CASE("a code buys tokens once, and only with the redirect_uri that it was asked for with") {
  World world;
  const auto buy = [&](const std::string& code, const std::string& uri) {
    return requestTokens(world.provider.transport(), {.url = world.provider.tokenUrl()},
                         {{"grant_type", "authorization_code"}, {"code", code}, {"redirect_uri", uri}});
  };
  const std::string code = world.provider.authorize("ada");
  CHECK(world.provider.userOf(buy(code, "").value().accessToken) == "ada");
  CHECK(errorOf(buy(code, "")) == RefreshEnd::invalidGrant);

  const auto visit = [&](const std::string& query) {
    return world.provider
        .handle({.url = world.provider.options().origin + "/authorize?response_type=code&" + query}, soon())
        .value();
  };
  const auto codeIn = [&](const std::string& uri) {
    const auto answer = visit("redirect_uri=" + testing::detail::percentEncoded(uri) + "&state=a%26b");
    const std::string location(findHeader(answer.headers, "Location").value());
    CHECK(answer.status == 302);
    CHECK(location.starts_with(uri));
    CHECK(location.ends_with("&state=a%26b&iss=https%3A%2F%2Fid.example"));
    return location.substr(uri.size() + 6, location.rfind("&state") - uri.size() - 6);
  };
  CHECK(buy(codeIn("https://app.example/callback"), "https://app.example/callback"));
  CHECK(buy(codeIn("https://app.example/callback?x=1"), "https://app.example/callback?x=1"));
  CHECK(errorOf(buy(codeIn("https://app.example/callback"), "https://evil.example/")) == RefreshEnd::invalidGrant);
  world.provider.behave({.authorizeAs = "bob"});
  const auto bobs = buy(codeIn("https://app.example/"), "https://app.example/");
  CHECK(world.provider.userOf(bobs.value().accessToken) == "bob");
  for (const char* query : {"", "redirect_uri=", "redirect_uri=javascript:x", "redirect_uri=http://a/%0d%0aX:y"}) {
    CHECK(visit(query).status == 400);
  }
}

TEST_CASE("the client must say who it is, as it was registered") {
  const std::vector<ClientAuth> ways = {basicAuth("w:e b", "s%cret+"), postAuth("web", "secret"), publicClient("web")};
  for (const ClientAuth& client : ways) {
    Provider provider({.client = client});
    const auto ask = [&](const ClientAuth& as, BodyStyle body) {
      TokenEndpoint endpoint = {.url = provider.tokenUrl(), .body = body, .clientAuth = as};
      return provider.handle(refreshRequest(endpoint, provider.login()), soon())->status;
    };
    for (const BodyStyle body : {BodyStyle::form, BodyStyle::json}) {
      CHECK(ask(client, body) == 200);
      CHECK(ask({}, body) == 401);
      CHECK(ask(basicAuth("web", "other"), body) == 401);
      CHECK(ask(postAuth("other", "secret"), body) == 401);
    }
    const Request nobody = revocationRequest({.url = "", .revocationUrl = provider.revocationUrl()}, provider.login());
    CHECK(provider.handle(nobody, soon())->status == 401);
  }
}

TEST_CASE("whatever comes, there is an answer") {
  World world;
  const auto post = [&](const std::string& body, const char* type = "application/x-www-form-urlencoded") {
    return world.provider
        .handle({.method = "POST", .url = world.provider.tokenUrl(), .headers = {{"Content-Type", type}}, .body = body},
                soon())
        ->status;
  };
  for (const char* body : {"", "&&=&", "grant_type", "grant_type=refresh_token", "grant_type=%", "grant_type=%zz%4",
                           "grant_type=refresh_token&refresh_token=%00", "grant_type=authorization_code",
                           "grant_type=password&username=a"}) {
    CAPTURE(body);
    CHECK(post(body) == 400);
  }
  for (const char* body : {"", "[]", "{", R"({"grant_type":1})", R"({"grant_type":"refresh_token"})", "\xff"}) {
    CAPTURE(body);
    CHECK(post(body, "application/json") == 400);
  }
  for (const char* url : {"https://id.example", "https://id.example/", "/x", "", "https://id.example/tokens"}) {
    CAPTURE(url);
    CHECK(world.provider.handle({.url = url}, soon())->status == 404);
  }
  CHECK(world.provider.handle({.url = world.provider.tokenUrl()}, soon())->status == 405);
  CHECK(world.provider.handle({.url = world.provider.revocationUrl()}, soon())->status == 405);
}

TEST_CASE("the counts as JSON") {
  World world;
  const TokenSet a = world.provider.login();
  world.refresh(a.refreshToken);
  const auto answer = world.provider.handle({.url = "https://id.example/stats"}, soon());
  CHECK(Json::parse(answer->body) == Json{{"logins", 1},
                                          {"tokenCalls", 1},
                                          {"refreshes", 1},
                                          {"replays", 0},
                                          {"reuses", 0},
                                          {"familiesKilled", 0},
                                          {"revocations", 0},
                                          {"authorizations", 0},
                                          {"pushedRequests", 0},
                                          {"logouts", 0}});
}

TEST_CASE("many threads with many tokens: every call is counted, none twice") {
  World world;
  std::vector<std::string> tokens;
  for (int i = 0; i < 8; ++i) tokens.push_back(world.provider.login().refreshToken);
  std::vector<std::thread> threads;
  for (std::string& token : tokens) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) token = world.refresh(token).refreshToken;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(world.provider.counts().refreshes == 1600);
  CHECK(world.provider.counts().reuses == 0);
}

}  // namespace testing_provider_test
