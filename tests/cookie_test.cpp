#include "support/support.hpp"

#include <array>
#include <chrono>
#include <cstdlib>
#include <random>
#include <time.h>

namespace cookie_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;

namespace {

using Pairs = std::vector<CookiePair>;

// A second reading of the rules, one character at a time.
Pairs slowParse(std::string_view header) {
  Pairs pairs;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= header.size(); ++i) {
    if (i < header.size() && header[i] != ';') continue;
    const std::string_view part = header.substr(begin, i - begin);
    begin = i + 1;
    std::size_t equals = 0;
    while (equals < part.size() && part[equals] != '=') ++equals;
    if (equals == part.size()) continue;
    const auto trimmed = [](std::string_view text) {
      while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
      while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
      return text;
    };
    if (!trimmed(part.substr(0, equals)).empty()) {
      pairs.push_back({trimmed(part.substr(0, equals)), trimmed(part.substr(equals + 1))});
    }
  }
  return pairs;
}

std::string set(std::string_view name, std::string_view value, const CookieOptions& options = {}) {
  return serializeCookie(name, value, options).value();
}

}  // namespace

TEST_CASE("a Cookie header: order, duplicates, trimming") {
  CHECK(parseCookies("a=1; b=2;c=3") == Pairs{{"a", "1"}, {"b", "2"}, {"c", "3"}});
  CHECK(parseCookies(" \ta = 1 ; a=2; a=") == Pairs{{"a", "1"}, {"a", "2"}, {"a", ""}});
  CHECK(parseCookies("a=b=c; d==") == Pairs{{"a", "b=c"}, {"d", "="}});
  CHECK(parseCookies("").empty());
  CHECK(parseCookies(";;; ;").empty());
}

TEST_CASE(
    "percent, quotes, $Version and commas are ordinary characters (C04 percent, C05 phantom-version, C20 comma)") {
  CHECK(parseCookies("a=%3B%20b%3D1%0d%0a; %5F%5FHost-x=1") ==
        Pairs{{"a", "%3B%20b%3D1%0d%0a"}, {"%5F%5FHost-x", "1"}});
  CHECK(parseCookies("$Version=1; ij=\"a; b=c\"") == Pairs{{"$Version", "1"}, {"ij", "\"a"}, {"b", "c\""}});
  CHECK(parseCookies("a=1, ij=x") == Pairs{{"a", "1, ij=x"}});
}

TEST_CASE(
    "only spaces and tabs are trimmed (C06 unicode-ws), and what has no name or no `=` is skipped (C07 nameless, C19 "
    "huge-name)") {
  for (const char* space : {"\u2000", "\u00a0", "\u0085", "\v", "\f", "\r", "\n"}) {
    const std::string header = std::string(space) + "ij=x";
    const auto pairs = parseCookies(header);
    REQUIRE(pairs.size() == 1);
    CHECK(pairs[0].name != "ij");
  }
  CHECK(parseCookies("=__Host-ij=evil; __Host-ij; =; ij") == Pairs{});
  CHECK(parseCookies(std::string(8192, 'n')).empty());
}

TEST_CASE("any bytes parse as a second reading of the rules does, into views of the header (C09 ctl)") {
  std::mt19937 random(7);
  const std::string_view alphabet = "ab=; \t\"%,\0\x7f\xff\r\n$";
#ifdef NDEBUG
  constexpr int rounds = 1'000'000;
#else
  constexpr int rounds = 20'000;  // under sanitizers
#endif
  for (int round = 0; round < rounds; ++round) {
    std::string header(random() % 40, '\0');
    for (char& c : header) c = alphabet[random() % alphabet.size()];
    const auto pairs = parseCookies(header);
    REQUIRE(pairs == slowParse(header));
    for (const auto& [name, value] : pairs) {
      REQUIRE((name.data() >= header.data() && value.data() + value.size() <= header.data() + header.size()));
    }
  }
}

TEST_CASE("what is serialised parses back (C22 roundtrip)") {
  std::mt19937 random(8);
  const auto text = [&](std::string_view not_, std::size_t least) {
    std::string out;
    const std::size_t size = least + random() % 20;
    while (out.size() < size) {
      const char c = static_cast<char>('!' + random() % 94);
      if (not_.find(c) == std::string_view::npos) out.push_back(c);
    }
    return out;
  };
  for (int round = 0; round < 20'000; ++round) {
    const std::string name = text(";=", 1);
    const std::string value = text("\",;\\", 0);
    const auto cookie = serializeCookie(name, value, {.secure = true, .sameSite = SameSite::unset});
    if (!cookie) {
      REQUIRE(name.starts_with("__"));  // a prefix by chance
      continue;
    }
    REQUIRE(parseCookies(cookie->substr(0, cookie->find(';'))) == Pairs{{name, value}});
  }
}

