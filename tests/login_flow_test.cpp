// Signing in: two tabs, the back button, restored browsers; what the provider may answer; options of one attempt.
#include "support/login_site.hpp"

#include <ironjar/web.hpp>

namespace login_flow_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::LoginSite;
using support::queryOf;
using support::Visitor;
using Behaviour = testing::ProviderBehaviour;
using Kind = LoginProblem::Kind;

TEST_CASE("a login leads to the provider and back to where the user was, with a new session") {
  LoginSite site;
  Visitor ada;
  Session before = site.jar->open("");
  before.set("cart", 3);
  const std::string old = before.id();
  site.save(ada, before);
  const std::string location = site.begin(ada, {.returnTo = "/orders?page=2#last"});
  CHECK(location.starts_with("https://id.example/authorize?"));
  auto query = queryOf(location);
  CHECK(query["response_type"] == "code");
  CHECK(query["client_id"] == "web");
  CHECK(query["redirect_uri"] == "https://app.example/callback");
  CHECK(query["scope"] == "openid");
  CHECK(query["code_challenge_method"] == "S256");
  CHECK(query["code_challenge"].size() == 43);
  CHECK(query["state"].size() == 22);
  CHECK(query["nonce"].size() == 22);
  CHECK(query.size() == 8);
  CHECK(ada.attempts() == 1);
  CHECK(site.sessionOf(ada).get<int>("cart") == 3);  // nothing has changed yet
  const Response response = site.callback(ada, site.id.signIn(location));
  CHECK(response.status == 303);
  CHECK(LoginSite::locationOf(response) == "/orders?page=2#last");
  CHECK(findHeader(response.headers, "Cache-Control") == "no-store");
  CHECK(ada.attempts() == 0);
  const Session after = site.sessionOf(ada);
  CHECK(after.id() != old);
  CHECK_FALSE(after.contains("cart"));
  CHECK(after.tokens()->accessToken == "at-1");
  CHECK(after.tokens()->refreshToken == "rt-1");
  CHECK(after.tokens()->subject == "ada");
  CHECK(after.get<std::string>("sub") == "ada");
  CHECK_FALSE(after.contains("nonce"));
  CHECK(site.sentTo("/token")["client_secret"] == support::clientSecret);
}

TEST_CASE("the claims that are named are kept, and no others") {
  LoginSite site([](LoginOptions& options, SessionOptions&) { options.claims = {"email", "groups", "missing"}; });
  site.change([&](Behaviour& b) { b.claims = {{"email", "ada@example.com"}, {"groups", {"a", "b"}}, {"phone", "1"}}; });
  Visitor ada;
  site.signIn(ada);
  const Session session = site.sessionOf(ada);
  CHECK(session.get<std::string>("email") == "ada@example.com");
  CHECK(session.get<std::vector<std::string>>("groups")->size() == 2);
  CHECK_FALSE(session.contains("phone"));
  CHECK_FALSE(session.contains("sub"));
  CHECK_FALSE(session.contains("missing"));
}

TEST_CASE("two tabs sign in at once, and each gets to its own place") {
  LoginSite site;
  Visitor ada;
  const std::string first = site.begin(ada, {.returnTo = "/a"});
  const std::string second = site.begin(ada, {.returnTo = "/b"});
  CHECK(ada.attempts() == 2);
  CHECK(LoginSite::locationOf(site.callback(ada, site.id.signIn(second))) == "/b");
  CHECK(ada.attempts() == 1);
  CHECK(LoginSite::locationOf(site.callback(ada, site.id.signIn(first))) == "/a");
  CHECK(ada.attempts() == 0);
  CHECK(site.userOf(ada) == "ada");
}

TEST_CASE("the callback once more, by the back button or a restored tab, changes nothing for who is signed in") {
  LoginSite site;
  Visitor ada;
  const std::string url = site.id.signIn(site.begin(ada, {.returnTo = "/a"}));
  site.callback(ada, url);
  const std::string cookies = ada.header();
  const Response again = site.callback(ada, url);
  CHECK(again.status == 303);
  CHECK(LoginSite::locationOf(again) == "/");
  CHECK(ada.header() == cookies);
  CHECK(site.id.counts().tokenCalls == 1);
}

