#include "support/support.hpp"
#include "support/upstream.hpp"

#include <chrono>

using namespace ironjar;
using support::Upstream;

namespace {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

const SessionJar jar({.cookieName = "sid", .passwords = support::password});

Fetcher fetcherTo(Upstream& upstream) { return Fetcher(support::fetchOptions(upstream)); }

Session signedIn() {
  Session session;
  session.setTokens({.accessToken = "at", .refreshToken = "rt"});
  return session;
}

struct Part {
  explicit Part(ProxyOptions options = {})
      : proxy("/data", jar, fetcherTo(upstream), std::string(support::api) + "/v1", std::move(options)) {}

  // The request that goes up, or nothing.
  std::optional<Request> up(const WebRequest& request, const Session& session = signedIn()) const {
    auto next = proxy.upstreamRequest(request, session);
    auto* const out = std::get_if<Request>(&next);
    return out != nullptr ? std::optional(std::move(*out)) : std::nullopt;
  }
  int statusOf(const WebRequest& request, const Session& session = signedIn()) const {
    return std::get<Response>(proxy.upstreamRequest(request, session)).status;
  }
  Headers down(Headers headers, std::string_view target = "/data/items/7") const {
    return proxy.forBrowser({.target = target}, Response{.status = 200, .headers = std::move(headers)}).headers;
  }
  std::string location(std::string_view value, std::string_view target = "/data/items/7") const {
    return std::string(findHeader(down({{"Location", std::string(value)}}, target), "Location").value_or("none"));
  }

  Upstream upstream;
  Proxy proxy;
};

}  // namespace

TEST_CASE("V10 of the API's fields those that a browser needs come down, and those that are named") {
  const Part part({.responseFields = {"X-Total-Count", "Link"}});
  const Headers down = part.down({{"Content-Type", "application/json"},
                                  {"ETag", "\"1\""},
                                  {"Retry-After", "3"},
                                  {"RateLimit-Remaining", "3"},
                                  {"x-total-count", "7"},
                                  {"Link", "</data/items?page=2>; rel=next"},
                                  {"Refresh", "0; url=https://evil.example"},
                                  {"WWW-Authenticate", "Basic realm=x"},
                                  {"Proxy-Authenticate", "Basic"},
                                  {"Set-Cookie", "a=1"},
                                  {"Set-Cookie2", "a=1"},
                                  {"X-LiteSpeed-Location", "/etc/passwd"},
                                  {"X-Lighttpd-Send-File", "/etc/passwd"},
                                  {"X-Sendfile", "/etc/passwd"},
                                  {"X-Accel-Redirect", "/internal"},
                                  {"Content-Range", "bytes 0-1/2"},
                                  {"Access-Control-Allow-Origin", "*"},
                                  {"Clear-Site-Data", "\"*\""},
                                  {"Service-Worker-Allowed", "/"},
                                  {"SourceMap", "/x"},
                                  {"X-Anything", "1"},
                                  {"ETag\r\nX: y", "1"},
                                  {"Allow", "GET\r\nSet-Cookie: sid=evil"}});
  CHECK(down == Headers{{"Content-Type", "application/json"},
                        {"ETag", "\"1\""},
                        {"Retry-After", "3"},
                        {"RateLimit-Remaining", "3"},
                        {"x-total-count", "7"},
                        {"Link", "</data/items?page=2>; rel=next"},
                        {"X-Content-Type-Options", "nosniff"},
                        {"Cache-Control", "no-store"},
                        {"Vary", "Cookie"}});
}

