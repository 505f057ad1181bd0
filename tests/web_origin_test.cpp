#include "base/ascii.hpp"
#include "support/support.hpp"

namespace web_origin_test {

using namespace ironjar;

namespace {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

bool isOwn(const Fields& fields, const Origins& origins = {}) {
  return isSameOrigin({.method = "POST", .fields = fields}, origins);
}

}  // namespace

TEST_CASE("V22 an http Origin speaks for no https site: only for this machine's own, as does https of the Host") {
  CHECK(isOwn({{"Host", "app.example"}, {"Origin", "https://app.example"}}));
  CHECK(isOwn({{"Host", "App.Example:443"}, {"Origin", "https://app.example"}}));
  CHECK(isOwn({{"Host", "app.example:8443"}, {"Origin", "https://app.example:8443"}}));
  CHECK(isOwn({{"Host", "127.0.0.1:8080"}, {"Origin", "http://127.0.0.1:8080"}}));
  CHECK(isOwn({{"Host", "localhost:8080"}, {"Origin", "http://localhost:8080"}}));
  CHECK(isOwn({{"Host", "[::1]:8080"}, {"Origin", "http://[::1]:8080"}}));
  const std::vector<std::pair<const char*, const char*>> foreign = {{"app.example", "http://app.example"},
                                                                    {"app.example:80", "http://app.example"},
                                                                    {"app.example", "http://app.example:443"},
                                                                    {"", "https://"},
                                                                    {"", "http://"},
                                                                    {" ", "https:// "},
                                                                    {"/", "https:///"},
                                                                    {"app.example/", "https://app.example/"},
                                                                    {"u@app.example", "https://u@app.example"},
                                                                    {"app.example?", "https://app.example?"},
                                                                    {"app.example#", "https://app.example"},
                                                                    {"app.example", "null"},
                                                                    {"app.example", ""},
                                                                    {"null", "null"},
                                                                    {"app.example", "https://app.example.evil"},
                                                                    {"app.example", "https://evil.example"},
                                                                    {"app.example", "https://app.example, https://x"},
                                                                    {"127.0.0.1.evil", "http://127.0.0.1.evil"},
                                                                    {"localhost.evil", "http://localhost.evil"},
                                                                    {"localhost:8080", "http://localhost:8081"}};
  for (const auto& pair : foreign) {
    const std::string host = pair.first;  // clang 14 captures no structured binding
    const std::string origin = pair.second;
    CAPTURE(host);
    CAPTURE(origin);
    CHECK_FALSE(isOwn({{"Host", host}, {"Origin", origin}, {"X-Requested-With", "fetch"}}));
  }
  CHECK_FALSE(isOwn({{"Origin", "https://app.example"}}));
}

TEST_CASE("V22 a request that says twice where it is from is refused, whatever it says") {
  for (const char* name : {"Host", "Origin", "Sec-Fetch-Site", "host", "SEC-FETCH-SITE"}) {
    CAPTURE(name);
    Fields fields = {{"Host", "app.example"}, {"Origin", "https://app.example"}, {"Sec-Fetch-Site", "same-origin"}};
    CHECK(isOwn(fields));
    const std::string_view same = detail::equalIgnoringCase(name, "Host")     ? "app.example"
                                  : detail::equalIgnoringCase(name, "Origin") ? "https://app.example"
                                                                              : "same-origin";
    fields.emplace_back(name, same);
    CHECK_FALSE(isOwn(fields));
    CHECK_FALSE(isOwn(fields, {"https://app.example"}));
  }
}

TEST_CASE("V22 Sec-Fetch-Site decides where it is, and nothing but same-origin changes anything") {
  for (const char* site : {"none", "same-site", "cross-site", "", "Same-Origin", "same-origin, none"}) {
    CHECK_FALSE(isOwn({{"Sec-Fetch-Site", site}, {"X-Requested-With", "1"}}));
  }
  CHECK(isOwn({{"Sec-Fetch-Site", "same-origin"}}));
  CHECK(isOwn({{"X-Requested-With", "1"}}));
  CHECK_FALSE(isOwn({}));
}

TEST_CASE("V22 the site's own origins, when they are named, are the only ones") {
  const Origins origins = {"https://App.example:443", "https://b.example"};
  CHECK(isOwn({{"Host", "backend"}, {"Origin", "https://app.example"}}, origins));
  CHECK_FALSE(isOwn({{"Host", "backend"}, {"Origin", "https://backend"}}, origins));
  CHECK_FALSE(isOwn({{"Host", "app.example"}, {"Origin", "http://app.example"}}, origins));
  CHECK_FALSE(isOwn({{"Host", "app.example"}, {"Origin", "null"}}, origins));
  CHECK(isOwn({{"Origin", "http://intranet"}}, {"http://intranet"}));  // said so, and no https of it
}

TEST_CASE("V21 origins are looked at when they are named") {
  for (const char* bad : {"", "null", "*", "app.example", "https://app.example/", "https://app.example/x",
                          "https://*.example", "ftp://app.example", "https://u@app.example", "https://app.example\n"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(Origins{bad}, std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(RespondOptions{.corsOrigins = {bad}}), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(AuthOptions{.origins = {bad}}), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(ProxyOptions{.origins = {bad}}), std::invalid_argument);
  }
  CHECK_THROWS_AS((Origins{"https://app.example", "http://app.example"}), std::invalid_argument);
  CHECK_THROWS_AS((Origins{"https://app.example:8443", "http://app.example:8080"}), std::invalid_argument);
  CHECK_NOTHROW(Origins{"https://localhost", "http://localhost:8080"});
}

}  // namespace web_origin_test
