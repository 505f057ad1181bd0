// The routes of a login, the same on every server.
#include "support/login_servers.hpp"

namespace login_servers_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::fieldOf;
using support::loginServers;
using support::LoginSite;
using support::ServedLogin;
using support::Visitor;

TEST_CASE("in, by the provider, to the page that was asked for, and out again") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind);
    served.site.change([](auto& provider) { provider.metadata = {{"end_session_endpoint", nullptr}}; });
    const Response begun = served.get("/login?returnTo=/orders");
    CHECK(begun.status == 303);
    CHECK(fieldOf(begun, "Cache-Control") == "no-store");
    CHECK(served.ada.attempts() == 1);
    const std::string url = served.site.id.signIn(LoginSite::locationOf(begun));
    const Response back = served.get(ServedLogin::targetOf(url));
    CHECK(back.status == 303);
    CHECK(LoginSite::locationOf(back) == "/orders");
    CHECK(served.user() == "ada");
    CHECK(served.ada.attempts() == 0);
    const Response out = served.send("POST", "/logout", "Sec-Fetch-Site: same-origin\r\n");
    CHECK(out.status == 303);
    CHECK(LoginSite::locationOf(out) == "/bye");
    CHECK(served.ada.cookies.empty());
  }
}

TEST_CASE("a logout leads to the provider's page, where it has one") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind);
    served.site.change([](auto& provider) {
      provider.metadata = {{"end_session_endpoint", "https://id.example/logout"}};
    });
    served.signIn();
    const Response out = served.send("POST", "/logout", "Sec-Fetch-Site: same-origin\r\n");
    CHECK(LoginSite::locationOf(out) == "https://id.example/logout?client_id=web");
    CHECK(served.ada.cookies.empty());
  }
}

TEST_CASE("an answer that comes as a form signs in") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind, [](LoginOptions& options, SessionOptions& session) {
      options.formPost = true;
      session.cookie.sameSite = SameSite::none;
    });
    const std::string target = served.begin("?returnTo=/a");
    const std::string form = target.substr(target.find('?') + 1);
    const Response back =
        served.send("POST", "/callback", "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n", form);
    CHECK(LoginSite::locationOf(back) == "/a");
    CHECK(served.user() == "ada");
  }
}

TEST_CASE("a provider that is down is a problem that passes, and a code is not spent for it") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind);
    const std::string target = served.begin();
    served.site.change([](auto& provider) { provider.isDown = true; });
    CHECK(served.get(target).status == 503);
    CHECK(served.user() == "nobody");
    served.site.change([](auto& provider) { provider.isDown = false; });
    CHECK(served.ada.attempts() == 1);
  }
}

TEST_CASE("back-channel logout ends the sessions that its token names, on every device") {
  for (const auto& kind : loginServers) {
    for (const Json& names : std::vector<Json>{{{"sub", nullptr}}, {{"sid", nullptr}}, Json::object()}) {
      CAPTURE(kind.name);
      CAPTURE(names.dump());
      ServedLogin served(kind);
      served.signIn();
      const Visitor phone = served.ada;
      const Response response = served.backChannel(served.logoutToken(names));
      CHECK(response.status == 200);
      CHECK(fieldOf(response, "Cache-Control") == "no-store");
      CHECK(response.body.empty());
      CHECK(served.user() == "nobody");
      CHECK(served.site.userOf(phone) == "nobody");
      served.site.clock.advance(5s);
      served.site.change([](auto& provider) { provider.claims = {{"sid", "s-2"}}; });
      served.signIn();
      CHECK(served.user() == "ada");
    }
  }
}

TEST_CASE("a logout of another session, or user, signs nobody else out") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind);
    served.signIn();
    CHECK(served.backChannel(served.logoutToken({{"sid", "s-9"}})).status == 200);
    CHECK(served.backChannel(served.logoutToken({{"sid", nullptr}, {"sub", "eve"}, {"jti", "2"}})).status == 200);
    CHECK(served.user() == "ada");
  }
}

TEST_CASE(
    "with Fe26.2, whose seals tell no start when they do not end, a logout by sub ends what began before it alone") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind, [](LoginOptions&, SessionOptions& session) {
      session.seal.formats = {SealFormat::fe26};
      session.seal.ttl = Seconds{0};
    });
    served.signIn();
    served.site.clock.advance(5s);
    CHECK(served.backChannel(served.logoutToken({{"sid", nullptr}})).status == 200);
    served.site.clock.advance(5s);
    CHECK(served.user() == "nobody");
    served.site.change([](auto& provider) { provider.claims = {{"sid", "s-2"}}; });
    served.signIn();
    CHECK(served.user() == "ada");
  }
}

TEST_CASE("a back-channel logout is refused as the specification says, also while no keys can be had") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind);
    served.site.change([](auto& provider) { provider.isDown = true; });
    Response response = served.backChannel(served.logoutToken());
    CHECK(response.status == 400);
    CHECK(fieldOf(response, "Cache-Control") == "no-store");
    CHECK(Json::parse(response.body)["error"] == "temporarily_unavailable");
    response = served.backChannel("x");
    CHECK(response.status == 400);
  }
}

