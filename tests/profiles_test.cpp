// What is known of each provider, a line each, and that both the endpoint and the test kit's provider do it.
#include "oauth/token_answer.hpp"
#include "oauth/token_endpoint.hpp"
#include "support/support.hpp"

#include <algorithm>
#include <functional>

#include <ironjar/testing/api.hpp>
#include <ironjar/testing/profiles.hpp>

namespace profiles_test {

using namespace ironjar;
using namespace std::chrono_literals;
using profiles::Name;
using support::errorOf;

namespace {

ClientAuth client() { return basicAuth("web", "a-secret-of-the-client"); }

struct Row {
  Name name;
  std::function<TokenEndpoint()> make;
  std::string url;
  std::string revocationUrl;
  Seconds grace;
  RevokeReplaced revokeReplaced;
  // How it says that a login is over, and what is said of a refusal that passes.
  int endedStatus;
  std::string ended;
  std::string passing = R"({"error":"temporarily_unavailable"})";
};

constexpr auto never = RevokeReplaced::never;
constexpr auto others = RevokeReplaced::otherUsers;
constexpr auto always = RevokeReplaced::always;
const std::string invalidGrant = R"({"error":"invalid_grant"})";

const std::vector<Row> rows = {
    {Name::auth0, [] { return profiles::auth0("https://t.eu.auth0.com/", client()); },
     "https://t.eu.auth0.com/oauth/token", "https://t.eu.auth0.com/oauth/revoke", 0s, others, 403,
     R"({"error":"invalid_grant","error_description":"Unknown or invalid refresh token."})"},
    {Name::okta, [] { return profiles::okta("https://x.okta.com/oauth2/default", client()); },
     "https://x.okta.com/oauth2/default/v1/token", "https://x.okta.com/oauth2/default/v1/revoke", 30s, always, 400,
     invalidGrant},
    {Name::entra, [] { return profiles::entra("https://login.microsoftonline.com/contoso", client()); },
     "https://login.microsoftonline.com/contoso/oauth2/v2.0/token", "", 1h, others, 400,
     R"({"error":"interaction_required","error_codes":[50076],"suberror":"basic_action"})"},
    {Name::keycloak, [] { return profiles::keycloak("https://id.example/auth/realms/r", client()); },
     "https://id.example/auth/realms/r/protocol/openid-connect/token",
     "https://id.example/auth/realms/r/protocol/openid-connect/revoke", 0s, others, 400, invalidGrant},
    {Name::cognito, [] { return profiles::cognito("https://x.auth.eu-central-1.amazoncognito.com", client()); },
     "https://x.auth.eu-central-1.amazoncognito.com/oauth2/token",
     "https://x.auth.eu-central-1.amazoncognito.com/oauth2/revoke", 1h, always, 400, invalidGrant},
    {Name::google, [] { return profiles::google(client()); }, "https://oauth2.googleapis.com/token", "", 1h, never, 400,
     R"({"error":"invalid_grant","error_description":"Token has been expired or revoked."})"},
    {Name::gitHubApp, [] { return profiles::gitHubApp("https://github.com", client()); },
     "https://github.com/login/oauth/access_token", "", 0s, others, 200, R"({"error":"bad_refresh_token"})",
     R"({"error":"incorrect_client_credentials"})"},
    {Name::slack, [] { return profiles::slack(client()); }, "https://slack.com/api/oauth.v2.access", "", 0s, others,
     200, R"({"ok":false,"error":"invalid_refresh_token"})", R"({"ok":false,"error":"internal_error"})"},
    {Name::atlassian, [] { return profiles::atlassian(client()); }, "https://auth.atlassian.com/oauth/token", "", 10min,
     others, 403, R"({"error":"invalid_grant","error_description":"Unknown or invalid refresh token."})"},
    {Name::salesforce, [] { return profiles::salesforce("https://x.my.salesforce.com", client()); },
     "https://x.my.salesforce.com/services/oauth2/token", "https://x.my.salesforce.com/services/oauth2/revoke", 1h,
     others, 400, R"({"error":"invalid_grant","error_description":"expired access/refresh token"})"},
    {Name::dex, [] { return profiles::dex("https://dex.example/dex", client()); }, "https://dex.example/dex/token", "",
     0s, others, 400, R"({"error":"invalid_request"})"},
    {Name::hydra, [] { return profiles::hydra("https://hydra.example", client()); },
     "https://hydra.example/oauth2/token", "https://hydra.example/oauth2/revoke", 0s, always, 401,
     R"({"error":"token_inactive"})", R"({"error":"invalid_request"})"},
    {Name::workos, [] { return profiles::workos(client()); }, "https://api.workos.com/user_management/authenticate", "",
     30s, others, 400, R"({"error":"invalid_grant","error_description":"Refresh token already exchanged."})"},
    {Name::supabase, [] { return profiles::supabase("https://p.supabase.co", "anon"); },
     "https://p.supabase.co/auth/v1/token?grant_type=refresh_token", "", 10s, others, 400,
     R"({"code":400,"error_code":"refresh_token_not_found","msg":"Invalid Refresh Token"})",
     R"({"code":400,"error_code":"user_banned","msg":"User Banned"})"},
    {Name::fusionAuth, [] { return profiles::fusionAuth("https://id.example", client()); },
     "https://id.example/oauth2/token", "", 1h, others, 400, invalidGrant}};

Response json(int status, const std::string& body) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = body};
}