TEST_CASE("an attempt that is over begins anew, once, and ends signed in") {
  LoginSite site;
  Visitor ada;
  const std::string url = site.id.signIn(site.begin(ada, {.returnTo = "/a"}));
  site.clock.advance(11min + 1s);
  const Response restarted = site.callback(ada, url);
  CHECK(restarted.status == 303);
  CHECK(LoginSite::locationOf(restarted).starts_with("https://id.example/authorize?"));
  CHECK(site.id.counts().tokenCalls == 0);
  CHECK(LoginSite::locationOf(site.callback(ada, site.id.signIn(LoginSite::locationOf(restarted)))) == "/");
  CHECK(site.userOf(ada) == "ada");
}

TEST_CASE("a browser that keeps no cookies is told so, and is not sent around for ever") {
  LoginSite site;
  Visitor forgetful;
  std::string url = site.id.signIn(site.begin(forgetful));
  forgetful.cookies.clear();
  const Response first = site.callback(forgetful, url);
  CHECK(first.status == 303);
  url = site.id.signIn(LoginSite::locationOf(first));
  forgetful.cookies.clear();
  const Response second = site.callback(forgetful, url);
  CHECK(second.status == 400);
  CHECK(second.body == R"({"reason":"unknown_attempt"})");
}

TEST_CASE("a code that is good no more begins the login anew, to the same place") {
  LoginSite site;
  Visitor ada;
  const std::string url = site.id.signIn(site.begin(ada, {.returnTo = "/a"}));
  site.id.expireCodes();
  const Response restarted = site.callback(ada, url);
  CHECK(restarted.status == 303);
  CHECK(ada.attempts() == 1);
  CHECK(LoginSite::locationOf(site.callback(ada, site.id.signIn(LoginSite::locationOf(restarted)))) == "/a");
  CHECK(ada.attempts() == 0);
}

TEST_CASE("a provider that is down: the page says so, and loading it again goes on with the same attempt") {
  LoginSite site;
  Visitor ada;
  site.change([&](Behaviour& b) { b.isDown = true; });
  const Response down = site.login->begin(LoginSite::requestOf("/login", ""));
  CHECK(down.status == 503);
  CHECK(down.body == R"({"reason":"temporarily_unavailable"})");
  site.change([&](Behaviour& b) { b.isDown = false; });
  LoginSite up;
  const std::string url = up.id.signIn(up.begin(ada, {.returnTo = "/a"}));
  for (const Result<Response>& answer :
       {Result<Response>(fail(Errc::unreachable)), Result<Response>(fail(Errc::timeout)),
        Result<Response>(Response{.status = 503}), Result<Response>(Response{.status = 500}),
        Result<Response>(Response{.status = 429})}) {
    up.change([&](Behaviour& b) { b.instead = answer; });
    CHECK(up.callback(ada, url).status == 503);
    CHECK(ada.attempts() == 1);
  }
  up.change([](Behaviour& b) { b.instead.reset(); });
  CHECK(LoginSite::locationOf(up.callback(ada, url)) == "/a");
  CHECK(up.userOf(ada) == "ada");
}

TEST_CASE("keys that cannot be had keep the code unspent, and loading the page again signs in") {
  LoginSite site;
  Visitor ada;
  const std::string url = site.id.signIn(site.begin(ada, {.returnTo = "/a"}));
  site.change([](Behaviour& b) { b.insteadAt.emplace("/keys", fail(Errc::unreachable)); });
  CHECK(site.callback(ada, url).status == 503);
  CHECK(site.id.counts().tokenCalls == 0);
  CHECK(ada.attempts() == 1);
  site.change([](Behaviour& b) { b.insteadAt.clear(); });
  site.login = Login(*site.jar, site.login->options());  // the keys are not asked for at once again
  CHECK(LoginSite::locationOf(site.callback(ada, url)) == "/a");
  CHECK(site.userOf(ada) == "ada");
}