TEST_CASE("front-channel logout ends the session without its cookie, and with it deletes it") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind);
    served.signIn();
    const std::string target = "/frontchannel?iss=https%3A%2F%2Fid.example&sid=s-1";
    const Response response = served.sendWithout("GET", target);
    CHECK(response.status == 200);
    CHECK(fieldOf(response, "Cache-Control") == "no-store");
    CHECK(response.body.empty());
    CHECK(served.user() == "nobody");
    CHECK(served.sendWithout("GET", target).status == 200);
    served.site.clock.advance(5s);
    served.site.change([](auto& provider) { provider.claims = {{"sid", "s-2"}}; });
    served.signIn();
    CHECK(served.user() == "ada");
    CHECK(served.get("/frontchannel?sid=s-2&iss=https://id.example").status == 200);
    CHECK(served.ada.cookies.empty());
  }
}

TEST_CASE("the status has the claims that the application shows, while somebody is signed in") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind, {}, {.claims = claimsNamed({"sub", "sid", "nickname"})});
    Json status = Json::parse(served.get("/api/auth/status").body);
    CHECK(status["authenticated"] == false);
    CHECK_FALSE(status.contains("claims"));
    served.signIn();
    const Response response = served.get("/api/auth/status");
    status = Json::parse(response.body);
    CHECK(status["authenticated"] == true);
    CHECK(status["claims"] == Json{{"sub", "ada"}, {"sid", "s-1"}});
    CHECK(fieldOf(response, "Cache-Control") == "no-store");
    ServedLogin silent(kind);
    silent.signIn();
    CHECK_FALSE(Json::parse(silent.get("/api/auth/status").body).contains("claims"));
    ServedLogin derived(kind, {}, {.claims = [](const Session& session) {
                          return Json{{"isAda", session.get<std::string>("sub") == "ada"}};
                        }});
    derived.signIn();
    CHECK(Json::parse(derived.get("/api/auth/status").body)["claims"] == Json{{"isAda", true}});
  }
}

TEST_CASE("the status says where the page should go, by the application's rule") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    const auto rule = [](const Session& session, const Json& status) -> std::string {
      if (status["authenticated"] == false) return "/welcome?why=" + status["reason"].get<std::string>();
      return session.contains("nickname") ? "" : "/profile#nickname";
    };
    ServedLogin served(kind, {}, {.redirectTo = rule});
    const auto placeOf = [](const Response& response) { return Json::parse(response.body)["redirectTo"]; };
    const auto refresh = [&] { return served.send("POST", "/api/auth/refresh", "Sec-Fetch-Site: same-origin\r\n"); };
    CHECK(placeOf(served.get("/api/auth/status")) == "/welcome?why=login_required");
    CHECK(Json::parse(refresh().body) ==
          Json{{"reason", "login_required"}, {"redirectTo", "/welcome?why=login_required"}});
    served.signIn();
    CHECK(placeOf(served.get("/api/auth/status")) == "/profile#nickname");
    Session session = served.site.sessionOf(served.ada);
    session.set("nickname", "Ada");
    served.site.save(served.ada, session);
    CHECK_FALSE(Json::parse(served.get("/api/auth/status").body).contains("redirectTo"));
    ServedLogin silent(kind);
    CHECK_FALSE(Json::parse(silent.get("/api/auth/status").body).contains("redirectTo"));
  }
}

TEST_CASE("what a login's routes need is said at start-up") {
  LoginSite site;
  const Fetcher fetcher({.transport = site.id.transport(),
                         .allowedOrigins = {"https://api.example"},
                         .tokenEndpoint = {.url = "https://id.example/token"}});
  CHECK_THROWS_AS(LoginRoutes(*site.login, fetcher, {.backChannelLogoutPath = "/x"}), std::invalid_argument);
  CHECK_THROWS_AS(LoginRoutes(*site.login, fetcher, {.frontChannelLogoutPath = "/x"}), std::invalid_argument);
  CHECK_THROWS_AS(support::beastLoginServer({*site.login, fetcher, {}, {}}), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(site.login->backChannelLogout({})), std::invalid_argument);
  const auto list = std::make_shared<LocalRevocationList>();
  const auto make = [&](bool isAsked, std::vector<std::string> claims) {
    const LoginSite refused([&](LoginOptions& options, SessionOptions& session) {
      options.revoked = list;
      options.claims = std::move(claims);
      if (isAsked) session.isRevoked = revokedBy(list);
    });
  };
  CHECK_THROWS_AS(make(false, {"sub", "sid"}), std::invalid_argument);
  CHECK_THROWS_AS(make(true, {"sub"}), std::invalid_argument);
  CHECK_THROWS_AS(make(true, {"sid"}), std::invalid_argument);
  LoginSite good([&](LoginOptions& options, SessionOptions& session) {
    options.revoked = list;
    session.isRevoked = revokedBy(list);
  });
  for (const LoginRouteOptions& options :
       {LoginRouteOptions{.backChannelLogoutPath = "/login"}, LoginRouteOptions{.frontChannelLogoutPath = "/callback"},
        LoginRouteOptions{.backChannelLogoutPath = "x"},
        LoginRouteOptions{.backChannelLogoutPath = "/x", .frontChannelLogoutPath = "/x"}}) {
    CHECK_THROWS_AS(LoginRoutes(*good.login, fetcher, options), std::invalid_argument);
  }
}

}  // namespace login_servers_test