// A session at the fake provider of that name, whose access token the API no longer takes.
struct World {
  explicit World(const Row& row)
      : endpoint(row.make()), provider(testing::providerFor(endpoint), testing::behaviourOf(row.name)) {
    session.setTokens(provider.login("ada"));
    provider.expireAccessTokens();
  }
  void change(void (*knob)(testing::ProviderBehaviour&)) {
    testing::ProviderBehaviour behaviour = provider.behaviour();
    knob(behaviour);
    provider.behave(behaviour);
  }
  Result<Response> fetch() const {
    const Fetcher fetcher({.transport = testing::transport(provider, api),
                           .allowedOrigins = {api.options().origin},
                           .tokenEndpoint = endpoint});
    return fetcher.performFetch(session, {.url = api.options().origin + "/items"});
  }

  TokenEndpoint endpoint;
  mutable testing::Provider provider;
  mutable testing::Api api{provider};
  mutable Session session;
};

const Row& rowOf(Name name) {
  return *std::find_if(rows.begin(), rows.end(), [=](const Row& row) { return row.name == name; });
}

}  // namespace

TEST_CASE("each profile has a line here, and a name") {
  REQUIRE(rows.size() == profiles::names.size());
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i].name == profiles::names[i]);
  CHECK(profiles::nameOf(Name::gitHubApp) == "gitHubApp");
  CHECK_THROWS_AS(static_cast<void>(profiles::nameOf(static_cast<Name>(99))), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(testing::behaviourOf(static_cast<Name>(99))), std::invalid_argument);
}

TEST_CASE("URLs, grace and revocation are what is documented, and a Fetcher takes the endpoint") {
  for (const Row& row : rows) {
    CAPTURE(row.url);
    const TokenEndpoint endpoint = row.make();
    CHECK(endpoint.url == row.url);
    CHECK(endpoint.revocationUrl == row.revocationUrl);
    CHECK(endpoint.replay.grace == row.grace);
    CHECK_FALSE(endpoint.replay.strict);
    CHECK(endpoint.revokeReplaced == row.revokeReplaced);
    CHECK_NOTHROW(detail::requireValid(endpoint));
    CHECK(endpoint.clientAuth.clientId == (row.name == Name::supabase ? "" : "web"));
  }
}

TEST_CASE("an ended login in the provider's spelling is over, whatever else it says passes") {
  for (const Row& row : rows) {
    CAPTURE(row.url);
    const TokenEndpoint endpoint = row.make();
    const auto meaning = [&](const Response& answer) {
      return detail::meaningOf(answer, endpoint, support::at(0)).meaning;
    };
    CHECK(meaning(json(row.endedStatus, row.ended)) == detail::AnswerMeaning::loginOver);
    CHECK(errorOf(readTokenAnswer(json(row.endedStatus, row.ended), endpoint, support::at(0))) ==
          RefreshEnd::invalidGrant);
    for (const int status : {200, 400, 403, 429, 503}) {
      CHECK(meaning(json(status, row.passing)) == detail::AnswerMeaning::token);
    }
    for (const int status : {408, 429, 503}) {
      CHECK(meaning(json(status, row.ended)) == detail::AnswerMeaning::token);
    }
    CHECK(meaning(json(403, "<html>")) == detail::AnswerMeaning::token);
  }
}

TEST_CASE("the kit's provider refreshes, loses no login within the grace, and ends it in its own spelling") {
  for (const Row& row : rows) {
    CAPTURE(row.url);
    CHECK(World(row).fetch()->status == 200);

    World reset(row);
    reset.change([](auto& behaviour) { behaviour.dropAfterCommit = {.times = 1}; });
    const Result<Response> response = reset.fetch();
    CHECK(response.has_value() == (row.grace > 0s));
    CHECK_FALSE(reset.session.destroyed());
    CHECK(reset.provider.counts().reuses == 0);

    World busy(row);
    busy.provider.answerTokenCalls({json(503, "{}"), json(503, "{}")});
    CHECK(errorOf(busy.fetch()) == Errc::refreshFailed);
    CHECK_FALSE(busy.session.destroyed());

    World over(row);
    static_cast<void>(over.provider.handle(
        revocationRequest({.url = "", .revocationUrl = over.provider.revocationUrl()}, *over.session.tokens()),
        std::chrono::steady_clock::now() + 5s));
    CHECK(errorOf(over.fetch()) == RefreshEnd::invalidGrant);
    CHECK(over.session.destroyed());
  }
}