TEST_CASE("tokens that are thrown away are revoked where the token endpoint has been told how") {
  for (const char* revocationUrl : {"https://id.example/revoke", ""}) {
    for (const bool hasIdToken : {true, false}) {
      LoginSite site(
          [&](LoginOptions& options, SessionOptions&) { options.tokenEndpoint.revocationUrl = revocationUrl; });
      site.change([&](Behaviour& b) { b.claims = {{"nonce", "another"}}; });
      if (!hasIdToken) {
        site.change([&](Behaviour& b) {
          b.instead = Response{.status = 200, .body = R"({"access_token":"at-1","refresh_token":"rt-1"})"};
        });
      }
      Visitor ada;
      CHECK(site.callback(ada, site.id.signIn(site.begin(ada))).body == R"({"reason":"invalid_answer"})");
      CHECK(site.id.revocationsOf("rt-1") == (*revocationUrl == '\0' ? 0 : 1));
    }
  }
  LoginSite site([](LoginOptions& options, SessionOptions&) {
    options.tokenEndpoint.revocationUrl = "https://id.example/revoke";
  });
  Visitor ada;
  CHECK(site.signIn(ada) == "/");
  CHECK(site.id.counts().revocations == 0);
}

TEST_CASE("what is wrong with the configuration is told apart from a provider that is not well") {
  for (const char* error : {"unauthorized_client", "invalid_request", "invalid_scope"}) {
    LoginSite site;
    Visitor ada;
    const std::string url = site.id.signIn(site.begin(ada));
    site.change([&](Behaviour& b) { b.instead = Response{.status = 400, .body = Json{{"error", error}}.dump()}; });
    CHECK(site.callback(ada, url).body == R"({"reason":"login_refused"})");
    site.change([&](Behaviour& b) { b.instead = Response{.status = 503, .body = Json{{"error", error}}.dump()}; });
    CHECK(site.callback(ada, url).body == R"({"reason":"temporarily_unavailable"})");
  }
  for (const Json& metadata : std::vector<Json>{
           {{"issuer", "https://evil.example"}},
           {{"require_pushed_authorization_requests", true}, {"pushed_authorization_request_endpoint", nullptr}}}) {
    LoginSite site;
    site.change([&](Behaviour& b) { b.metadata = metadata; });
    CHECK(site.login->begin(LoginSite::requestOf("/login", "")).body == R"({"reason":"login_refused"})");
  }
  LoginSite site;
  LoginSite other;
  other.change([&](Behaviour& b) { b.metadata = {{"issuer", "https://evil.example"}}; });
  Visitor ada;
  CHECK(other.callback(ada, site.id.signIn(site.begin(ada))).body == R"({"reason":"login_refused"})");
}

TEST_CASE("L07 the provider's errors are told apart, and end their attempt alone") {
  std::vector<LoginProblem> problems;
  LoginSite site([&](LoginOptions& options, SessionOptions&) {
    options.onProblem = [&](const LoginProblem& problem) {
      problems.push_back(problem);
      return Response{.status = 418};
    };
  });
  for (const auto& one : {std::pair{"access_denied", Kind::accessDenied},
                          {"login_required", Kind::interactionRequired},
                          {"interaction_required", Kind::interactionRequired},
                          {"consent_required", Kind::interactionRequired},
                          {"account_selection_required", Kind::interactionRequired},
                          {"temporarily_unavailable", Kind::unavailable},
                          {"server_error", Kind::unavailable},
                          {"invalid_scope", Kind::refused},
                          {"unauthorized_client", Kind::refused},
                          {"Access_denied", Kind::refused},
                          {"<script>", Kind::refused}}) {
    CAPTURE(one.first);
    Visitor ada;
    site.begin(ada);
    auto query = queryOf(site.begin(ada, {.returnTo = "/a"}));
    const Response response = site.callback(
        ada, "https://app.example/callback?" +
                 detail::form({{"error", one.first}, {"state", query["state"]}, {"iss", "https://id.example"}}));
    CHECK(response.status == 418);
    CHECK(nameOf(problems.back().kind) == nameOf(one.second));
    CHECK(problems.back().returnTo == "/a");
    CHECK(problems.back().error.detail.find('<') == std::string::npos);
    CHECK(ada.attempts() == 1);
    CHECK(site.userOf(ada) == "nobody");
  }
  CHECK(site.id.counts().tokenCalls == 0);
}

TEST_CASE("a client that is refused, and tokens without an ID token, are told apart") {
  LoginSite site;
  Visitor ada;
  const std::string url = site.id.signIn(site.begin(ada));
  site.change([&](Behaviour& b) { b.instead = Response{.status = 401, .body = R"({"error":"invalid_client"})"}; });
  CHECK(site.callback(ada, url).body == R"({"reason":"login_refused"})");
  CHECK(ada.attempts() == 1);
  site.change([&](Behaviour& b) {
    b.instead = Response{.status = 200, .body = R"({"access_token":"at","token_type":"Bearer"})"};
  });
  CHECK(site.callback(ada, url).body == R"({"reason":"invalid_answer"})");
  CHECK(ada.attempts() == 0);
  CHECK(site.userOf(ada) == "nobody");
}

