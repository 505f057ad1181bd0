// The test kit's provider as an OpenID provider: what it publishes, what it does with browsers, which faults it has.
#include "support/asked_provider.hpp"
#include "support/visitor.hpp"

#include <ironjar/openid_provider.hpp>

namespace testing_openid_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::queryOf;
using support::soon;
using testing::Provider;
using testing::ProviderBehaviour;

namespace {

// RFC 7636 appendix B.
constexpr const char* verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr const char* challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const std::string callback = "https://app.example/callback";

struct World : support::AskedProvider {
  [[nodiscard]] Response visit(const std::string& target, const std::string& cookies = {}) {
    Request request{.url = provider.options().origin + target};
    if (!cookies.empty()) request.headers.emplace_back("Cookie", cookies);
    return provider.handle(request, soon()).value();
  }
  static std::string asking(const std::string& more = {}) {
    return "/authorize?response_type=code&client_id=web&scope=openid&nonce=n&state=s&code_challenge_method=S256"
           "&code_challenge=" +
           std::string(challenge) + "&redirect_uri=" + testing::detail::percentEncoded(callback) + more;
  }
  // Where a browser with these cookies is sent from there; it keeps the provider's.
  support::Fields answerTo(const std::string& more, std::string& cookies) {
    const Response response = visit(asking(more), cookies);
    if (const auto cookie = findHeader(response.headers, "Set-Cookie")) cookies = cookie->substr(0, cookie->find(';'));
    REQUIRE(response.status == 302);
    return queryOf(std::string(findHeader(response.headers, "Location").value()));
  }
  support::Fields answerTo(const std::string& more = {}) {
    std::string cookies;
    return answerTo(more, cookies);
  }
  Result<Response> buy(const std::string& code, const std::string& proof = verifier) {
    const std::string form = "grant_type=authorization_code&code=" + code +
                             "&redirect_uri=" + testing::detail::percentEncoded(callback) + "&code_verifier=" + proof;
    return provider.handle({.method = "POST",
                            .url = provider.tokenUrl(),
                            .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                            .body = form},
                           soon());
  }
  std::string idTokenFor(const std::string& code) {
    return Json::parse(buy(code)->body).at("id_token").get<std::string>();
  }
  Json claimsFor(const std::string& code) {
    const OpenIdProvider known({.issuer = provider.options().origin, .transport = provider.transport()});
    return known.verify(idTokenFor(code), {.clientId = "web", .nonce = "n"}, clock.wallNow()).value().claims;
  }
};

}  // namespace

TEST_CASE("metadata that the library accepts, with what is there") {
  World world;
  const OpenIdProvider known({.issuer = "https://id.example", .transport = world.provider.transport()});
  const ProviderMetadata metadata = known.metadata().value();
  CHECK(metadata.tokenEndpoint == world.provider.tokenUrl());
  CHECK(metadata.endSessionEndpoint == "https://id.example/end_session");
  CHECK(metadata.pushedAuthorizationRequestEndpoint == "https://id.example/par");
  CHECK(metadata.namesItself);
  CHECK_FALSE(metadata.requiresPushedRequests);
  world.provider.behave({.metadata = {{"end_session_endpoint", nullptr}, {"issuer", "https://evil.example"}}});
  const Json document = Json::parse(world.visit("/.well-known/openid-configuration").body);
  CHECK_FALSE(document.contains("end_session_endpoint"));
  CHECK(document["issuer"] == "https://evil.example");
}

