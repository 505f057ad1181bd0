#include "base/url.hpp"

#include "support/support.hpp"

namespace url_test {

using namespace ironjar;
using namespace ironjar::detail;
using support::errorOf;

TEST_CASE("URLs: what decides where tokens go is read in one way only (G11 url)") {
  const auto origin = [](const char* url) { return parseUrl(url).value().origin; };
  CHECK(origin("https://API.example.com:443/x?y=/@") == "https://api.example.com");
  CHECK(origin("HTTP://localhost:8080") == "http://localhost:8080");
  CHECK(origin("http://[::1]:80/") == "http://[::1]");
  CHECK(parseUrl("https://a.example?q")->target == "/?q");
  CHECK(parseUrl("https://a.example/p?q")->path() == "/p");
  for (const char* url : {"",
                          "https://",
                          "//a.example",
                          "ftp://a.example",
                          "https:/a.example",
                          "https://u@a.example/",
                          "https://a.example\\@b.example/",
                          "https://a.example#f",
                          "https://a.example/ x",
                          "https://:443",
                          "https://a.example:0/",
                          "https://a.example:65536/",
                          "https://a.example:+1/",
                          "https://a.example:/",
                          "https://a.example:1x/",
                          "https://[fe80::1%25eth0]/",
                          "https://[::1",
                          "https://[::1]x/",
                          "https://ex%61mple.com/",
                          "https://exämple.com/",
                          "https://a.example/\r\nx",
                          "https://a.example:80:80/",
                          "https://a\t.example/",
                          "https://a.example/\x7f"}) {
    CAPTURE(url);
    CHECK(errorOf(parseUrl(url)) == Errc::malformed);
  }
  CHECK(parseUrl("http://127.0.0.9/")->isLoopback());
  CHECK(parseUrl("http://[::1]/")->isLoopback());
  CHECK_FALSE(parseUrl("http://127.0.0.1.example.com/")->isLoopback());
  CHECK_FALSE(parseUrl("http://128.0.0.1/")->isLoopback());
}

}  // namespace url_test
