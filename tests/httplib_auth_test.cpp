#include "support/site.hpp"
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <algorithm>

#include <ironjar/httplib.hpp>

namespace httplib_auth_test {

using namespace ironjar;
using support::Site;
using support::Upstream;

namespace {

const std::string api = support::api;
const httplib::Headers ownPage = {{"X-Requested-With", "fetch"}};

}  // namespace

TEST_CASE("status, refresh and logout (R72 R76)") {
  Upstream upstream;
  const Fetcher fetcher(support::fetchOptions(upstream));
  Site site;
  mountAuth(site.hardened, site.jar, fetcher, {.refreshInterval = Seconds{0}});
  site.start();
  const auto status = [&] { return Json::parse(site.visit("/api/auth/status").body); };
  CHECK(status() ==
        Json{{"authenticated", false}, {"expiresIn", nullptr}, {"refreshAt", nullptr}, {"reason", "login_required"}});
  CHECK(site.send("POST", "/api/auth/refresh", ownPage).status == 401);

  const TokenSet tokens = upstream.provider.login();
  site.putSession({{"user", "ada"}, {"accessToken", tokens.accessToken}, {"refreshToken", tokens.refreshToken}});
  CHECK(status() == Json{{"authenticated", true}, {"expiresIn", nullptr}, {"refreshAt", nullptr}});
  const auto refreshed = site.send("POST", "/api/auth/refresh", ownPage);
  CHECK(refreshed.status == 200);
  CHECK(Json::parse(refreshed.body)["expiresIn"].get<int>() > 3590);
  const auto now = std::chrono::system_clock::now().time_since_epoch() / Seconds{1};
  const auto wait = Json::parse(refreshed.body)["refreshAt"].get<std::int64_t>() - now;
  CHECK((wait > 2990 && wait <= 3000));  // ten minutes before the end
  CHECK(refreshed.body.find("at-") == std::string::npos);
  CHECK(site.session().tokens()->refreshToken != tokens.refreshToken);

  upstream.provider.answerTokenCalls({Response{.status = 503}});
  CHECK(site.send("POST", "/api/auth/refresh", ownPage).status == 503);
  CHECK(status()["authenticated"] == true);

  const auto before = site.cookies;
  CHECK(site.send("POST", "/api/auth/logout", ownPage).status == 204);
  CHECK(site.cookies.empty());
  CHECK(site.send("POST", "/api/auth/logout", ownPage).status == 204);
  site.cookies = before;  // by a response that was under way
  CHECK(status() ==
        Json{{"authenticated", false}, {"expiresIn", nullptr}, {"refreshAt", nullptr}, {"reason", "session_expired"}});
}

TEST_CASE("a session may ask for a refresh now and then only, and others are not held up") {
  Upstream upstream;
  Site site;
  mountAuth(site.hardened, site.jar, Fetcher(support::fetchOptions(upstream)), {.refreshInterval = Seconds{3600}});
  site.start();
  const auto signIn = [&] {
    const TokenSet tokens = upstream.provider.login();
    site.putSession({{"accessToken", tokens.accessToken}, {"refreshToken", tokens.refreshToken}});
  };
  signIn();
  CHECK(site.send("POST", "/api/auth/refresh", ownPage).status == 200);
  const auto again = site.send("POST", "/api/auth/refresh", ownPage);
  CHECK(again.status == 429);
  CHECK(again.get_header_value("Retry-After") == "3600");
  CHECK(upstream.provider.counts().tokenCalls == 1);
  signIn();
  CHECK(site.send("POST", "/api/auth/refresh", ownPage).status == 200);
}

TEST_CASE("so may a session that is sealed as Fe26.2, whose cookie changes with each refresh") {
  Upstream upstream;
  Site site(SessionJar({.cookieName = "sid", .passwords = support::password, .seal = {.formats = {SealFormat::fe26}}}));
  mountAuth(site.hardened, site.jar, Fetcher(support::fetchOptions(upstream)), {.refreshInterval = Seconds{3600}});
  site.start();
  const TokenSet tokens = upstream.provider.login();
  site.putSession({{"accessToken", tokens.accessToken}, {"refreshToken", tokens.refreshToken}});
  CHECK(site.send("POST", "/api/auth/refresh", ownPage).status == 200);
  for (int i = 0; i < 3; ++i) CHECK(site.send("POST", "/api/auth/refresh", ownPage).status == 429);
  CHECK(upstream.provider.counts().tokenCalls == 1);
  CHECK_THROWS_AS(
      mountAuth(site.hardened, site.jar, Fetcher(support::fetchOptions(upstream)), {.refreshInterval = Seconds{-1}}),
      std::invalid_argument);
}

TEST_CASE("a script that needs a login is told so; a page is sent to sign in (R40)") {
  const auto answer = [](const httplib::Headers& headers, Errc code) {
    httplib::Request request;
    request.headers = headers;
    httplib::Response response;
    respond(request, response, fail(code), {.loginUrl = "/login"});
    return std::to_string(response.status) + response.get_header_value("Location");
  };
  for (const Errc code : {Errc::loginRequired, Errc::expired}) {
    CHECK(answer({{"Sec-Fetch-Mode", "navigate"}}, code) == "302/login");
    CHECK(answer({{"Accept", "text/html,*/*"}}, code) == "302/login");
    CHECK(answer({{"Sec-Fetch-Mode", "cors"}, {"Accept", "text/html"}}, code) == "401");
    CHECK(answer({{"Accept", "text/html"}, {"X-Requested-With", "fetch"}}, code) == "401");
    CHECK(answer({{"Accept", "application/json"}}, code) == "401");
  }
  CHECK(answer({{"Sec-Fetch-Mode", "navigate"}}, Errc::refreshFailed) == "503");
}

TEST_CASE("R40 scripts of allowed origins can read why they get a 401 or a 503, others cannot") {
  const auto answer = [](const std::string& origin, Errc code) {
    httplib::Request request;
    request.headers = {{"Origin", origin}, {"Sec-Fetch-Mode", "cors"}};
    httplib::Response response;
    respond(request, response, fail(code), {.loginUrl = "/login", .corsOrigins = {"https://app.example"}});
    return response;
  };
  for (const Errc code : {Errc::loginRequired, Errc::expired, Errc::refreshFailed, Errc::overloaded}) {
    const auto allowed = answer("https://app.example", code);
    CHECK((allowed.status == 401 || allowed.status == 503));
    CHECK(allowed.get_header_value("Access-Control-Allow-Origin") == "https://app.example");
    CHECK(allowed.get_header_value("Access-Control-Allow-Credentials") == "true");
    CHECK(allowed.get_header_value("Vary") == "Origin");
    for (const char* origin : {"https://evil.example", "null", "", "https://app.example.evil", "HTTPS://APP.EXAMPLE"}) {
      const auto refused = answer(origin, code);
      CHECK(refused.status == allowed.status);
      CHECK_FALSE(refused.has_header("Access-Control-Allow-Origin"));
      CHECK(refused.get_header_value("Vary") == "Origin");
    }
  }
  CHECK(Json::parse(answer("", Errc::overloaded).body) == Json{{"reason", "temporarily_unavailable"}});
  CHECK(answer("", Errc::overloaded).get_header_value("Retry-After") == "2");
}

TEST_CASE("R12 of the API's cookies those that may reach the browser do, each one, and never one of ours") {
  Upstream upstream;
  upstream.api.behave({.cookies = {"y=1; Path=/; domain=.api.example; Secure", "z=1; DOMAIN = api.example",
                                   "sid=evil; Path=/", "other=1", "y"},
                       .cookiesOn401 = {"x=1"}});
  Site site;
  const Fetcher fetcher(support::fetchOptions(upstream));
  proxy(site.hardened, "/api", site.jar, fetcher, api, {.setCookies = {"x", "y", "z"}});
  for (const char* own : {"sid", "sid.0"}) {
    CHECK_THROWS_AS(proxy(site.hardened, "/b", site.jar, fetcher, api, {.setCookies = {own}}), std::invalid_argument);
  }
  site.start();
  const TokenSet tokens = upstream.provider.login();
  site.putSession({{"accessToken", tokens.accessToken}, {"refreshToken", tokens.refreshToken}});
  upstream.provider.expireAccessTokens();
  const auto response = site.visit("/api/items");
  CHECK(response.status == 200);
  std::vector<std::string> cookies;
  const auto [begin, end] = response.headers.equal_range("Set-Cookie");
  for (auto header = begin; header != end; ++header) cookies.push_back(header->second);
  std::sort(cookies.begin(), cookies.end());  // some versions of httplib keep them in no order
  REQUIRE(cookies.size() == 3);
  CHECK(cookies[0].starts_with("sid=ij1."));
  CHECK(cookies[1] == "y=1; Path=/; Secure");
  CHECK(cookies[2] == "z=1");
  CHECK(site.session().tokens()->accessToken != tokens.accessToken);
}

TEST_CASE("what changes something must come from the site itself (R76)") {
  Upstream upstream;
  Site site;
  mountAuth(site.hardened, site.jar, Fetcher(support::fetchOptions(upstream)), {.refreshInterval = Seconds{0}});
  site.start();
  site.putSession({{"accessToken", "a"}, {"refreshToken", "r"}});
  const std::string own = site.web.origin();
  const std::vector<httplib::Headers> foreign = {
      {},
      {{"Origin", "https://evil.example"}},
      {{"Origin", "https://evil.example"}, {"X-Requested-With", "fetch"}},
      {{"Origin", "null"}, {"X-Requested-With", "fetch"}},
      {{"Origin", own + ".evil.example"}},
      {{"Origin", "http://evil.example/" + site.web.host()}},
      {{"Sec-Fetch-Site", "cross-site"}, {"X-Requested-With", "fetch"}},
      {{"Sec-Fetch-Site", "same-site"}},
      {{"Sec-Fetch-Site", "none"}},
      {{"Origin", own}, {"Sec-Fetch-Site", "cross-site"}},
  };
  for (const auto& headers : foreign) {
    for (const char* path : {"/api/auth/refresh", "/api/auth/logout"})
      CHECK(site.send("POST", path, headers).status == 403);
  }
  CHECK(upstream.provider.counts().tokenCalls == 0);
  CHECK_FALSE(site.cookies.empty());
  upstream.provider.answerTokenCalls({Response{.status = 503}, Response{.status = 503}, Response{.status = 503}});
  for (const auto& headers :
       {httplib::Headers{{"Origin", own}}, httplib::Headers{{"Sec-Fetch-Site", "same-origin"}}, ownPage}) {
    CHECK(site.send("POST", "/api/auth/refresh", headers).status == 503);
  }
}

TEST_CASE("the proxy: path, query, method, body and headers go up with the session's token, credentials do not") {
  Upstream upstream;
  FetchOptions options = support::fetchOptions(upstream);
  Request seen;
  options.transport = [&, inner = upstream.transport()](const Request& request, Deadline deadline) -> Result<Response> {
    if (request.url.starts_with("https://id.")) return inner(request, deadline);
    seen = request;
    auto response = inner(request, deadline);
    response->headers = {{"Content-Type", "text/x"}, {"Set-Cookie", "api=1"},          {"X-Upstream", "yes"},
                         {"Connection", "close"},    {"Transfer-Encoding", "chunked"}, {"ETag", "\"1\""}};
    return response;
  };
  Site site;
  proxy(site.hardened, "/api", site.jar, Fetcher(options), api + "/v1", {.responseFields = {"X-Upstream"}});
  site.start();
  const TokenSet tokens = upstream.provider.login();
  site.putSession({{"accessToken", tokens.accessToken}, {"refreshToken", tokens.refreshToken}});

  const auto response = site.send("GET", "/api/items/7", {{"Authorization", "Bearer mine"}, {"X-Custom", "1"}});
  CHECK(response.status == 200);
  CHECK(response.body == "user-1");
  CHECK(response.get_header_value("X-Upstream") == "yes");
  CHECK(response.get_header_value("Content-Type") == "text/x");
  CHECK(response.get_header_value("ETag") == "\"1\"");
  CHECK_FALSE(response.has_header("Set-Cookie"));
  CHECK_FALSE(response.has_header("Transfer-Encoding"));
  CHECK(seen.url == api + "/v1/items/7");
  CHECK(findHeader(seen.headers, "Authorization") == "Bearer " + tokens.accessToken);
  CHECK(findHeader(seen.headers, "X-Custom") == "1");
  for (const char* name : {"Cookie", "Host", "Range", "Accept-Encoding", "REMOTE_ADDR", "LOCAL_PORT", "Connection"}) {
    CAPTURE(name);
    CHECK_FALSE(findHeader(seen.headers, name));
  }

  CHECK(site.sendAsItIs("/api/items/7?a=b%20c&d", "X-Custom: 1").starts_with("HTTP/1.1 200"));
  CHECK(seen.url == api + "/v1/items/7?a=b%20c&d");

  // A range is neither passed on nor cut out here.
  const auto range = site.send("GET", "/api/items", {{"Range", "bytes=0-1"}});
  CHECK(range.status == 200);
  CHECK(range.body == "user-1");
  CHECK_FALSE(findHeader(seen.headers, "Range"));

  upstream.provider.expireAccessTokens();
  const auto posted = site.send(
      "POST", "/api/items", {{"Sec-Fetch-Site", "same-origin"}, {"Content-Type", "application/json"}}, R"({"a":1})");
  CHECK(posted.status == 200);
  CHECK(seen.method == "POST");
  CHECK(seen.body == R"({"a":1})");
  CHECK(site.session().tokens()->accessToken != tokens.accessToken);
  for (const char* method : {"PUT", "PATCH", "DELETE"}) {
    CHECK(site.send(method, "/api/items/1", ownPage, "x").status == 200);
    CHECK(seen.method == method);
    CHECK(site.send(method, "/api/items/1", {}, "x").status == 403);
  }
  CHECK(site.send("HEAD", "/api/items").status == 200);
  CHECK(seen.method == "HEAD");
  CHECK(site.visit("/api").status == 200);
  CHECK(seen.url == api + "/v1");
}

TEST_CASE("what comes down the proxy is one visitor's: not stored, not shared, and speaks for no origin") {
  Upstream upstream;
  FetchOptions options = support::fetchOptions(upstream);
  options.transport = [](const Request&, Deadline) -> Result<Response> {
    return Response{.status = 200,
                    .headers = {{"Cache-Control", "public, max-age=600"},
                                {"Expires", "Thu, 01 Jan 2099 00:00:00 GMT"},
                                {"Vary", "Accept"},
                                {"Access-Control-Allow-Origin", "https://evil.example"},
                                {"access-control-allow-credentials", "true"},
                                {"Clear-Site-Data", "\"cookies\""},
                                {"Strict-Transport-Security", "max-age=1"},
                                {"CDN-Cache-Control", "max-age=600"},
                                {"Surrogate-Control", "max-age=600"},
                                {"X-Accel-Redirect", "/internal"},
                                {"Location", "/a\r\nSet-Cookie: sid=evil"},
                                {"X-Kept", "1"}},
                    .body = "private"};
  };
  Site site;
  proxy(site.hardened, "/api", site.jar, Fetcher(options), api, {.responseFields = {"X-Kept"}, .anonymous = true});
  site.start();
  const auto response = site.visit("/api/x");
  CHECK(response.body == "private");
  CHECK(response.get_header_value("Cache-Control") == "no-store");
  CHECK(response.get_header_value_count("Cache-Control") == 1);
  CHECK(response.get_header_value("Vary") == "Cookie");
  CHECK(response.get_header_value("X-Kept") == "1");
  for (const char* name : {"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Clear-Site-Data",
                           "Strict-Transport-Security", "Expires", "Location", "Set-Cookie", "CDN-Cache-Control",
                           "Surrogate-Control", "X-Accel-Redirect"}) {
    CAPTURE(name);
    CHECK_FALSE(response.has_header(name));
  }
}

TEST_CASE("the prefix is plain text, and the target must begin with it as it stands") {
  Upstream upstream;
  Site site;
  proxy(site.hardened, "/a.b", site.jar, Fetcher(support::fetchOptions(upstream)), api + "/v1", {.anonymous = true});
  site.start();
  httplib::Client client(site.web.origin());
  support::sendPathsAsTheyAre(client);
  for (const char* path : {"/%61.b/x", "/a%2eb/x", "/aXb/x", "/a.bc", "/a.b%2fx"}) {
    CAPTURE(path);
    CHECK(client.Get(path)->status == 404);
  }
  CHECK(upstream.api.counts().calls == 0);
  CHECK(client.Get("/a.b?q")->status == 401);
  CHECK(upstream.api.seen()[0].url == api + "/v1?q");
}

TEST_CASE("behind a proxy that rewrites Host, the site's own origins are told") {
  const Origins origins = {"https://app.example"};
  const auto request = [](const char* name, const char* value) {
    httplib::Request r;
    r.headers = {{"Host", "backend:8080"}, {name, value}};
    return r;
  };
  CHECK(isSameOrigin(request("Origin", "https://app.example"), origins));
  CHECK_FALSE(isSameOrigin(request("Origin", "https://app.example")));
  CHECK_FALSE(isSameOrigin(request("Origin", "http://app.example"), origins));
  CHECK_FALSE(isSameOrigin(request("Origin", "http://backend:8080"), origins));
  CHECK(isSameOrigin(request("Sec-Fetch-Site", "same-origin"), origins));
  CHECK(isSameOrigin(request("Origin", "https://backend:8080")));
  CHECK_FALSE(isSameOrigin(request("Origin", "http://backend:8080")));
}

TEST_CASE("the proxy does not climb out of its part") {
  Upstream upstream;
  Site site;
  proxy(site.hardened, "/api", site.jar, Fetcher(support::fetchOptions(upstream)), api + "/v1");
  site.start();
  for (const char* path :
       {"/api/../admin", "/api/..", "/api/a/../../admin", "/api/%2e%2e/admin", "/api/.%2E/admin", "/api/..%2fadmin",
        "/api/..%5cadmin", "/api/..;/admin", "/api/%2e%2e;x/admin", "/api/..%3b/admin", "/api/%252e%252e/admin",
        "/api/%252e%252e%252fadmin", "/api/x/..%2F..%2Fadmin"}) {
    CAPTURE(path);
    httplib::Client client(site.web.origin());
    support::sendPathsAsTheyAre(client);
    const auto result = client.Get(path);
    REQUIRE(result);
    CHECK(result->status == 400);
  }
  CHECK(upstream.api.counts().calls == 0);
  CHECK(site.visit("/api/x").status == 401);
}

}  // namespace httplib_auth_test
