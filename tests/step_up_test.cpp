// From an API's answer to a login with what it wants, and back.
#include "support/login_site.hpp"

#include <ironjar/step_up.hpp>
#include <ironjar/testing/api.hpp>

namespace step_up_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::LoginSite;
using support::Visitor;
using Behaviour = testing::ProviderBehaviour;

namespace {

// A site with an API behind it.
struct World : LoginSite {
  // The page of a site: asks the API, or leads to a login that it wants.
  Response page(Visitor& visitor, const WebRequest& asked) {
    const std::string cookies = visitor.header();
    WebRequest request = asked;
    request.fields.emplace_back("Cookie", cookies);
    Session session = jar->open(cookies);
    const Result<Response> answer = fetcher.performFetch(session, {.url = "https://api.example/transfer"});
    Response response;
    if (const auto wanted = loginFor(answer, session, request, clock.wallNow())) {
      response = login->begin(request, *wanted);
    } else {
      response = answer ? *answer : answerFor(answer.error());
    }
    response = finish(*jar, cookies, session, std::move(response));
    visitor.take(response.headers);
    return response;
  }
  Response page(Visitor& visitor) { return page(visitor, {.target = "/transfer?to=bob"}); }

  testing::Api api{id};
  Fetcher fetcher{{.transport = testing::transport(id, api),
                   .allowedOrigins = {api.options().origin},
                   .tokenEndpoint = {.url = id.tokenUrl(), .clientAuth = postAuth("web", support::clientSecret)},
                   .now = clock.wall()}};
};

Result<Response> challenge(const std::string& value, int status = 401) {
  return Response{.status = status, .headers = {{"WWW-Authenticate", value}}};
}
constexpr const char* tooWeak = "Bearer error=\"insufficient_user_authentication\"";

}  // namespace

TEST_CASE("an API that wants a stronger login gets it, and the user is where they were") {
  World world;
  Visitor ada;
  world.signIn(ada);
  world.clock.advance(5min);
  CHECK(world.page(ada).body == "ada");
  world.api.behave({.acr = "mfa"});
  const Response begun = world.page(ada);
  CHECK(begun.status == 303);
  const std::string location = LoginSite::locationOf(begun);
  CHECK(support::queryOf(location)["acr_values"] == "mfa");
  CHECK(world.userOf(ada) == "ada");  // the weaker login goes on until then
  CHECK(LoginSite::locationOf(world.callback(ada, world.id.signIn(location))) == "/transfer?to=bob");
  CHECK(world.page(ada).body == "ada");
}

TEST_CASE("a provider that gives no more than before leads nobody round for ever") {
  World world;
  Visitor ada;
  world.signIn(ada);
  world.clock.advance(5min);
  world.api.behave({.acr = "mfa"});
  const std::string location = LoginSite::locationOf(world.page(ada));
  world.api.behave({.acr = "another"});  // as it is to an API when the provider does not know its acr_values
  world.callback(ada, world.id.signIn(location));
  CHECK(world.page(ada).status == 401);
  world.clock.advance(59s);
  CHECK(world.page(ada).status == 401);
  world.clock.advance(1s);
  CHECK(world.page(ada).status == 303);
}

TEST_CASE("a login that was lost, or that nobody has begun, begins where the user was") {
  World world;
  Visitor ada;
  const std::string location = LoginSite::locationOf(world.page(ada));
  CHECK(LoginSite::locationOf(world.callback(ada, world.id.signIn(location))) == "/transfer?to=bob");
  world.clock.advance(5min);
  CHECK(world.page(ada).status == 200);
  const auto tokens = world.sessionOf(ada).tokens();
  const TokenEndpoint endpoint{
      .url = "", .clientAuth = postAuth("web", support::clientSecret), .revocationUrl = world.id.revocationUrl()};
  REQUIRE(world.id.handle(revocationRequest(endpoint, *tokens), std::chrono::steady_clock::now() + 30s)->status == 200);
  CHECK(world.page(ada).status == 303);
}

TEST_CASE("what a challenge asks for, and what is none") {
  const Session session;
  const WebRequest request{.target = "/a?b"};
  const auto wanted = [&](const Result<Response>& answer) { return loginFor(answer, session, request); };
  const auto both = wanted(challenge(std::string(tooWeak) + ", acr_values=\"mfa pin\", max_age=\"300\""));
  CHECK(both->acrValues == "mfa pin");
  CHECK(both->maxAge == 300s);
  CHECK(both->returnTo == "/a?b");
  CHECK(wanted(challenge("Basic realm=\"x\", DPoP error=\"insufficient_user_authentication\", max_age=0"))->maxAge ==
        0s);
  for (const char* odd :
       {", max_age=\"-1\"", ", max_age=\"x\"", ", max_age=\"9999999999\"", ", acr_values=\"\x01\"", ""}) {
    const auto any = wanted(challenge(std::string(tooWeak) + odd));
    REQUIRE(any);
    CHECK_FALSE(any->maxAge);
    CHECK(any->acrValues.empty());
  }
  CHECK_FALSE(wanted(challenge("Bearer error=\"invalid_token\"")));
  CHECK_FALSE(wanted(challenge(tooWeak, 403)));
  CHECK_FALSE(wanted(Response{.status = 200}));
  CHECK(wanted(fail(Errc::loginRequired)));
  CHECK(wanted(fail(Errc::expired)));
  for (const Errc code : {Errc::refreshFailed, Errc::overloaded, Errc::timeout, Errc::notAllowed}) {
    CHECK_FALSE(wanted(fail(code)));
  }
}

TEST_CASE("a request that posted leads back to its page, if that is of this host") {
  const Session session;
  for (const auto& one : {std::pair{"https://app.example/form?x=1", "/form?x=1"},
                          {"https://app.example.evil/form", ""},
                          {"https://evil.example/form", ""},
                          {"https://app.example", ""},
                          {"/form", ""},
                          {"", ""}}) {
    CAPTURE(one.first);
    const WebRequest request{
        .method = "POST", .target = "/transfer", .fields = {{"Host", "app.example"}, {"Referer", one.first}}};
    CHECK(loginFor(fail(Errc::loginRequired), session, request)->returnTo == one.second);
  }
}

TEST_CASE("a link asks for the same login; what it cannot ask for is left out") {
  const LoginRequest wanted{.returnTo = "/a?b=c&d", .prompt = "none", .maxAge = 300s, .acrValues = "mfa pin"};
  const std::string target = loginTarget(wanted, "/in");
  CHECK(target == "/in?returnTo=%2Fa%3Fb%3Dc%26d&prompt=none&acr_values=mfa+pin&max_age=300");
  CHECK(loginTarget({}) == "/login");
  const LoginRequest read = loginRequestIn({.target = target});
  CHECK(read.returnTo.empty());  // the routes read it
  CHECK(read.prompt == "none");
  CHECK(read.maxAge == 300s);
  CHECK(read.acrValues == "mfa pin");
  for (const char* hostile :
       {"/login", "/login?", "/login?prompt=evil&max_age=-1&acr_values=%00&resource=x&login_hint=y"}) {
    CAPTURE(hostile);
    const LoginRequest none = loginRequestIn({.target = hostile});
    CHECK(none.prompt.empty());
    CHECK_FALSE(none.maxAge);
    CHECK(none.acrValues.empty());
    CHECK(none.resource.empty());
    CHECK(none.loginHint.empty());
  }
  CHECK(loginRequestIn({.target = "/login?acr_values=" + std::string(257, 'x')}).acrValues.empty());
}

}  // namespace step_up_test
