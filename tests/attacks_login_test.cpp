// Attacks on signing in.
#include "support/login_site.hpp"

#include <ironjar/web.hpp>

namespace attacks_login_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::LoginSite;
using support::queryOf;
using support::Visitor;
using Behaviour = testing::ProviderBehaviour;

namespace {

std::size_t attemptBytes(const Visitor& visitor) {
  std::size_t size = 0;
  for (const auto& [name, value] : visitor.cookies) {
    if (name.find("-login-") != std::string::npos) size += name.size() + value.size() + 3;
  }
  return size;
}

}  // namespace

TEST_CASE("L08 session fixation: nothing of a session that was planted before the login is left") {
  LoginSite site;
  Visitor victim;
  Session planted = site.jar->open("");
  planted.set("admin", true);
  planted.setTokens({.accessToken = "evil", .refreshToken = "evil", .subject = "eve"});
  site.save(victim, planted);
  const std::string evil = victim.header();
  site.signIn(victim);
  CHECK(site.userOf(victim) == "ada");
  CHECK_FALSE(site.sessionOf(victim).contains("admin"));
  CHECK(site.sessionOf(victim).id() != planted.id());
  CHECK(site.jar->open(evil).tokens()->subject == "eve");  // what the attacker has is not signed in as the victim
}

TEST_CASE("L09 login CSRF: an answer to the attacker's attempt signs nobody else in") {
  LoginSite site;
  site.change([&](Behaviour& b) { b.authorizeAs = "eve"; });
  Visitor eve;
  const std::string url = site.id.signIn(site.begin(eve));
  Visitor victim;
  const Response response = site.callback(victim, url);
  CHECK(site.userOf(victim) == "nobody");
  CHECK(site.id.counts().tokenCalls == 0);
  CHECK(response.status == 303);  // an attempt of the victim's own
  site.begin(victim);             // nor when the victim has attempts
  site.callback(victim, url);
  CHECK(site.userOf(victim) == "nobody");
  site.change([&](Behaviour& b) { b.authorizeAs = "ada"; });
  site.signIn(victim);
  const std::string cookies = victim.header();
  site.callback(victim, url);  // nor over the victim's session
  CHECK(site.userOf(victim) == "ada");
  CHECK(victim.header() == cookies);
}

TEST_CASE("L10 cookie tossing: an attempt's cookie counts under its own name and for its own state alone") {
  LoginSite site;
  Visitor eve;
  const std::string evil = site.begin(eve);
  const auto [evilName, evilSeal] = *eve.cookies.begin();
  CHECK(evilName.starts_with("__Host-"));  // browsers take it from this host alone
  Visitor victim;
  const std::string url = site.id.signIn(site.begin(victim, {.returnTo = "/mine"}));
  const auto [name, seal] = *victim.cookies.begin();
  Visitor swapped = victim;
  swapped.cookies[name] = evilSeal;
  site.callback(swapped, url);
  CHECK(site.userOf(swapped) == "nobody");
  CHECK(site.id.counts().tokenCalls == 0);
  // Decoys of the same name before it hide it no more than a few at once can.
  const std::string target = url.substr(url.find('/', 8));
  const std::string cookies = name + "=" + evilSeal + "; " + name + "=x; " + name + "=; " + name + "=" + seal;
  Session session = site.jar->open(cookies);
  CHECK(LoginSite::locationOf(site.login->callback(LoginSite::requestOf(target, cookies), session)) == "/mine");
  CHECK(session.tokens()->subject == "ada");
}

TEST_CASE("L10 an attempt opens neither as a session nor for another provider, client or callback of the site") {
  LoginSite site;
  Visitor ada;
  const std::string url = site.id.signIn(site.begin(ada));
  const std::string seal = ada.cookies.begin()->second;
  CHECK(site.jar->open("__Host-sid=" + seal).empty());
  for (int i = 0; i < 3; ++i) {
    LoginSite other([&](LoginOptions& options, SessionOptions&) {
      if (i == 0) options.client = postAuth("other", support::clientSecret);
      if (i == 1) options.redirectUri = "https://app.example/callback2";
      if (i == 2) options.issuer = "https://id.example/";
    });
    other.callback(ada, url);
    CHECK(other.userOf(ada) == "nobody");
    CHECK(other.id.counts().tokenCalls == 0);
  }
}

