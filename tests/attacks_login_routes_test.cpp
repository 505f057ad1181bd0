// Attacks on signing in, over the network, on every server that has the routes.
#include "support/login_servers.hpp"

#include <future>

namespace attacks_login_routes_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::fieldOf;
using support::isForm;
using support::loginServers;
using support::LoginSite;
using support::onEachLoginServer;
using support::queryOf;
using support::ServedLogin;
using support::Visitor;

namespace {

const std::string isOwn = "Sec-Fetch-Site: same-origin\r\n";

void withFormPost(LoginOptions& options, SessionOptions& session) {
  options.formPost = true;
  session.cookie.sameSite = SameSite::none;
}

}  // namespace

TEST_CASE("L26 session fixation: a session that was planted before the login is another one afterwards") {
  onEachLoginServer([](ServedLogin& served) {
    Session planted = served.site.jar->open("");
    planted.set("admin", true);
    served.site.save(served.ada, planted);
    const std::string evil = served.ada.header();
    served.signIn();
    CHECK(served.user() == "ada");
    CHECK_FALSE(served.site.sessionOf(served.ada).contains("admin"));
    CHECK(served.site.sessionOf(served.ada).id() != planted.id());
    CHECK_FALSE(served.site.jar->open(evil).tokens());
  });
}

TEST_CASE("L27 login CSRF: the attacker's callback in a browser without its attempt signs nobody in") {
  onEachLoginServer([](ServedLogin& served) {
    Visitor eve;
    const std::string url = served.site.id.signIn(served.site.begin(eve));
    CHECK(served.get(ServedLogin::targetOf(url)).status == 303);
    CHECK(served.user() == "nobody");
    CHECK(served.site.id.counts().tokenCalls == 0);
  });
}

TEST_CASE("L28 login CSRF: a login that another page begins changes no session") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    const std::string session = served.ada.cookies["__Host-sid"];
    for (int i = 0; i < 3; ++i) served.send("GET", "/login", "Sec-Fetch-Site: cross-site\r\n");
    CHECK(served.ada.cookies["__Host-sid"] == session);
    CHECK(served.user() == "ada");
  });
}

TEST_CASE("L29 logout CSRF: another site's form signs nobody out, whatever it can send") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    for (const std::string& fields :
         {std::string(), std::string("Sec-Fetch-Site: cross-site\r\n"), std::string("Sec-Fetch-Site: same-site\r\n"),
          std::string("Origin: https://evil.example\r\n"), std::string("Origin: null\r\n"),
          std::string("Sec-Fetch-Site: cross-site\r\nX-Requested-With: x\r\n"),
          std::string("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n")}) {
      CAPTURE(fields);
      CHECK(served.send("POST", "/logout", isForm + fields, "a=b").status >= 400);
      CHECK(served.user() == "ada");
    }
  });
}

TEST_CASE("L30 logout CSRF: GET and HEAD of the logout, as an image has them, sign nobody out") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    for (const char* method : {"GET", "HEAD"}) {
      CHECK(served.send(method, "/logout", isOwn).status == 404);
      CHECK(served.user() == "ada");
    }
  });
}

TEST_CASE("L31 mix-up: an answer that names another issuer sends its code nowhere") {
  onEachLoginServer([](ServedLogin& served) {
    const std::string location = LoginSite::locationOf(served.get("/login"));
    served.site.change([](auto& provider) { provider.issuerNamed = "https://evil.example"; });
    const std::string url = served.site.id.signIn(location);
    CHECK(served.get(ServedLogin::targetOf(url)).body == R"({"reason":"invalid_answer"})");
    CHECK(served.site.id.counts().tokenCalls == 0);
    CHECK(served.user() == "nobody");
  });
}

TEST_CASE("L32 code injection: a stolen code in an attempt of one's own is refused") {
  onEachLoginServer([](ServedLogin& served) {
    Visitor victim;
    auto stolen = queryOf(served.site.id.signIn(served.site.begin(victim)));
    auto own = queryOf(LoginSite::locationOf(served.get("/login")));
    served.get("/callback?code=" + stolen["code"] + "&state=" + own["state"]);
    CHECK(served.user() == "nobody");
  });
}

TEST_CASE("L33 a callback that is opened again spends no code, and changes nothing for who is signed in") {
  onEachLoginServer([](ServedLogin& served) {
    const std::string target = served.begin("?returnTo=/a");
    CHECK(LoginSite::locationOf(served.get(target)) == "/a");
    const auto cookies = served.ada.cookies;
    CHECK(LoginSite::locationOf(served.get(target)) == "/");
    CHECK(served.site.id.counts().tokenCalls == 1);
    CHECK(served.ada.cookies == cookies);
  });
}

