// The routes of a login on a real server.
#include "support/site.hpp"
#include "support/support.hpp"

#include <ironjar/httplib.hpp>
#include <ironjar/testing/provider.hpp>

using namespace ironjar;
using support::Site;

TEST_CASE("over HTTP: in (L20: by GET alone), by the provider, to the page that was asked for, and out again") {
  testing::Provider id({.client = postAuth("web", support::clientSecret)});
  id.behave({.metadata = {{"end_session_endpoint", nullptr}}});
  Site site(SessionJar({.cookieName = "sid", .passwords = support::password, .cookie = {.secure = false}}));
  const Login login(site.jar, {.issuer = id.options().origin,
                               .client = postAuth("web", support::clientSecret),
                               .redirectUri = "https://app.example/callback",
                               .transport = id.transport()});
  const Fetcher fetcher({.transport = id.transport(),
                         .allowedOrigins = {"https://api.example"},
                         .tokenEndpoint = {.url = id.options().origin + "/token"}});
  mountLogin(site.hardened, login, fetcher, {.afterLogout = "/bye"});
  site.start();
  const auto begun = site.visit("/login?returnTo=/orders");
  CHECK(begun.status == 303);
  CHECK(begun.get_header_value("Cache-Control") == "no-store");
  CHECK(site.cookies.size() == 1);
  const std::string url = id.signIn(begun.get_header_value("Location"));
  for (const std::string& target : {std::string("/login"), url.substr(url.find('/', 8))}) {
    const auto head = site.send("HEAD", target);
    CHECK(head.status == 405);
    CHECK(head.get_header_value("Allow") == "GET");
    CHECK(site.cookies.size() == 1);
    CHECK(id.counts().tokenCalls == 0);
  }
  CHECK(site.visit("/%6cogin").status == 404);
  const auto back = site.visit(url.substr(url.find('/', 8)));
  CHECK(back.status == 303);
  CHECK(back.get_header_value("Location") == "/orders");
  CHECK(site.cookies.size() == 1);
  CHECK(site.session().tokens()->subject == "ada");
  CHECK(site.visit("/logout").status == 404);
  CHECK(site.send("POST", "/logout", {{"Sec-Fetch-Site", "cross-site"}}).status == 403);
  CHECK(site.session().tokens());
  const auto out = site.send("POST", "/logout", {{"Sec-Fetch-Site", "same-origin"}});
  CHECK(out.get_header_value("Location") == "/bye");
  CHECK(site.cookies.empty());
}