TEST_CASE("a refresh token that is not rotated stays the session's") {
  for (const Name name : {Name::cognito, Name::google, Name::salesforce, Name::fusionAuth}) {
    const World world(rowOf(name));
    CHECK(world.fetch()->status == 200);
    CHECK(world.session.tokens()->refreshToken == "rt-1");
    CHECK(world.session.tokens()->accessToken == "at-2");
  }
}

TEST_CASE("GitHub answers a form, unless Accept asks for JSON, as ours does") {
  World world(rowOf(Name::gitHubApp));
  Request request = refreshRequest(world.endpoint, *world.session.tokens());
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  CHECK(Json::parse(world.provider.handle(request, deadline)->body)["refresh_token"] == "rt-2");
  eraseHeader(request.headers, "Accept");
  const auto refused = world.provider.handle(request, deadline);
  CHECK(refused->body == "error=bad_refresh_token");
  CHECK(errorOf(readTokenAnswer(*refused, world.endpoint, support::at(0))) == RefreshEnd::invalidGrant);
}

TEST_CASE("Supabase is asked in JSON, with its key and without a grant type or client in the body") {
  const TokenEndpoint endpoint = rowOf(Name::supabase).make();
  const Request request = refreshRequest(endpoint, {.refreshToken = "r"});
  CHECK(request.body == R"({"refresh_token":"r"})");
  CHECK(findHeader(request.headers, "apikey") == "anon");
  CHECK(findHeader(request.headers, "Content-Type") == "application/json");
  for (const char* key : {static_cast<const char*>(nullptr), ""}) {
    CHECK_THROWS_AS(static_cast<void>(profiles::supabase("https://p.supabase.co", key)), std::invalid_argument);
  }
}

TEST_CASE("a URL of another shape is refused, and it is said which is meant") {
  const auto refusal = [](const std::function<TokenEndpoint()>& make) {
    try {
      return make().url;
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
  };
  for (const char* odd : {"", "tenant", "http://t.auth0.com", "https://t.auth0.com/oauth", "https://t.auth0.com?a=1",
                          "https://u@t.auth0.com", "https://t.auth0.com/#f", "https:///", "https://t.auth0.com//x"}) {
    CAPTURE(odd);
    const std::string why = refusal([odd] { return profiles::auth0(odd, client()); });
    CHECK(why.starts_with("ironjar: profiles::auth0: "));
    CHECK(why.ends_with(", write one like https://tenant.eu.auth0.com"));
  }
  const auto isRefused = [&](auto make, const char* url) {
    CAPTURE(url);
    CHECK(refusal([=] { return make(url, client()); }).find("write one like") != std::string::npos);
  };
  for (const char* odd : {"https://login.microsoftonline.com", "https://login.microsoftonline.com/",
                          "https://login.microsoftonline.com/a/v2.0", "https://login.microsoftonline.com/a?b"}) {
    isRefused(profiles::entra, odd);
  }
  for (const char* odd : {"https://id.example", "https://id.example/realms", "https://id.example/realms/",
                          "https://id.example/r/x", "https://id.example/realms/a/b"}) {
    isRefused(profiles::keycloak, odd);
  }
  for (const char* odd : {"https://x.okta.com", "https://x.okta.com/oauth2/a/v1", "https://x.okta.com/default"}) {
    isRefused(profiles::okta, odd);
  }
  for (const char* odd : {"https://dex.example//dex", "https://dex.example/dex?a"}) isRefused(profiles::dex, odd);
  CHECK(refusal([] { return profiles::okta("https://x.okta.com/oauth2", client()); }) ==
        "https://x.okta.com/oauth2/v1/token");
  CHECK(refusal([] { return profiles::dex("https://dex.example/", client()); }) == "https://dex.example/token");
}

TEST_CASE("http on this machine is left to allowHttpOnLoopback") {
  TokenEndpoint endpoint = profiles::keycloak("http://localhost:8080/realms/r", client());
  CHECK(endpoint.url == "http://localhost:8080/realms/r/protocol/openid-connect/token");
  CHECK_THROWS_AS(detail::requireValid(endpoint), std::invalid_argument);
  endpoint.allowHttpOnLoopback = true;
  CHECK_NOTHROW(detail::requireValid(endpoint));
}

}  // namespace profiles_test