TEST_CASE("L34 open redirect: a login's returnTo leads nowhere but to paths of the site") {
  onEachLoginServer([](ServedLogin& served) {
    for (const char* hostile : {"https://evil.example", "//evil.example", "/%5Cevil.example", "%5C%5Cevil.example",
                                "/%09/evil.example", "%20//evil.example", "javascript:alert(1)",
                                "/%2e%2e//evil.example", "///evil.example", "https:evil.example"}) {
      CAPTURE(hostile);
      CHECK(served.signIn(std::string("?returnTo=") + hostile) == "/");
    }
  });
}

TEST_CASE("L35 a returnTo that breaks its line adds no field and sets no cookie") {
  onEachLoginServer([](ServedLogin& served) {
    const std::string target = served.begin("?returnTo=/a%0d%0aSet-Cookie:%20evil=1%0d%0a%0d%0a<script>");
    const Response response = served.get(target);
    CHECK(LoginSite::locationOf(response) == "/");
    CHECK_FALSE(served.ada.cookies.contains("evil"));
    CHECK(response.body.find("script") == std::string::npos);
  });
}

TEST_CASE("L36 cookie tossing: the attacker's attempt under the victim's name is no attempt of the victim's") {
  onEachLoginServer([](ServedLogin& served) {
    Visitor eve;
    const std::string url = served.site.id.signIn(served.site.begin(eve));
    auto own = queryOf(LoginSite::locationOf(served.get("/login")));
    served.ada.cookies["__Host-sid-login-" + own["state"]] = eve.cookies.begin()->second;
    auto evil = queryOf(url);
    served.get("/callback?code=" + evil["code"] + "&state=" + own["state"]);
    CHECK(served.user() == "nobody");
    CHECK(served.site.id.counts().tokenCalls == 0);
  });
}

TEST_CASE("L37 an answer in a form, as another site's page posts it without cookies, signs nobody in") {
  onEachLoginServer(
      [](ServedLogin& served) {
        const std::string target = served.begin();
        const Response response = served.sendWithout("POST", "/callback", isForm, target.substr(target.find('?') + 1));
        CHECK(response.status == 303);
        CHECK(LoginSite::locationOf(response).starts_with("https://id.example/authorize?"));
        CHECK(served.site.id.counts().tokenCalls == 0);
        CHECK(served.user() == "nobody");
      },
      withFormPost);
}

TEST_CASE("L38 an answer in a form that was not asked for is none, and its code is not spent") {
  onEachLoginServer([](ServedLogin& served) {
    const std::string target = served.begin();
    CHECK(served.send("POST", "/callback", isForm, target.substr(target.find('?') + 1)).status == 404);
    CHECK(served.site.id.counts().tokenCalls == 0);
    CHECK(served.get(target).status == 303);
    CHECK(served.user() == "ada");
  });
}

TEST_CASE("L39 an answer in a body that is no form, or of two types, is refused") {
  onEachLoginServer(
      [](ServedLogin& served) {
        const std::string target = served.begin();
        const std::string form = target.substr(target.find('?') + 1);
        for (const std::string& type : {std::string(), std::string("Content-Type: text/plain\r\n"),
                                        std::string("Content-Type: application/json\r\n"),
                                        std::string("Content-Type: application/x-www-form-urlencodedx\r\n"),
                                        isForm + "Content-Type: text/plain\r\n"}) {
          CAPTURE(type);
          CHECK(served.send("POST", "/callback", type, form).status == 400);
        }
        CHECK(served.site.id.counts().tokenCalls == 0);
        CHECK(served.send("POST", "/callback", isForm, form).status == 303);
        CHECK(served.user() == "ada");
      },
      withFormPost);
}

TEST_CASE("L59 of one callback twice at the same time one signs in, and the other ends no session") {
  onEachLoginServer([](ServedLogin& served) {
    const std::string target = served.begin("?returnTo=/a");
    const std::string cookies = "Cookie: " + served.ada.header() + "\r\n";
    const auto open = [&] { return served.sendWithout("GET", target, cookies); };
    auto other = std::async(std::launch::async, open);
    const std::vector<Response> responses = {open(), other.get()};
    int signedIn = 0;
    for (const Response& response : responses) {
      CHECK(response.status == 303);
      Visitor visitor = served.ada;
      visitor.take(response.headers);
      if (served.site.userOf(visitor) == "ada") ++signedIn;
      for (const auto& [name, value] : response.headers) {
        if (name == "Set-Cookie") CHECK_FALSE(value.starts_with("__Host-sid=;"));
      }
    }
    CHECK(signedIn == 1);
    CHECK(served.site.id.counts().tokenCalls == 2);
  });
}

