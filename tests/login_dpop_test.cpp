// Signing in with tokens that are bound to a key of the login (RFC 9449).
#include "support/login_site.hpp"

#include <ironjar/dpop.hpp>
#include <ironjar/fetch.hpp>

namespace login_dpop_test {

using namespace ironjar;
using support::LoginSite;
using support::queryOf;
using support::Visitor;
using Behaviour = testing::ProviderBehaviour;

namespace {

struct DpopSite : LoginSite {
  explicit DpopSite(bool pushes = false)
      : LoginSite([pushes](LoginOptions& options, SessionOptions&) {
          options.dpop = true;
          options.pushRequests = pushes;
        }) {
    change([](Behaviour& b) { b.requiresDpop = true; });
  }
  [[nodiscard]] int tokenCalls() const { return id.counts().tokenCalls; }
};

}  // namespace

TEST_CASE("the session keeps the key that the authorization request has named, and refreshes prove it") {
  for (const bool pushes : {false, true}) {
    CAPTURE(pushes);
    DpopSite site(pushes);
    Visitor ada;
    const std::string location = site.begin(ada);
    const auto asked = pushes ? site.sentTo("/par") : queryOf(location);
    REQUIRE(asked.contains("dpop_jkt"));
    CHECK(site.callback(ada, site.id.signIn(location)).status == 303);
    CHECK(site.tokenCalls() == 1);
    Session session = site.sessionOf(ada);
    REQUIRE(session.tokens());
    CHECK(dpopThumbprint(session.tokens()->dpopKey).value() == asked.at("dpop_jkt"));
    const Fetcher fetcher({.transport = site.id.transport(),
                           .allowedOrigins = {"https://api.example"},
                           .tokenEndpoint = {.url = site.id.tokenUrl(), .clientAuth = *site.id.options().client},
                           .now = site.clock.wall()});
    CHECK(fetcher.refresh(session).has_value());
    CHECK(session.tokens()->accessToken == "at-2");
  }
}

TEST_CASE("a provider that asks for a nonce gets the code once more with it, and its newest from then on") {
  DpopSite site;
  site.change([](Behaviour& b) { b.dpopNonce = "n-1"; });
  Visitor ada;
  CHECK(site.signIn(ada) == "/");
  CHECK(site.userOf(ada) == "ada");
  CHECK(site.tokenCalls() == 2);
  Visitor bob;
  site.signIn(bob);
  CHECK(site.tokenCalls() == 3);
  site.change([](Behaviour& b) { b.dpopNonce = "n-2"; });
  Visitor eve;
  site.signIn(eve);
  CHECK(site.tokenCalls() == 5);
  CHECK(site.userOf(eve) == "ada");
}

TEST_CASE("each attempt has a key of its own, and none without the option") {
  DpopSite site;
  Visitor ada;
  const auto first = queryOf(site.begin(ada)).at("dpop_jkt");
  CHECK(queryOf(site.begin(ada)).at("dpop_jkt") != first);
  LoginSite without;
  CHECK_FALSE(queryOf(without.begin(ada)).contains("dpop_jkt"));
  without.signIn(ada);
  CHECK(without.sessionOf(ada).tokens()->dpopKey.empty());
}

TEST_CASE("a provider that refuses every proof, or gives Bearer tokens all the same, signs nobody in") {
  DpopSite site;
  const Response refusal{.status = 400, .headers = {{"DPoP-Nonce", "n"}}, .body = R"({"error":"use_dpop_nonce"})"};
  site.change([&](Behaviour& b) { b.instead = refusal; });
  Visitor ada;
  const std::string back = site.id.signIn(site.begin(ada));
  CHECK(site.callback(ada, back).status == 503);
  CHECK(site.tokenCalls() == 2);
  CHECK(ada.attempts() == 1);  // the code is not spent
  site.change([](Behaviour& b) { b.instead.reset(); });
  CHECK(site.callback(ada, back).status == 303);
  CHECK(site.userOf(ada) == "ada");

  const Response bearer{.status = 200,
                        .headers = {{"Content-Type", "application/json"}},
                        .body = R"({"access_token":"a","token_type":"Bearer","refresh_token":"r","id_token":"x.y.z"})"};
  site.change([&](Behaviour& b) { b.instead = bearer; });
  Visitor bob;
  CHECK(site.callback(bob, site.id.signIn(site.begin(bob))).status == 502);
  CHECK(site.userOf(bob) == "nobody");
}

TEST_CASE("a site that does not prove a key learns that the provider wants one") {
  LoginSite site;
  site.change([](Behaviour& b) { b.requiresDpop = true; });
  Visitor ada;
  CHECK(site.callback(ada, site.id.signIn(site.begin(ada))).status >= 500);
  CHECK(site.userOf(ada) == "nobody");
}

TEST_CASE("L71 code injection at a provider that checks no PKCE: the code is for another key") {
  DpopSite site;
  site.change([](Behaviour& b) { b.checksPkce = false; });
  Visitor victim;
  auto stolen = queryOf(site.id.signIn(site.begin(victim)));
  Visitor eve;
  auto own = queryOf(site.begin(eve));
  const Response response =
      site.callback(eve, "https://app.example/callback?" +
                             detail::form({{"code", stolen["code"]}, {"state", own["state"]}, {"iss", stolen["iss"]}}));
  CHECK(site.id.counts().logins == 0);
  CHECK(site.userOf(eve) == "nobody");
}

TEST_CASE("the attempt with a key fits its cookie beside all that it may ask for") {
  DpopSite site;
  Visitor ada;
  const LoginRequest much{.returnTo = "/" + std::string(400, 'a'), .loginHint = "ada@example.com"};
  CHECK(site.signIn(ada, much) == much.returnTo);
}

}  // namespace login_dpop_test
