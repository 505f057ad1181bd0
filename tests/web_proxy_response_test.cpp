// What comes down of the API's answers: fields, documents, locations.
#include "support/part.hpp"

namespace web_proxy_response_test {

using namespace ironjar;
using support::fetcherTo;
using support::Part;
using support::Upstream;

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

TEST_CASE("V10 a cookie of the API's that may pass is this host's alone") {
  const Part part({.setCookies = {"a"}});
  for (const char* attribute : {"Domain=example.com", "domain=.example.com", " DOMAIN = example.com "}) {
    CAPTURE(attribute);
    const Headers down = part.down({{"Set-Cookie", "a=1; Path=/;" + std::string(attribute) + "; Secure"}});
    CHECK(findHeader(down, "Set-Cookie") == "a=1; Path=/; Secure");
  }
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
  const Proxy whole("", Part::jar, fetcherTo(upstream), support::api);
  const auto mapped = [&](const char* location) {
    const Response down = whole.forBrowser({}, Response{.status = 302, .headers = {{"Location", location}}});
    return std::string(findHeader(down.headers, "Location").value_or("none"));
  };
  CHECK(mapped("/a") == "/a");
  CHECK(mapped("https://api.example") == "/");
  CHECK(mapped("https://api.example//evil.example/") == "none");
  CHECK(mapped("//api.example//evil.example/") == "none");
}

}  // namespace web_proxy_response_test