TEST_CASE("L20 HEAD of a login's routes begins, ends and answers nothing") {
  onEachLoginServer([](ServedLogin& served) {
    const std::string target = served.begin();
    CHECK(served.send("HEAD", target).status == 405);
    CHECK(served.site.id.counts().tokenCalls == 0);
    CHECK(served.get(target).status == 303);
    for (const char* route : {"/login", "/frontchannel?iss=https://id.example&sid=s-1"}) {
      const Response response = served.send("HEAD", route);
      CHECK(response.status == 405);
      CHECK(fieldOf(response, "Allow") == "GET");
      CHECK(fieldOf(response, "Set-Cookie").empty());
    }
    CHECK(served.user() == "ada");
  });
}

TEST_CASE("L70 the status sends a page nowhere else, though the application takes the place from a user") {
  const auto rule = [](const Session& session, const Json&) {
    return session.get<std::string>("place").value_or("/ok");
  };
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind, {}, {.redirectTo = rule});
    CHECK(Json::parse(served.get("/api/auth/status").body)["redirectTo"] == "/ok");
    for (const char* place : {"https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example",
                              "javascript:alert(1)", "evil", "/../api", "/%2e%2e/api", "/a\r\nSet-Cookie: a=b"}) {
      CAPTURE(place);
      Session session = served.site.sessionOf(served.ada);
      session.set("place", place);
      served.site.save(served.ada, session);
      CHECK_FALSE(Json::parse(served.get("/api/auth/status").body).contains("redirectTo"));
    }
  }
}

TEST_CASE("L60 the status tells no token, though the application names where they are") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind, {},
                       {.claims = claimsNamed(
                            {"accessToken", "refreshToken", "accessTokenSubject", "accessTokens", "dpopKey", "sub"})});
    served.signIn();
    const Response response = served.get("/api/auth/status");
    CHECK(Json::parse(response.body)["claims"] == Json{{"sub", "ada"}});
    for (const char* secret : {"at-1", "rt-1"}) CHECK(response.body.find(secret) == std::string::npos);
  }
}

TEST_CASE("L61 other spellings of the callback's path are not the callback, and spend no code") {
  onEachLoginServer([](ServedLogin& served) {
    const std::string target = served.begin();
    const std::string query = target.substr(target.find('?'));
    for (const char* path :
         {"/%63allback", "/CALLBACK", "/callback/", "/./callback", "/callback%00", "/x/../callback"}) {
      CAPTURE(path);
      CHECK(served.get(path + query).status >= 400);
      CHECK(served.site.id.counts().tokenCalls == 0);
    }
    CHECK(served.user() == "nobody");
  });
}

TEST_CASE("L62 fields and queries that name another method sign nobody out") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    for (const char* field : {"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"}) {
      CHECK(served.send("GET", "/logout?_method=POST", isOwn + field + ": POST\r\n").status == 404);
    }
    CHECK(served.user() == "ada");
  });
}

TEST_CASE("L63 an attempt of more than ten minutes ago spends no code") {
  onEachLoginServer([](ServedLogin& served) {
    const std::string target = served.begin();
    served.site.clock.advance(12min);
    const Response response = served.get(target);
    CHECK(LoginSite::locationOf(response).starts_with("https://id.example/authorize?"));
    CHECK(served.site.id.counts().tokenCalls == 0);
    CHECK(served.user() == "nobody");
  });
}

TEST_CASE("L64 a cookie that was copied before the provider's logout opens nowhere after the next login") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    const Visitor thief = served.ada;
    CHECK(served.backChannel(served.logoutToken()).status == 200);
    served.site.clock.advance(10s);
    served.site.change([](auto& provider) { provider.claims = {{"sid", "s-2"}}; });
    served.signIn();
    CHECK(served.user() == "ada");
    CHECK(served.site.userOf(thief) == "nobody");
    const auto status = served.sendWithout("GET", "/api/auth/status", "Cookie: " + thief.header() + "\r\n");
    CHECK(Json::parse(status.body)["reason"] == "session_expired");
  });
}

TEST_CASE("L65 a provider's error with markup in it reaches no page") {
  onEachLoginServer([](ServedLogin& served) {
    auto own = queryOf(LoginSite::locationOf(served.get("/login")));
    const Response response = served.get(
        "/callback?error=access_denied&iss=https://id.example&error_description=%3Cscript%3E&state=" + own["state"]);
    CHECK(response.status == 403);
    CHECK(response.body == R"({"reason":"access_denied"})");
    CHECK(fieldOf(response, "Content-Type") == "application/json");
  });
}

TEST_CASE("L66 a login's answers are stored nowhere") {
  onEachLoginServer([](ServedLogin& served) {
    const std::string target = served.begin();
    for (const std::string& one : {std::string("/login"), target, std::string("/callback?x"), target}) {
      CHECK(fieldOf(served.get(one), "Cache-Control") == "no-store");
    }
  });
}

}  // namespace attacks_login_routes_test
