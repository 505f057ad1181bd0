// The routes of a login, without a server.
#include "support/login_site.hpp"

#include <ironjar/web.hpp>

namespace login_routes_test {

using namespace ironjar;
using support::LoginSite;
using support::Visitor;
using Behaviour = testing::ProviderBehaviour;
using Route = LoginRoutes::Route;

namespace {

Fetcher fetcherOf(LoginSite& site) {
  return Fetcher({.transport = site.id.transport(),
                  .allowedOrigins = {"https://api.example"},
                  .tokenEndpoint = {.url = "https://id.example/token"}});
}

}  // namespace

TEST_CASE("each route has its method and its path, exactly") {
  LoginSite site;
  const LoginRoutes routes(*site.login, fetcherOf(site), {.loginPath = "/in", .logoutPath = "/out"});
  const auto routeOf = [&](const char* method, const char* target) {
    return routes.routeOf({.method = method, .target = target});
  };
  CHECK(routeOf("GET", "/in") == Route::login);
  CHECK(routeOf("GET", "/in?returnTo=/a") == Route::login);
  CHECK(routeOf("GET", "/callback?code=x") == Route::callback);
  CHECK(routeOf("POST", "/out") == Route::logout);
  for (const auto& one : {std::pair{"HEAD", "/in"},
                          {"POST", "/in"},
                          {"GET", "/out"},
                          {"HEAD", "/callback"},
                          {"POST", "/callback"},
                          {"GET", "/in/"},
                          {"GET", "/IN"},
                          {"GET", "//in"},
                          {"GET", "/callback/x"},
                          {"GET", "/"},
                          {"GET", ""}}) {
    CAPTURE(one.second);
    CHECK_FALSE(routeOf(one.first, one.second));
  }
  LoginSite posts([](LoginOptions& options, SessionOptions& session) {
    options.formPost = true;
    session.cookie.sameSite = SameSite::none;
  });
  CHECK(LoginRoutes(*posts.login, fetcherOf(posts)).routeOf({.method = "POST", .target = "/callback"}) ==
        Route::callback);
}

TEST_CASE("GET /login leads back to its returnTo, and touches no session that is signed in") {
  LoginSite site;
  const LoginRoutes routes(*site.login, fetcherOf(site));
  Visitor ada;
  site.signIn(ada);
  for (const auto& one : {std::pair{"/login?returnTo=%2Forders%3Fa%3Db", "/orders?a=b"},
                          {"/login?x=1&returnTo=/a&returnTo=/b", "/a"},
                          {"/login?returnTo=https://evil.example", "/"},
                          {"/login?returnTo=/login", "/"},
                          {"/login?returnTo=/login?returnTo=/a", "/"},
                          {"/login?returnTo=/logout%23x", "/"},
                          {"/login", "/"}}) {
    CAPTURE(one.first);
    const std::string cookies = ada.header();
    Session session = site.jar->open(cookies);
    const Response response = routes.answer(LoginSite::requestOf(one.first, cookies), session);
    CHECK(response.status == 303);
    CHECK_FALSE(session.changed());
    CHECK(session.tokens()->subject == "ada");
    ada.take(response.headers);
    CHECK(LoginSite::locationOf(site.callback(ada, site.id.signIn(LoginSite::locationOf(response)))) == one.second);
  }
}

TEST_CASE("what an attempt asks for besides is the application's to say") {
  LoginSite site;
  const LoginRoutes routes(*site.login, fetcherOf(site), {.attempt = [](const WebRequest& request) {
    return LoginRequest{.prompt = request.target.ends_with("again") ? "login" : ""};
  }});
  Session session = site.jar->open("");
  const auto begin = [&](const char* target) {
    return support::queryOf(LoginSite::locationOf(routes.answer(LoginSite::requestOf(target, ""), session)));
  };
  CHECK(begin("/login?again")["prompt"] == "login");
  CHECK_FALSE(begin("/login").contains("prompt"));
}

TEST_CASE("L17 a login that begins anew, for an answer of no attempt, asks for what the application wants of each") {
  LoginSite site;
  const LoginRoutes routes(*site.login, fetcherOf(site),
                           {.attempt = [](const WebRequest&) { return LoginRequest{.maxAge = Seconds{60}}; }});
  Session session = site.jar->open("");
  const Response response = routes.answer(LoginSite::requestOf("/callback?code=x&state=y", ""), session);
  CHECK(response.status == 303);
  CHECK(support::queryOf(LoginSite::locationOf(response))["max_age"] == "60");
}

TEST_CASE("a place where logins lead that would begin or end one is refused at start-up") {
  for (const char* place : {"/login", "/logout?x", "/login#x"}) {
    LoginSite site([&](LoginOptions& options, SessionOptions&) { options.returnTo = place; });
    CHECK_THROWS_AS(LoginRoutes(*site.login, fetcherOf(site)), std::invalid_argument);
  }
}

TEST_CASE("POST /logout ends the session, for the site's own pages alone") {
  LoginSite site;
  const LoginRoutes routes(*site.login, fetcherOf(site), {.afterLogout = "/bye"});
  site.change([](Behaviour& b) { b.metadata["end_session_endpoint"] = nullptr; });
  Visitor ada;
  site.signIn(ada);
  Session session = site.sessionOf(ada);
  const WebRequest foreign{.method = "POST", .target = "/logout", .fields = {{"Sec-Fetch-Site", "cross-site"}}};
  CHECK(routes.answer(foreign, session).status == 403);
  CHECK_FALSE(session.destroyed());
  const WebRequest own{.method = "POST", .target = "/logout", .fields = {{"Sec-Fetch-Site", "same-origin"}}};
  CHECK(LoginSite::locationOf(routes.answer(own, session)) == "/bye");
  CHECK(session.destroyed());
}

TEST_CASE("paths that are none, or the same twice, are refused at start-up") {
  LoginSite site;
  for (const LoginRouteOptions& options :
       {LoginRouteOptions{.loginPath = "login"}, LoginRouteOptions{.logoutPath = ""},
        LoginRouteOptions{.loginPath = "/callback"}, LoginRouteOptions{.logoutPath = "/login"}}) {
    CHECK_THROWS_AS(LoginRoutes(*site.login, fetcherOf(site), options), std::invalid_argument);
  }
}

}  // namespace login_routes_test
