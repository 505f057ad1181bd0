// What a proxy passes on at all, for whom, and how it is configured.
#include "support/part.hpp"

#include <chrono>

namespace web_proxy_test {

using namespace ironjar;
using support::fetcherTo;
using support::Part;
using support::signedIn;
using support::Upstream;

TEST_CASE("V12 Connection options take no longer for being many") {
  Headers fields;
  std::string options;
  for (int i = 0; i < 30'000; ++i) {
    fields.emplace_back("x-" + std::to_string(i), "1");
    options += ",x-" + std::to_string(i);
  }
  for (int i = 0; i < 100; ++i)
    fields.emplace_back("Connection", options.substr(static_cast<std::size_t>(i) * 1000, 1000));
  fields.emplace_back("Connection", options);
  fields.emplace_back("X-Last", "1");
  WebRequest request{.target = "/data/x"};
  for (const auto& [name, value] : fields) request.fields.emplace_back(name, value);
  const Part part;
  const auto begin = std::chrono::steady_clock::now();
  const auto up = part.up(request);
  const Headers down = part.down(fields);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{2});
  CHECK(up->headers == Headers{{"X-Last", "1"}});
  CHECK_FALSE(findHeader(down, "x-1"));
}

TEST_CASE("V29 without tokens the API is not asked, unless an option says so") {
  Part part;
  Session nobody;
  const Response answer = part.proxy.answer({.target = "/data/x"}, nobody);
  CHECK(answer.status == 401);
  CHECK(Json::parse(answer.body) == Json{{"reason", "login_required"}});
  CHECK(part.upstream.api.counts().calls == 0);
  Part open({.anonymous = true});
  CHECK(open.proxy.answer({.target = "/data/x"}, nobody).status == 401);
  CHECK(open.upstream.api.counts().calls == 1);
  Part pages({.errors = {.loginUrl = "/login"}});
  const Response page = pages.proxy.answer({.target = "/data/x", .fields = {{"Sec-Fetch-Mode", "navigate"}}}, nobody);
  CHECK(page.status == 302);
  CHECK(findHeader(page.headers, "Location") == "/login");
  nobody.set("user", "ada");  // a session, but not a login
  CHECK(part.statusOf({.target = "/data/x"}, nobody) == 401);
}

TEST_CASE("V29 a visitor whose session has ended is told so") {
  const testing::VirtualClock clock;
  const SessionJar short_(
      {.cookieName = "sid", .passwords = support::password, .seal = {.ttl = Seconds{60}, .now = clock.wall()}});
  Session session = short_.open("");
  session.setTokens({.accessToken = "at"});
  const std::string cookie = short_.commit(session)->front();
  clock.advance(std::chrono::hours{1});
  Part part;
  Session late = short_.open(cookie.substr(0, cookie.find(';')));
  CHECK(Json::parse(part.proxy.answer({.target = "/data/x"}, late).body) == Json{{"reason", "session_expired"}});
}

TEST_CASE("only methods of an API are passed on, and what changes something must be the site's own") {
  const Part part;
  for (const char* method : {"TRACE", "CONNECT", "OPTIONS", "get", "", "GET,", "A B", "PROPFIND"}) {
    CAPTURE(method);
    CHECK(part.statusOf({.method = method, .target = "/data/x", .fields = {{"Sec-Fetch-Site", "same-origin"}}}) == 405);
  }
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    CHECK(part.statusOf({.method = method, .target = "/data/x"}) == 403);
    const auto up =
        part.up({.method = method, .target = "/data/x", .fields = {{"Sec-Fetch-Site", "same-origin"}}, .body = "b"});
    CHECK(up->method == method);
    CHECK(up->body == "b");
  }
  for (const char* target : {"/other", "/datax", "/data;x", "/%64ata/x", "*", "http://site/data/x", ""}) {
    CHECK(part.statusOf({.target = target}) == 404);
  }
}

TEST_CASE("V21 what a proxy passes on, and to whom, is looked at at start-up") {
  Upstream upstream;
  const Fetcher fetcher = fetcherTo(upstream);
  const auto make = [&](const char* prefix, const char* to) { return Proxy(prefix, Part::jar, fetcher, to); };
  for (const char* to : {"", "api.example", "http://api.example", "https://other.example", "https://api.example?x",
                         "https://api.example/a/../b", "https://u@api.example"}) {
    CAPTURE(to);
    CHECK_THROWS_AS(make("/data", to), std::invalid_argument);
  }
  for (const char* prefix : {"/", "data", "/data/", "/da?ta", "/da%74a", "/..", "/a b"}) {
    CAPTURE(prefix);
    CHECK_THROWS_AS(make(prefix, support::api), std::invalid_argument);
  }
  const auto next = make("/data", "https://api.example/").upstreamRequest({.target = "/data/x"}, signedIn());
  CHECK(std::get<Request>(next).url == "https://api.example/x");
}

}  // namespace web_proxy_test
