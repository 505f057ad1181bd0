// What goes up to the API: paths, methods with bodies, fields.
#include "support/part.hpp"

namespace web_proxy_request_test {

using namespace ironjar;
using support::Part;

namespace {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

}  // namespace

TEST_CASE("V36 a GET with a body does not go up, where an API may take it for the next request") {
  const Part part;
  for (const std::string_view method : {"GET", "HEAD"}) {
    CHECK(part.statusOf({.method = method, .target = "/data/x", .body = "DELETE /v1/x HTTP/1.1"}) == 400);
    CHECK(part.up({.method = method, .target = "/data/x"}));
  }
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
                           "DPoP",
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

}  // namespace web_proxy_request_test