TEST_CASE("Set-Cookie: attributes in iron-session's order, and its defaults") {
  CHECK(set("a", "b") == "a=b; Path=/; HttpOnly; Secure; SameSite=Lax");
  CHECK(set("a", "b", {.path = "", .httpOnly = false, .secure = false, .sameSite = SameSite::unset}) == "a=b");
  CHECK(set("a", "b",
            {.maxAge = 90s,
             .domain = "Example.com",
             .path = "/x",
             .expires = support::at(1'893'456'000'000),
             .partitioned = true,
             .priority = CookiePriority::medium,
             .sameSite = SameSite::none}) ==
        "a=b; Max-Age=90; Domain=Example.com; Path=/x; Expires=Tue, 01 Jan 2030 00:00:00 GMT; HttpOnly; Secure; "
        "Partitioned; Priority=Medium; SameSite=None");
}

TEST_CASE("a Set-Cookie value comes apart into what it was made of") {
  std::mt19937 random(9);
  const auto some = [&](auto... values) {
    const std::array all{values...};
    return all[random() % all.size()];
  };
  for (int round = 0; round < 20'000; ++round) {
    CookieOptions options{.domain = some("", "example.com", ".a.example"),
                          .path = some("", "/", "/x y"),
                          .httpOnly = some(false, true),
                          .secure = some(false, true),
                          .partitioned = some(false, true),
                          .priority = some(CookiePriority::unset, CookiePriority::low, CookiePriority::high),
                          .sameSite = some(SameSite::unset, SameSite::lax, SameSite::strict, SameSite::none)};
    if (some(false, true)) options.maxAge = std::chrono::seconds(some(-1, 0, 1, 2'147'483'647));
    if (some(false, true)) options.expires = support::at(some(0, 1, 1'893'456'000) * std::int64_t{1000});
    const auto line = serializeCookie("n", some("", "v", "a=b=c"), options);
    if (!line) continue;
    const auto parts = parseSetCookie(*line);
    REQUIRE(parts);
    REQUIRE(parts->options == options);
    REQUIRE(serializeCookie(parts->name, parts->value, parts->options).value() == *line);
  }
  const auto parts = parseSetCookie(" a = b c ;max-age=5; ;SECURE ; Path=/y;path=/x; samesite=STRICT;");
  CHECK(parts.value() ==
        SetCookie{
            "a", "b c", {.maxAge = 5s, .path = "/x", .httpOnly = false, .secure = true, .sameSite = SameSite::strict}});
}

TEST_CASE("of a Set-Cookie value nothing is lost unsaid") {
  for (const char* line :
       {"", ";", "a", "=b", "; Path=/", "a=b; Max-Age=", "a=b; Max-Age=1x", "a=b; Max-Age=1e3",
        "a=b; Max-Age=99999999999999999999", "a=b; Expires=soon", "a=b; Priority=", "a=b; SameSite",
        "a=b; SameSite=Maybe", "a=b\r\nX: y; Path=/", "a=b; Path=/\r\nX: y", "a=\x7f", "a=b; Domain=x\ny"}) {
    CAPTURE(line);
    CHECK(errorOf(parseSetCookie(line)) == Errc::malformed);
  }
  CHECK(errorOf(parseSetCookie("a=b; Version=1")) == Errc::unsupported);
  CHECK(errorOf(parseSetCookie("a=b; =x")) == Errc::unsupported);
}

TEST_CASE("pairs make the header that they came from; what no header has brought makes none") {
  std::mt19937 random(10);
  for (int round = 0; round < 20'000; ++round) {
    std::string header;
    const std::size_t size = random() % 40;
    while (header.size() < size) header.push_back("ab=;, \t\"\r\n"[random() % 10]);
    const auto pairs = parseCookies(header);
    REQUIRE(parseCookies(joinCookies(pairs)) == pairs);
  }
  const std::vector<CookiePair> made = {{"theme", "dark; session=theirs"},
                                        {"a;session", "theirs"},
                                        {"", "x"},
                                        {"b=c", "d"},
                                        {" e", "f"},
                                        {"g", "h "},
                                        {"i", "j"},
                                        {"i", ""},
                                        {"k", "l=m"}};
  CHECK(joinCookies(made) == "i=j; i=; k=l=m");
  CHECK(joinCookies({}).empty());
}

TEST_CASE("what would break out of a cookie is refused (C09 ctl, C10 inject-attr)") {
  for (int c = 0; c < 256; ++c) {
    const std::string text = std::string("a") + static_cast<char>(c) + "b";
    const bool visible = c > ' ' && c < 0x7f;
    CHECK(serializeCookie(text, "v").has_value() == (visible && c != ';' && c != '='));
    CHECK(serializeCookie("n", text).has_value() == (visible && c != '"' && c != ',' && c != ';' && c != '\\'));
    CHECK(serializeCookie("n", "v", {.path = "/" + text}).has_value() == (c >= ' ' && c < 0x7f && c != ';'));
  }
  for (std::size_t before = 0; before < 20; ++before) {
    for (std::size_t after = 0; after < 20; ++after) {
      for (const char* bad : {" ", "\"", ",", ";", "\\", "\x7f", "\x80", "\xff", "\r", "\x1f"}) {
        REQUIRE_FALSE(serializeCookie("n", std::string(before, 'a') + bad + std::string(after, 'b')));
      }
      REQUIRE(serializeCookie("n", std::string(before, '~') + "!" + std::string(after, '#')));
    }
  }
  CHECK(errorOf(serializeCookie("", "v")) == Errc::malformed);
  CHECK(errorOf(serializeCookie("a", "b\r\nSet-Cookie: c=d")) == Errc::malformed);
  CHECK(errorOf(serializeCookie("a", "b; Domain=evil.example")) == Errc::malformed);
  for (const char* domain :
       {"a b", "a;b", "-a.example", "a-.example", "a..b", ".", "a.", "ex_ample", "a\r\n", "é.example"}) {
    CAPTURE(domain);
    CHECK(errorOf(serializeCookie("a", "b", {.domain = domain})) == Errc::malformed);
  }
  CHECK(serializeCookie("a", "b", {.domain = ".example.com"}));
  CHECK_FALSE(serializeCookie("a", "b", {.domain = std::string(64, 'a') + ".example"}));
}

TEST_CASE("prefixes are promises, in any case (C11 host-rules)") {
  const auto refuses = [](const char* name, const CookieOptions& options) {
    CAPTURE(name);
    CHECK(errorOf(serializeCookie(name, "v", options)) == Errc::malformed);
  };
  for (const char* name : {"__Host-a", "__HOST-a", "__host-a"}) {
    refuses(name, {.secure = false});
    refuses(name, {.domain = "example.com"});
    refuses(name, {.path = "/x"});
    refuses(name, {.path = ""});
    CHECK(serializeCookie(name, "v", {.httpOnly = false}));
  }
  refuses("__Secure-a", {.secure = false});
  refuses("__Http-a", {.httpOnly = false});
  refuses("__Host-Http-a", {.httpOnly = false});
  refuses("a", {.secure = false, .sameSite = SameSite::none});
  refuses("a", {.secure = false, .partitioned = true});
  CHECK(serializeCookie("__Secure-a", "v", {.domain = "example.com", .path = "/x"}));
}

TEST_CASE("dates are written the same in every locale and time zone (C15 date)") {
  ::setenv("TZ", "Asia/Tokyo", 1);
  ::setenv("LC_ALL", "de_DE.UTF-8", 1);
  ::tzset();
  const auto expires = [](std::int64_t milliseconds) {
    const std::string cookie = set("a", "", {.expires = support::at(milliseconds)});
    const std::size_t begin = cookie.find("Expires=") + 8;
    return cookie.substr(begin, cookie.find(';', begin) - begin);
  };
  CHECK(expires(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(expires(-1) == "Wed, 31 Dec 1969 23:59:59 GMT");
  CHECK(expires(2'147'483'647'000) == "Tue, 19 Jan 2038 03:14:07 GMT");
  CHECK(expires(1'709'210'096'789) == "Thu, 29 Feb 2024 12:34:56 GMT");
  CHECK(expires(9'214'646'400'000) == "Wed, 01 Jan 2262 00:00:00 GMT");
  // The clock's own ends: a day's beginning before the first is no time that it could hold.
  CHECK(set("a", "", {.expires = TimePoint::min()}).find("Expires=Tue, 21 Sep 1677 00:12:43 GMT") != std::string::npos);
  CHECK(set("a", "", {.expires = TimePoint::max()}).find("Expires=Fri, 11 Apr 2262 23:47:16 GMT") != std::string::npos);
}

}  // namespace cookie_test
