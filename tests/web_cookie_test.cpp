#include "support/support.hpp"

namespace web_cookie_test {

using namespace ironjar;

namespace {

std::vector<std::string> valuesOf(const Headers& headers, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [other, value] : headers) {
    if (other == name) values.push_back(value);
  }
  return values;
}

std::vector<std::string> merged(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  Headers headers;
  for (const std::string& cookie : first) headers.emplace_back("Set-Cookie", cookie);
  putSetCookies(headers, second);
  return valuesOf(headers, "Set-Cookie");
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("V33 a Set-Cookie takes the place of one that browsers store in the same place, and of no other") {
  CHECK(merged({"sid=1; Path=/"}, {"sid=2; Path=/"}) == Lines{"sid=2; Path=/"});
  CHECK(merged({"sid=1; HttpOnly; path=/"}, {"sid=2; Path=/; Secure"}) == Lines{"sid=2; Path=/; Secure"});
  CHECK(merged({"sid=1; Path=/a; Path=/"}, {"sid=2; Path=/"}) == Lines{"sid=2; Path=/"});
  CHECK(merged({" sid =1; Path=/"}, {"sid=2; Path=/"}) == Lines{"sid=2; Path=/"});
  CHECK(merged({"sid=1; Domain=.App.Example"}, {"sid=2; domain=app.example"}) == Lines{"sid=2; domain=app.example"});
  CHECK(merged({"sid=1; Path=x"}, {"sid=2"}) == Lines{"sid=2"});
  CHECK(merged({"sid=1; Path=/" + std::string(2000, 'x')}, {"sid=2"}) == Lines{"sid=2"});
  CHECK(merged({"x"}, {"=y"}) == Lines{"=y"});
  CHECK(merged({}, {"sid=1; Path=/", "sid=2; Path=/"}) == Lines{"sid=2; Path=/"});
  for (const char* other : {"sid=; Max-Age=0; Path=/old", "sid=; Max-Age=0", "sid=; Path=/; Domain=app.example",
                            "sid=; Path=/; Secure; Partitioned", "SID=1; Path=/", "sid.0=1; Path=/", "side=1; Path=/",
                            "sid; Path=/", "x=sid=1; Path=/"}) {
    CAPTURE(other);
    CHECK(merged({other}, {"sid=2; Path=/"}) == Lines{other, "sid=2; Path=/"});
  }
}

TEST_CASE("V33 many Set-Cookie lines of one name end at once") {
  const std::vector<std::string> many(10'000, "sid=1; Path=/");
  CHECK(merged(many, {"sid=2; Path=/"}) == Lines{"sid=2; Path=/"});
}

TEST_CASE("a response with a cookie is stored by no cache, whatever was said before") {
  Headers headers = {{"cache-control", "public"},
                     {"CDN-Cache-Control", "max-age=60"},
                     {"Cloudflare-CDN-Cache-Control", "max-age=60"},
                     {"X-LiteSpeed-Cache-Control", "public"},
                     {"Expires", "Thu, 01 Jan 2099 00:00:00 GMT"},
                     {"Surrogate-Control", "max-age=60"},
                     {"X-Accel-Expires", "60"},
                     {"Vary", "Accept"},
                     {"ETag", "\"1\""}};
  putSetCookies(headers, {"sid=1"});
  CHECK(headers == Headers{{"Vary", "Accept"},
                           {"ETag", "\"1\""},
                           {"Set-Cookie", "sid=1"},
                           {"Cache-Control", "no-store"},
                           {"Vary", "Cookie"}});
  for (const char* vary : {"cookie", "Accept, Cookie", "*"}) {
    Headers varies = {{"Vary", vary}};
    putSetCookies(varies, {"sid=1"});
    CHECK(valuesOf(varies, "Vary").size() == 1);
  }
  Headers untouched = {{"Cache-Control", "public"}};
  putSetCookies(untouched, {});
  CHECK(untouched == Headers{{"Cache-Control", "public"}});
}

TEST_CASE("an answer's fields take others' places, Set-Cookie, Vary and CORS that is there aside") {
  Headers headers = {
      {"content-type", "text/html"}, {"Set-Cookie", "a=1"}, {"Access-Control-Allow-Origin", "https://a"}};
  putFields(headers, {{"Content-Type", "application/json"},
                      {"Set-Cookie", "b=1"},
                      {"Vary", "Origin"},
                      {"Access-Control-Allow-Origin", "https://b"},
                      {"Access-Control-Allow-Credentials", "true"}});
  CHECK(headers == Headers{{"Set-Cookie", "a=1"},
                           {"Access-Control-Allow-Origin", "https://a"},
                           {"Content-Type", "application/json"},
                           {"Set-Cookie", "b=1"},
                           {"Vary", "Origin"}});
}

}  // namespace web_cookie_test