TEST_CASE(
    "L11 mix-up: an answer that names another issuer, or none where it must, is refused before its code is sent") {
  for (const bool namesItself : {true, false}) {
    LoginSite site;
    site.change([&](Behaviour& b) { b.metadata["authorization_response_iss_parameter_supported"] = namesItself; });
    Visitor ada;
    const std::string location = site.begin(ada);
    const auto answer = [&](const std::string& issuer) {
      site.change([&](Behaviour& b) { b.namesItself = !issuer.empty(), b.issuerNamed = issuer; });
      return site.callback(ada, site.id.signIn(location));
    };
    for (const char* issuer : {"https://evil.example", "https://id.example/", "https://ID.example"}) {
      CHECK(answer(issuer).body == R"({"reason":"invalid_answer"})");
    }
    auto query = queryOf(location);
    const std::string error = "https://app.example/callback?error=access_denied&iss=https://evil.example&state=";
    CHECK(site.callback(ada, error + query["state"]).body == R"({"reason":"invalid_answer"})");
    CHECK(ada.attempts() == 1);  // whoever sent those has not ended it
    if (namesItself) CHECK(answer("").status == 400);
    CHECK(site.id.counts().tokenCalls == 0);
    CHECK(answer("https://id.example").status == 303);
    CHECK(site.userOf(ada) == "ada");
  }
}

TEST_CASE("L12 code injection: another's code in one's own answer is refused, by PKCE and by the nonce") {
  for (const bool checksChallenge : {true, false}) {
    LoginSite site;
    site.change([&](Behaviour& b) { b.checksPkce = checksChallenge; });
    Visitor victim;
    auto stolen = queryOf(site.id.signIn(site.begin(victim)));
    Visitor eve;
    auto own = queryOf(site.begin(eve));
    site.callback(eve, "https://app.example/callback?" +
                           detail::form({{"code", stolen["code"]}, {"state", own["state"]}, {"iss", stolen["iss"]}}));
    CHECK(site.id.counts().tokenCalls == 1);
    CHECK(site.userOf(eve) == "nobody");
  }
}