TEST_CASE("a code, its answer's members, and an ID token that says who, when and for which attempt") {
  World world;
  auto answer = world.answerTo();
  CHECK(answer["state"] == "s");
  CHECK(answer["iss"] == "https://id.example");
  const Json claims = world.claimsFor(answer["code"]);
  CHECK(claims["sub"] == "ada");
  CHECK(claims["auth_time"] == 1'700'000'000);
  CHECK(claims["sid"] == "sso-1");
  CHECK(claims["at_hash"].get<std::string>().size() == 22);
  CHECK_FALSE(claims.contains("acr"));
  CHECK(world.provider.counts().authorizations == 1);
}

TEST_CASE("PKCE: the verifier has to be the challenge's; a code without a challenge takes none") {
  World world;
  CHECK(world.buy(world.answerTo()["code"], "another")->status == 400);
  CHECK(world.buy(world.answerTo()["code"], "")->status == 400);
  CHECK(world.buy(world.provider.authorize("ada"))->status == 400);
  CHECK(world.buy(world.answerTo()["code"])->status == 200);
  world.provider.behave({.checksPkce = false});
  CHECK(world.buy(world.answerTo()["code"], "another")->status == 200);
  world.provider.behave({.requiresPkce = true});
  const Response plain = world.visit("/authorize?response_type=code&redirect_uri=https://app.example/");
  CHECK(queryOf(std::string(*findHeader(plain.headers, "Location")))["error"] == "invalid_request");
  CHECK(world.answerTo("&code_challenge_method=plain").contains("code"));  // the first of each name counts
}

TEST_CASE("a code ends with its time, and one that comes again ends the login that it has begun") {
  World world;
  const std::string late = world.answerTo()["code"];
  world.clock.advance(60s);
  CHECK(world.buy(late)->status == 400);
  const std::string code = world.answerTo()["code"];
  const auto tokens = readTokenAnswer(world.buy(code).value(), {}, world.clock.wallNow());
  CHECK(world.isGood(*tokens));
  CHECK(world.buy(code)->status == 400);
  CHECK_FALSE(world.isGood(*tokens));
  const std::string dropped = world.answerTo()["code"];
  world.provider.expireCodes();
  CHECK(world.buy(dropped)->status == 400);
}

TEST_CASE("who is signed in at the provider stays so: prompt, max_age and acr_values ask for more") {
  World world;
  std::string cookies;
  CHECK(world.answerTo("&prompt=none", cookies)["error"] == "login_required");
  const Json first = world.claimsFor(world.answerTo("", cookies)["code"]);
  world.clock.advance(100s);
  const Json same = world.claimsFor(world.answerTo("&prompt=none&max_age=100", cookies)["code"]);
  CHECK(same["auth_time"] == first["auth_time"]);
  CHECK(same["sid"] == first["sid"]);
  CHECK(world.answerTo("&prompt=none&max_age=99", cookies)["error"] == "login_required");
  CHECK(world.answerTo("&prompt=none&acr_values=mfa", cookies)["error"] == "login_required");
  CHECK(world.answerTo("&prompt=none%20login", cookies)["error"] == "invalid_request");
  const Json stronger = world.claimsFor(world.answerTo("&acr_values=mfa%20pin", cookies)["code"]);
  CHECK(stronger["acr"] == "mfa");
  CHECK(stronger["auth_time"] == 1'700'000'100);
  CHECK(world.answerTo("&prompt=none&acr_values=pin%20mfa", cookies).contains("code"));
  CHECK(world.answerTo("&prompt=none&max_age=0", cookies)["error"] == "login_required");
  const Json again = world.claimsFor(world.answerTo("&prompt=login", cookies)["code"]);
  CHECK(again["sid"] != stronger["sid"]);
}

TEST_CASE("a logout ends that, and leads back where it may") {
  World world;
  std::string cookies;
  (void)world.answerTo("", cookies);
  const Response out =
      world.visit("/end_session?client_id=web&state=x&post_logout_redirect_uri=https://app.example/bye", cookies);
  CHECK(findHeader(out.headers, "Location") == "https://app.example/bye?state=x");
  CHECK(world.answerTo("&prompt=none", cookies)["error"] == "login_required");
  CHECK(world.visit("/end_session").status == 200);
  CHECK(world.provider.counts().logouts == 2);
  Provider strict({.redirectUris = {callback}, .postLogoutRedirectUris = {"https://app.example/bye"}});
  const auto statusOf = [&](const std::string& target) {
    return strict.handle({.url = "https://id.example" + target}, soon())->status;
  };
  CHECK(statusOf("/end_session?post_logout_redirect_uri=https://evil.example/") == 200);
  CHECK(statusOf("/end_session?post_logout_redirect_uri=https://app.example/bye") == 302);
  CHECK(statusOf("/authorize?response_type=code&redirect_uri=https://evil.example/") == 400);
  CHECK(statusOf(World::asking()) == 302);
}

TEST_CASE("keys rotate: both are published, until the old ones are dropped") {
  World world;
  const auto published = [&] { return KeySet::parse(world.visit("/keys").body).value(); };
  const auto tokenNow = [&] { return world.idTokenFor(world.answerTo()["code"]); };
  const auto verifies = [&](const std::string& token) {
    return verifyIdToken(token, published(), {.issuer = "https://id.example", .clientId = "web"}, world.clock.wallNow())
        .has_value();
  };
  const std::string old = tokenNow();
  world.provider.rotateKeys();
  const std::string fresh = tokenNow();
  CHECK(published().size() == 2);
  CHECK(verifies(old));
  CHECK(verifies(fresh));
  world.provider.dropOldKeys();
  CHECK(published().size() == 1);
  CHECK_FALSE(verifies(old));
  CHECK(verifies(fresh));
  const std::string token = world.provider.logoutToken({{"sub", "ada"}});
  CHECK(token != world.provider.logoutToken({{"sub", "ada"}}));
  CHECK(verifyIdToken(token, published(), {.issuer = "https://id.example", .clientId = "web"}, world.clock.wallNow())
            .error()
            .code == Errc::notAllowed);  // by its `typ`
  CHECK(verifies(world.provider.logoutToken({{"sub", "ada"}}, {{"typ", nullptr}})));
}

TEST_CASE("a request is pushed by the client, and used once, within a minute") {
  World world;
  world.provider.behave({.requiresPushedRequests = true});
  const auto push = [&](const std::string& form) {
    return world.provider
        .handle({.method = "POST",
                 .url = "https://id.example/par",
                 .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                 .body = form},
                soon())
        .value();
  };
  const std::string form = World::asking().substr(World::asking().find('?') + 1);
  CHECK(world.answerTo()["error"] == "invalid_request");
  const Response pushed = push(form);
  CHECK(pushed.status == 201);
  const auto visitWith = [&](const Response& answer) {
    const std::string uri = Json::parse(answer.body).at("request_uri").get<std::string>();
    return world.visit("/authorize?client_id=web&request_uri=" + testing::detail::percentEncoded(uri)).status;
  };
  CHECK(visitWith(pushed) == 302);
  CHECK(visitWith(pushed) == 400);
  const Response late = push(form);
  world.clock.advance(60s);
  CHECK(visitWith(late) == 400);
  CHECK(push("client_id=web").status == 400);
  CHECK(world.provider.counts().pushedRequests == 2);
  Provider known({.client = postAuth("web", support::clientSecret)});
  const Request unknown{.method = "POST", .url = "https://id.example/par", .body = form};
  CHECK(known.handle(unknown, soon())->status == 401);
}

TEST_CASE("an answer may come as a form that posts itself, with its values quoted") {
  World world;
  const Response page = world.visit(World::asking("&response_mode=form_post") + "&x=y", "");
  CHECK(page.status == 200);
  CHECK(page.body.find("<form method=\"post\" action=\"https://app.example/callback\">") != std::string::npos);
  CHECK(page.body.find("name=\"code\" value=\"code-1\"") != std::string::npos);
  CHECK(testing::detail::htmlQuoted("<a\"b'&>") == "&#60;a&#34;b&#39;&#38;&#62;");
}

TEST_CASE("each fault has its switch") {
  World world;
  world.provider.behave({.authorizationError = "temporarily_unavailable"});
  CHECK(world.answerTo()["error"] == "temporarily_unavailable");
  world.provider.behave({.authorizeAs = ""});
  CHECK(world.answerTo()["error"] == "access_denied");
  world.provider.behave({.issuerNamed = "https://evil.example"});
  CHECK(world.answerTo()["iss"] == "https://evil.example");
  world.provider.behave({.namesItself = false});
  CHECK_FALSE(world.answerTo().contains("iss"));
  world.provider.behave({.claims = {{"aud", "other"}, {"nonce", nullptr}}});
  const OpenIdProvider known({.issuer = "https://id.example", .transport = world.provider.transport()});
  const std::string token = world.idTokenFor(world.answerTo()["code"]);
  CHECK(errorOf(known.verify(token, {.clientId = "web"}, world.clock.wallNow())) == Errc::notAllowed);
  CHECK_FALSE(known.verify(token, {.clientId = "other"}, world.clock.wallNow())->claims.contains("nonce"));
  world.provider.behave({.insteadAt = {{"/keys", fail(Errc::timeout)}}});
  CHECK(errorOf(world.provider.handle({.url = "https://id.example/keys"}, soon())) == Errc::timeout);
  CHECK(world.visit("/stats").status == 200);
  world.provider.behave({.isDown = true});
  CHECK(errorOf(world.provider.handle({.url = "https://id.example/stats"}, soon())) == Errc::unreachable);
}

}  // namespace testing_openid_test