TEST_CASE("one attempt's parameters reach the provider; max_age is held to") {
  LoginSite site([](LoginOptions& options, SessionOptions&) { options.parameters = {{"audience", "https://api"}}; });
  Visitor ada;
  const LoginRequest attempt{.prompt = "login",
                             .maxAge = 300s,
                             .loginHint = "ada@example.com",
                             .acrValues = "mfa",
                             .uiLocales = "de",
                             .resource = "https://api.example",
                             .parameters = {{"kc_idp_hint", "a b"}}};
  std::string location = site.begin(ada, attempt);
  auto query = queryOf(location);
  CHECK(query["prompt"] == "login");
  CHECK(query["max_age"] == "300");
  CHECK(query["login_hint"] == "ada@example.com");
  CHECK(query["acr_values"] == "mfa");
  CHECK(query["ui_locales"] == "de");
  CHECK(query["resource"] == "https://api.example");
  CHECK(query["audience"] == "https://api");
  CHECK(query["kc_idp_hint"] == "a b");
  site.change([&](Behaviour& b) { b.claims = {{"auth_time", 1'700'000'000 - 361}}; });
  CHECK(site.callback(ada, site.id.signIn(location)).body == R"({"reason":"interaction_required"})");
  CHECK(site.userOf(ada) == "nobody");
  site.change([&](Behaviour& b) { b.claims = {{"auth_time", 1'700'000'000 - 360}}; });
  site.signIn(ada, attempt);
  CHECK(site.userOf(ada) == "ada");
  CHECK(site.signIn(ada, {.returnTo = "/a", .loginHint = "\xff"}) == "/a");
  for (const char* name : {"state", "nonce", "redirect_uri", "request", "request_uri", "scope", "code_challenge",
                           "response_type", "client_id", "prompt", ""}) {
    CHECK_THROWS_AS(site.begin(ada, {.parameters = {{name, "x"}}}), std::invalid_argument);
  }
}

TEST_CASE("requests are pushed where the provider asks for it, or the site does and it can") {
  for (const bool required : {true, false}) {
    LoginSite site([&](LoginOptions& options, SessionOptions&) { options.pushRequests = !required; });
    site.change([&](Behaviour& b) { b.requiresPushedRequests = required; });
    Visitor ada;
    const std::string location = site.begin(ada, {.returnTo = "/a"});
    auto query = queryOf(location);
    CHECK(query.size() == 2);
    CHECK(query["client_id"] == "web");
    CHECK(site.sentTo("/par")["code_challenge"].size() == 43);
    CHECK(site.sentTo("/par")["client_secret"] == support::clientSecret);
    CHECK(LoginSite::locationOf(site.callback(ada, site.id.signIn(location))) == "/a");
    CHECK(site.userOf(ada) == "ada");
  }
  LoginSite cannot([](LoginOptions& options, SessionOptions&) { options.pushRequests = true; });
  cannot.change([](Behaviour& b) { b.metadata["pushed_authorization_request_endpoint"] = nullptr; });
  Visitor ada;
  CHECK(queryOf(cannot.begin(ada)).contains("code_challenge"));
}

TEST_CASE("an answer in a form signs in where it was asked for, and the cookies come along") {
  LoginSite site([](LoginOptions& options, SessionOptions& session) {
    options.formPost = true;
    session.cookie.sameSite = SameSite::none;
  });
  Visitor ada;
  const std::string cookies = ada.header();
  const Response begun = site.login->begin(LoginSite::requestOf("/login", cookies), {.returnTo = "/a"});
  ada.take(begun.headers);
  CHECK(findHeader(begun.headers, "Set-Cookie")->find("SameSite=None") != std::string_view::npos);
  CHECK(queryOf(LoginSite::locationOf(begun))["response_mode"] == "form_post");
  const std::string url = site.id.signIn(LoginSite::locationOf(begun));
  const Response response = site.callback(ada, "https://app.example/callback", url.substr(url.find('?') + 1));
  CHECK(LoginSite::locationOf(response) == "/a");
  CHECK(site.userOf(ada) == "ada");

  LoginSite plain;
  Visitor eve;
  const std::string other = plain.id.signIn(plain.begin(eve));
  CHECK(plain.callback(eve, "https://app.example/callback", other.substr(other.find('?') + 1)).status == 400);
  CHECK(plain.userOf(eve) == "nobody");
}

TEST_CASE("a logout ends the session here and leads to the provider's page, if it has one") {
  LoginSite site;
  site.change([](Behaviour& b) { b.metadata["end_session_endpoint"] = nullptr; });
  Visitor ada;
  site.signIn(ada);
  const Fetcher fetcher({.transport = site.id.transport(),
                         .allowedOrigins = {"https://api.example"},
                         .tokenEndpoint = {.url = "https://id.example/token"}});
  const auto logout = [&](LoginSite& at, const char* origin, const std::string& returnTo) {
    Session session = at.sessionOf(ada);
    const WebRequest request{.method = "POST", .target = "/logout", .fields = {{"Sec-Fetch-Site", origin}}};
    const Response response = at.login->logout(request, session, fetcher, returnTo);
    return std::pair(response, session.destroyed());
  };
  CHECK(logout(site, "cross-site", "/").first.status == 403);
  CHECK_FALSE(logout(site, "cross-site", "/").second);
  CHECK(LoginSite::locationOf(logout(site, "same-origin", "/bye").first) == "/bye");
  CHECK(logout(site, "same-origin", "/bye").second);

  LoginSite other;
  const std::string location = LoginSite::locationOf(logout(other, "same-origin", "https://app.example/bye").first);
  CHECK(location ==
        "https://id.example/end_session?client_id=web&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye");
  LoginSite named([](LoginOptions& options, SessionOptions&) { options.origins = {"https://app.example"}; });
  for (const auto& [origin, status] : {std::pair{"https://app.example", 303}, {"https://internal", 403}}) {
    Session session = named.sessionOf(ada);
    const WebRequest request{
        .method = "POST", .target = "/logout", .fields = {{"Origin", origin}, {"Host", "internal"}}};
    CHECK(named.login->logout(request, session, fetcher).status == status);
  }
  LoginSite down;
  down.change([&](Behaviour& b) { b.isDown = true; });
  CHECK(logout(down, "same-origin", "/bye").second);
}

TEST_CASE("options that cannot be are refused at start-up") {
  const auto refuses = [](const std::function<void(LoginOptions&, SessionOptions&)>& change) {
    CHECK_THROWS_AS(LoginSite site(change), std::invalid_argument);
  };
  refuses([](LoginOptions& options, SessionOptions&) { options.issuer = "http://id.example"; });
  refuses([](LoginOptions& options, SessionOptions&) { options.client = ClientAuth(); });
  refuses([](LoginOptions& options, SessionOptions&) { options.redirectUri = "/callback"; });
  refuses([](LoginOptions& options, SessionOptions&) { options.redirectUri = "http://app.example/callback"; });
  refuses([](LoginOptions& options, SessionOptions&) { options.scope = "openidx profile"; });
  refuses([](LoginOptions& options, SessionOptions&) { options.returnTo = "https://evil.example"; });
  refuses([](LoginOptions& options, SessionOptions&) { options.returnTo = "/callback?x"; });
  refuses([](LoginOptions& options, SessionOptions&) { options.parameters = {{"nonce", "x"}}; });
  refuses([](LoginOptions& options, SessionOptions&) { options.claims = {"refreshToken"}; });
  refuses([](LoginOptions& options, SessionOptions&) { options.algorithms = {"HS256"}; });
  refuses([](LoginOptions& options, SessionOptions&) { options.algorithms = {}; });
  refuses([](LoginOptions& options, SessionOptions&) { options.transport = {}; });
  refuses([](LoginOptions& options, SessionOptions&) { options.formPost = true; });
  refuses([](LoginOptions&, SessionOptions& session) { session.cookie.sameSite = SameSite::strict; });
  refuses([](LoginOptions& options, SessionOptions&) { options.tokenEndpoint.answer.idToken = ""; });
  CHECK_NOTHROW(LoginSite([](LoginOptions& options, SessionOptions&) { options.scope = "profile openid"; }));
}

}  // namespace login_flow_test