TEST_CASE("L13 an ID token that is not the provider's for this attempt signs nobody in") {
  for (const Json& claims : std::vector<Json>{{{"iss", "https://evil.example"}},
                                              {{"aud", "other"}},
                                              {{"nonce", "another"}},
                                              {{"exp", 1'600'000'000}},
                                              {{"sub", ""}},
                                              {{"at_hash", "x"}}}) {
    CAPTURE(claims.dump());
    LoginSite site;
    site.change([&](Behaviour& b) { b.claims = claims; });
    Visitor ada;
    const Response response = site.callback(ada, site.id.signIn(site.begin(ada)));
    CHECK(response.status == 400);
    CHECK(response.body == R"({"reason":"invalid_answer"})");
    CHECK(site.userOf(ada) == "nobody");
    CHECK(ada.attempts() == 0);
  }
}

TEST_CASE("L14 open redirect: a login leads to a path of the site, whatever is asked for") {
  LoginSite site([](LoginOptions& options, SessionOptions&) { options.returnTo = "/home"; });
  for (const std::string& hostile : {std::string(),
                                     std::string("https://evil.example"),
                                     std::string("//evil.example"),
                                     std::string("/\\evil.example"),
                                     std::string("\\\\evil.example"),
                                     std::string("/\t/evil.example"),
                                     std::string("/\n/evil.example"),
                                     std::string("\t//evil.example"),
                                     std::string(" //evil.example"),
                                     std::string("javascript:alert(1)"),
                                     std::string("evil.example"),
                                     std::string("/a\r\nSet-Cookie: a=b"),
                                     std::string("/\0/evil", 7),
                                     std::string("/\xc2\xa0"),
                                     std::string("/a b"),
                                     "/" + std::string(512, 'a'),
                                     std::string("/callback?code=x"),
                                     std::string("/callback"),
                                     std::string("?x"),
                                     std::string("#x"),
                                     std::string("/a\\b")}) {
    CAPTURE(hostile);
    Visitor ada;
    CHECK(site.signIn(ada, {.returnTo = hostile}) == "/home");
    CHECK(site.userOf(ada) == "ada");
  }
  for (const std::string& good : {std::string("/"), std::string("/a/b?c=d&e=%2F%2Fevil#f"), "/" + std::string(511, 'a'),
                                  std::string("/%2f%2fevil.example"), std::string("/callbacks")}) {
    Visitor ada;
    CHECK(site.signIn(ada, {.returnTo = good}) == good);
  }
}

TEST_CASE("L15 attempts take 1.5 KiB at most, and the newest of them sign in") {
  LoginSite site;
  Visitor ada;
  std::vector<std::string> locations;
  for (int i = 0; i < 30; ++i) {
    locations.push_back(site.begin(ada, {.returnTo = "/" + std::to_string(i)}));
    site.clock.advance(1s);
    CHECK(attemptBytes(ada) <= 1536);
  }
  CHECK(ada.attempts() >= 4);
  const std::size_t kept = ada.attempts();
  for (std::size_t i = 30 - kept; i < 30; ++i) {
    CHECK(LoginSite::locationOf(site.callback(ada, site.id.signIn(locations[i]))) == "/" + std::to_string(i));
  }
  CHECK(ada.attempts() == 0);
  Visitor other;
  site.begin(other, {.returnTo = "/" + std::string(500, 'a')});
  site.begin(other, {.returnTo = "/" + std::string(500, 'b')});
  CHECK(other.attempts() == 1);
}

TEST_CASE("L15 beside a large session, and decoys, there is room for the attempt that begins") {
  LoginSite site([](LoginOptions&, SessionOptions& session) { session.maxCookieHeader = 3000; });
  Visitor ada;
  Session session = site.jar->open("");
  session.set("data", std::string(1700, 'x'));
  site.save(ada, session);
  site.begin(ada);
  site.begin(ada, {.returnTo = "/last"});
  CHECK(attemptBytes(ada) + ada.cookies["__Host-sid"].size() < 3000);
  for (int i = 0; i < 10; ++i) ada.cookies["__Host-sid-login-decoy" + std::to_string(i)] = std::string(200, 'x');
  const std::string location = site.begin(ada, {.returnTo = "/mine"});
  CHECK(attemptBytes(ada) <= 1536);
  CHECK(LoginSite::locationOf(site.callback(ada, site.id.signIn(location))) == "/mine");
}

TEST_CASE("L16 answers of hostile shapes: members twice, none, too long, with controls") {
  LoginSite site;
  Visitor ada;
  auto query = queryOf(site.begin(ada));
  const std::string state = query["state"];
  for (const std::string& form : std::vector<std::string>{
           std::string(), "state=" + state, "code=x", "code=x&code=y&state=" + state, "code=x&state=y&state=" + state,
           "code=x&error=y&state=" + state, "code=&state=" + state, "code=x&state=", "code=a%0Ab&state=" + state,
           "code=x&iss=&state=" + state, "code=x&iss=a&iss=https://id.example&state=" + state,
           "code=%c3%a9&state=" + state, "code=" + std::string(4097, 'x') + "&state=" + state,
           "code=x&state=" + state + "&junk=" + std::string(17'000, 'x'),
           std::string(16'000, '&') + "state=" + state}) {
    CAPTURE(form.substr(0, 100));
    const Response response = site.callback(ada, "https://app.example/callback?" + form);
    CHECK(response.status == 400);
    CHECK(ada.attempts() == 1);
    CHECK(site.userOf(ada) == "nobody");
  }
  CHECK(site.callback(ada, "https://app.example/callback").status == 400);
  CHECK(site.callback(ada, "https://app.example/callback?code=x&state=" + std::string(3000, 'x')).status == 303);
  CHECK(site.id.counts().tokenCalls == 0);
}

TEST_CASE("L17 step-up: a login that begins anew asks for all that the attempt had asked for, and holds to it") {
  LoginSite site;
  Visitor ada;
  const LoginRequest attempt{.returnTo = "/admin",
                             .prompt = "login",
                             .maxAge = 60s,
                             .acrValues = "mfa",
                             .resource = "https://api.example",
                             .parameters = {{"kc_idp_hint", "a b"}}};
  const std::string url = site.id.signIn(site.begin(ada, attempt));
  site.id.expireCodes();  // spent, by whoever opens the callback
  const std::string location = LoginSite::locationOf(site.callback(ada, url));
  auto query = queryOf(location);
  CHECK(query["prompt"] == "login");
  CHECK(query["max_age"] == "60");
  CHECK(query["acr_values"] == "mfa");
  CHECK(query["resource"] == "https://api.example");
  CHECK(query["kc_idp_hint"] == "a b");
  site.change([&](Behaviour& b) { b.claims = {{"auth_time", 1'700'000'000 - 1000}}; });
  CHECK(site.callback(ada, site.id.signIn(location)).status == 401);
  CHECK(site.userOf(ada) == "nobody");
}

TEST_CASE("L17 an attempt that asked for more than its cookie holds is not begun anew with less") {
  LoginSite site;
  Visitor ada;
  const std::string url = site.id.signIn(
      site.begin(ada, {.returnTo = "/admin", .maxAge = 60s, .parameters = {{"claims", std::string(1500, 'x')}}}));
  site.id.expireCodes();
  CHECK(site.callback(ada, url).body == R"({"reason":"login_refused"})");
  CHECK(ada.attempts() == 0);
}

TEST_CASE("L18 a code that is refused is no login, though an older session is there; nor does it go on for ever") {
  LoginSite site;
  Visitor ada;
  site.signIn(ada);
  site.clock.advance(10s);
  std::string location = site.begin(ada, {.returnTo = "/account", .prompt = "select_account"});
  std::string url = site.id.signIn(location);
  site.id.expireCodes();
  location = LoginSite::locationOf(site.callback(ada, url));
  CHECK(location.starts_with("https://id.example/authorize?"));
  CHECK(queryOf(location)["prompt"] == "select_account");
  url = site.id.signIn(location);
  site.id.expireCodes();
  CHECK(site.callback(ada, url).body == R"({"reason":"login_refused"})");
  CHECK(ada.attempts() == 0);
  CHECK(site.userOf(ada) == "ada");
}

TEST_CASE("a code that is refused leads to the site for who has signed in since the attempt began") {
  LoginSite site;
  Visitor ada;
  const std::string url = site.id.signIn(site.begin(ada, {.returnTo = "/a"}));
  site.clock.advance(10s);
  site.signIn(ada);
  site.id.expireCodes();
  CHECK(LoginSite::locationOf(site.callback(ada, url)) == "/a");
  CHECK(ada.attempts() == 0);
}

TEST_CASE("L19 a returnTo in a spelling that another program takes for another path leads to the site's own place") {
  LoginSite site([](LoginOptions& options, SessionOptions&) { options.returnTo = "/home"; });
  for (const char* hostile :
       {"/./login", "/.", "/a/.", "/a/./b", "/x/../callback", "/..", "/%6cogin", "/a/%2e%2e/b", "/%2E/login",
        "/..%2fcallback", "/a%2f..%2fcallback", "/%252e%252e/a", "/%7Ea", "/a\"b", "/a?\"", "/a#\""}) {
    CAPTURE(hostile);
    Visitor ada;
    CHECK(site.signIn(ada, {.returnTo = hostile}) == "/home");
  }
  for (const char* good : {"/.well-known/x", "/a..b", "/a%20b", "/caf%C3%A9", "/a?b=/../c&d=%61", "/a#/./b"}) {
    CAPTURE(good);
    Visitor ada;
    CHECK(site.signIn(ada, {.returnTo = good}) == good);
  }
}

}  // namespace attacks_login_test