TEST_CASE("V10 what no option may let down is refused at start-up") {
  for (const char* name : {"Set-Cookie", "Cache-Control", "CDN-Cache-Control", "Connection", "Transfer-Encoding",
                           "Content-Length", "Location", "X-Sendfile", "X-LiteSpeed-Location", "Vary", "", "a b"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(Part({.responseFields = {name}}), std::invalid_argument);
  }
}

TEST_CASE("V10 what the answer's Connection names stays on its hop, in every line of it") {
  const Part part({.setCookies = {"a"}, .responseFields = {"X-A", "X-B", "X-C"}});
  const Headers down = part.down({{"Connection", "close, x-a"},
                                  {"connection", " X-B ,,set-cookie, Location,content-type"},
                                  {"X-A", "1"},
                                  {"X-B", "1"},
                                  {"X-C", "1"},
                                  {"Set-Cookie", "a=1"},
                                  {"Location", "/v1/x"},
                                  {"Content-Type", "application/json"}});
  CHECK(down == Headers{{"X-C", "1"},
                        {"X-Content-Type-Options", "nosniff"},
                        {"Content-Security-Policy", "sandbox"},
                        {"Cache-Control", "no-store"},
                        {"Vary", "Cookie"}});
}

TEST_CASE("V10 what a browser renders as a document is sandboxed") {
  const Part part;
  const Part lifted({.sandboxDocuments = false});
  const auto isSandboxed = [](const Part& of, Headers headers) {
    const Headers down = of.down(std::move(headers));
    CHECK(findHeader(down, "X-Content-Type-Options") == "nosniff");
    return findHeader(down, "Content-Security-Policy") == "sandbox";
  };
  for (const char* type : {"text/html",
                           "TEXT/HTML; charset=utf-8",
                           " text/html",
                           "application/xhtml+xml",
                           "image/svg+xml",
                           "text/xml",
                           "application/xml",
                           "application/atom+xml",
                           "text/xsl",
                           "multipart/x-mixed-replace; boundary=x",
                           "multipart/related",
                           "message/rfc822",
                           "",
                           "html",
                           "*/*",
                           "unknown/unknown",
                           "application/unknown",
                           "text/plain, text/html",
                           "text /html",
                           "text/html;",
                           "text/plain,text/html"}) {
    CAPTURE(type);
    CHECK(isSandboxed(part, {{"Content-Type", type}}));
    CHECK_FALSE(isSandboxed(lifted, {{"Content-Type", type}}));
  }
  CHECK(isSandboxed(part, {}));
  CHECK(isSandboxed(part, {{"Content-Type", "text/html"}, {"Content-Type", "text/plain"}}));
  CHECK(part.down({{"Content-Type", "text/plain"}, {"Content-Type", "text/html"}}).size() == 4);
  for (const char* type : {"application/json", "application/json; charset=utf-8", "text/plain", "image/png",
                           "application/octet-stream", "application/problem+json", "text/event-stream"}) {
    CAPTURE(type);
    CHECK_FALSE(isSandboxed(part, {{"Content-Type", type}}));
  }
}

TEST_CASE("V10 a Location to the upstream is mapped to the prefix, to anywhere else it is dropped") {
  const Part part;
  CHECK(part.location("https://api.example/v1/items/8?a=b") == "/data/items/8?a=b");
  CHECK(part.location("HTTPS://API.example:443/v1") == "/data");
  CHECK(part.location("//api.example/v1/x") == "/data/x");
  CHECK(part.location("/v1/items/8#part") == "/data/items/8#part");
  CHECK(part.location("8") == "/data/items/8");
  CHECK(part.location("?page=2") == "/data/items/7?page=2");
  CHECK(part.location("?page=2", "/data") == "/data?page=2");
  CHECK(part.location("v1/x", "/data") == "/data/x");
  for (const char* elsewhere : {"https://evil.example/v1/x",
                                "http://api.example/v1/x",
                                "https://api.example:8443/v1/x",
                                "//evil.example/v1/x",
                                "https://api.example@evil.example/v1",
                                "/login",
                                "/v10/x",
                                "/v1/../x",
                                "/v1/%2e%2e/x",
                                "../x",
                                "..",
                                "javascript:alert(1)",
                                "data:text/html,x",
                                "mailto:a@b",
                                "",
                                "#x",
                                "\\\\evil.example\\x",
                                "/\\evil.example",
                                "/v1/\\..\\x",
                                "https:/evil.example",
                                "https:evil.example",
                                "/v1/x y",
                                "/v1/x\r\nSet-Cookie: a=b",
                                "/v1/#\x01"}) {
    CAPTURE(elsewhere);
    CHECK(part.location(elsewhere) == "none");
  }
  CHECK(part.location("x", "/data") == "none");  // beside the part, not in it
  CHECK_FALSE(findHeader(part.down({{"Location", "/v1/a"}, {"Location", "/v1/b"}}), "Location"));
  // A whole site: nothing may become another host's.
  Upstream upstream;
  const Proxy whole("", jar, fetcherTo(upstream), support::api);
  const auto mapped = [&](const char* location) {
    const Response down = whole.forBrowser({}, Response{.status = 302, .headers = {{"Location", location}}});
    return std::string(findHeader(down.headers, "Location").value_or("none"));
  };
  CHECK(mapped("/a") == "/a");
  CHECK(mapped("https://api.example") == "/");
  CHECK(mapped("https://api.example//evil.example/") == "none");
  CHECK(mapped("//api.example//evil.example/") == "none");
}

TEST_CASE("V36 a GET with a body does not go up, where an API may take it for the next request") {
  const Part part;
  for (const std::string_view method : {"GET", "HEAD"}) {
    CHECK(part.statusOf({.method = method, .target = "/data/x", .body = "DELETE /v1/x HTTP/1.1"}) == 400);
    CHECK(part.up({.method = method, .target = "/data/x"}));
  }
}

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

TEST_CASE("V18 a path that leads out of its part, in whatever spelling, is refused") {
  const Part part;
  for (const char* path : {"/..",
                           "/../x",
                           "/a/../../x",
                           "/%2e%2e/x",
                           "/.%2E/x",
                           "/..%2fx",
                           "/..%5cx",
                           "/..\\x",
                           "/..;/x",
                           "/..;a=b/x",
                           "/..%3b/x",
                           "/%2e%2e;x/y",
                           "/%252e%252e/x",
                           "/%25252e%25252e%25252fx",
                           "/..%25%32%66x",
                           "/.%25%32%65/x",
                           "/.%2%65/x",
                           "/%2%65%2%65/x",
                           "/%%32%65%%32%65/x",
                           "/..%00/x",
                           "/..%2500/x",
                           "/.%00./x",
                           "/a%00/x",
                           "/..%09/x",
                           "/.%0a./x",
                           "/.%0d%0a./x",
                           "/%c0%ae%c0%ae/x",
                           "/..%c0%afx",
                           "/..%c1%9cx",
                           "/%e0%80%ae%e0%80%ae/x",
                           "/%f0%80%80%ae%f0%80%80%ae/x",
                           "/%25c0%25ae./x",
                           "/%c0%2e%c0%2e/x",
                           "/..%u2215x",
                           "/%u002e%u002e/x",
                           "/%25u002e%25u002e/x",
                           "/.. /x",
                           "/..%20/x",
                           "/%20../x",
                           "/.../x",
                           "/..%3fx",
                           "/..%23x",
                           "/%ef%bc%8e%ef%bc%8e/x",
                           "/%e2%80%a5/x",
                           "/..%ef%bc%8fx",
                           "/%ef%b8%b0/x",
                           "/%ef%b8%99/x",
                           "/..%cd%bex/y",
                           "/%ef%bc%8e.%ef%bc%9bx/y",
                           "/..%ef%b8%94/x",
                           "/..%c2%a0/x",
                           "/..%e3%80%80/x",
                           "/..%e2%80%8b/x",
                           "/%ef%bc%852e%ef%bc%852e/x",
                           "/%ef%b9%aa2e%ef%b9%aa2e/x",
                           "/..%ef%bc%83/x",
                           "/..%ef%bc%9f/x",
                           "/..%e2%81%88x/y",
                           "/..%c2%ad/x",
                           "/.%ef%bb%bf./x",
                           "/%e2%81%a0..%e2%80%89/x",
                           "/..%80/x",
                           "/..%c3/x",
                           "/.%ed%a0%80./x",
                           "/a%2f..%2f..%2fx",
                           "/%",
                           "/%2",
                           "/%zz",
                           "/a%2"}) {
    CAPTURE(path);
    CHECK(climbs(path));
    CHECK(part.statusOf({.target = std::string("/data") + path}) == 400);
  }
  std::string nested = "%2e";
  for (int i = 0; i < 2000; ++i) nested.insert(1, "25");
  CHECK(climbs("/." + nested + "/x"));
  for (const char* path : {"", "/", "/a.b/..c/d..", "/.well-known/x", "/a/./b", "/100%25", "/a%2fb", "/caf%c3%a9",
                           "/voil%e0", "/..a%c3%a9", "/%e3%80%80", "/%e3%81%9d%e3%81%86%e2%80%a6", "/%d1%84..",
                           "/..%e6%97%a5", "/x?q=/../y", "/x?%2", "/a;b=c/d", "/%e2%82%ac"}) {
    CAPTURE(path);
    CHECK_FALSE(climbs(path));
    CHECK(part.up({.target = std::string("/data") + path})->url == std::string(support::api) + "/v1" + path);
  }
}

TEST_CASE("V25 what only a proxy in front may say does not go up, in any spelling of its name") {
  const Part part;
  for (const char* name : {"X-Forwarded-For",
                           "x-forwarded-host",
                           "X_Forwarded_For",
                           "X.Forwarded.Proto",
                           "Forwarded",
                           "X-Real-IP",
                           "X_REAL_IP",
                           "True-Client-IP",
                           "CF-Connecting-IP",
                           "X-Original-URL",
                           "X_Original_URL",
                           "X-Rewrite-URL",
                           "X-HTTP-Method-Override",
                           "X-HTTP-Method",
                           "X-Method-Override",
                           "Via",
                           "X-Client-IP",
                           "Client-Cert",
                           "X-Remote-User",
                           "Remote_User",
                           "X-Auth-Request-Email",
                           "X-Middleware-Subrequest",
                           "X-Accel-Mapping",
                           "X-Sendfile-Type",
                           "Cookie",
                           "Cookie2",
                           "Authorization",
                           "Proxy-Authorization",
                           "Host",
                           "Content-Length",
                           "Content_Length",
                           "Transfer-Encoding",
                           "Transfer_Encoding",
                           "TE",
                           "Trailer",
                           "Upgrade",
                           "HTTP2-Settings",
                           "Connection",
                           "Keep-Alive",
                           "Origin",
                           "Referer",
                           "Sec-Fetch-Site",
                           "Accept-Encoding",
                           "Expect",
                           "REMOTE_ADDR",
                           "LOCAL_PORT",
                           "X-MS-TOKEN-AAD-ID-TOKEN",
                           "X-Apigateway-Api-Userinfo",
                           "X-Endpoint-API-UserInfo",
                           "X-Consumer-Username",
                           "X-Credential-Identifier",
                           "X-Vouch-User",
                           "X-JWT-Assertion",
                           "X-Client-Cert-Subject",
                           "X-Client-Certificate",
                           "X-Vercel-Forwarded-For",
                           "X-NF-Client-Connection-IP",
                           "DO-Connecting-IP",
                           "Incap-Client-IP",
                           "X-True-Client-IP",
                           "X-Matched-Path",
                           "X-Invoke-Path",
                           "X-Now-Route-Matches",
                           "X-Serverless-Authorization",
                           "Request-Range",
                           "",
                           "a b",
                           "a:b",
                           "a\r\nb"}) {
    CAPTURE(name);
    CHECK(part.up({.target = "/data/x", .fields = {{name, "1"}}})->headers.empty());
  }
  for (const char* name : {"Accept", "Accept-Language", "Content-Type", "If-None-Match", "If-Match", "X-Custom",
                           "X-Api-Key", "X-Requested-With", "X-Client-Version", "Idempotency-Key", "traceparent"}) {
    CAPTURE(name);
    CHECK(part.up({.target = "/data/x", .fields = {{name, "1"}}})->headers == Headers{{name, "1"}});
    CHECK(part.up({.target = "/data/x", .fields = {{name, "1\r\nX: y"}}})->headers.empty());
    CHECK(part.up({.target = "/data/x", .fields = {{name, "1"}, {"Connection", name}}})->headers.empty());
  }
}

TEST_CASE("V05 a Range does not go up") {
  const Part part;
  const Fields fields = {{"Range", "bytes=0-"}, {"range", "bytes=0-,0-"}, {"If-Range", "\"1\""}};
  CHECK(part.up({.target = "/data/x", .fields = fields})->headers.empty());
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
  const support::FakeClock clock;
  const SessionJar short_(
      {.cookieName = "sid", .passwords = support::password, .seal = {.ttl = Seconds{60}, .now = clock}});
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
  const auto make = [&](const char* prefix, const char* to) { return Proxy(prefix, jar, fetcher, to); };
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
