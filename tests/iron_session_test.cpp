// The recorded behaviour of iron-session 9 (8 where they agree), reproduced with Fe26.2 cookies.
#include "support/support.hpp"

#include <algorithm>

namespace iron_session_test {

using namespace ironjar;
using support::errorOf;
using support::vectors;
using testing::VirtualClock;

namespace {

SessionOptions ironOptions() {
  return {.cookieName = "sid",
          .passwords = support::password,
          .seal = {.formats = {SealFormat::fe26}, .now = VirtualClock(support::at(1'795'000'000'000)).wall()},
          .maxCookieHeader = 4 * 4096};
}

std::string nameOf(const std::string& cookie) { return cookie.substr(0, cookie.find('=')); }
std::string valueOf(const std::string& cookie) {
  return cookie.substr(cookie.find('=') + 1, cookie.find(';') - cookie.find('=') - 1);
}
std::string attributesOf(const std::string& cookie) { return cookie.substr(cookie.find(';')); }

// What a browser would send back after these Set-Cookie values.
std::string cookieHeaderOf(const std::vector<std::string>& cookies) {
  std::string header;
  for (const std::string& cookie : cookies) {
    if (cookie.find("; Max-Age=0;") == std::string::npos) header += nameOf(cookie) + "=" + valueOf(cookie) + "; ";
  }
  return header;
}

void applyCookieOptions(SessionOptions& options, const Json& recorded) {
  CookieOptions& cookie = options.cookie;
  for (const auto& [key, value] : recorded.items()) {
    const bool isUndefined = value == "(undefined)";
    if (key == "maxAge" && isUndefined) options.untilBrowserCloses = true;
    if (key == "maxAge" && !isUndefined) cookie.maxAge = Seconds{value.get<std::int64_t>()};
    if (key == "secure") cookie.secure = value;
    if (key == "httpOnly") cookie.httpOnly = value;
    if (key == "partitioned") cookie.partitioned = value;
    if (key == "domain") cookie.domain = value;
    if (key == "path") cookie.path = isUndefined ? "" : value.get<std::string>();
    if (key == "priority") cookie.priority = CookiePriority::high;
    if (key == "sameSite") cookie.sameSite = value == "none" ? SameSite::none : SameSite::strict;
    if (key == "expires") cookie.expires = support::at(1'893'456'000'000);
  }
}

SessionOptions optionsFrom(const Json& recorded) {
  SessionOptions options = ironOptions();
  options.cookieName = recorded.value("cookieName", "sid");
  if (recorded.contains("ttl")) options.seal.ttl = Seconds{recorded["ttl"].get<std::int64_t>()};
  applyCookieOptions(options, recorded.value("cookieOptions", Json::object()));
  if (options.untilBrowserCloses) options.seal.ttl.reset();  // iron-session drops it, a SessionJar keeps it
  return options;
}

// Refused by iron-session and impossible to write down here: enumerators instead of text, whole seconds.
bool isInexpressible(const Json& recorded) {
  const auto isFraction = [](const Json& value) { return value.is_number_float(); };
  const Json cookie = recorded.value("cookieOptions", Json::object());
  return isFraction(recorded.value("ttl", Json())) || isFraction(cookie.value("maxAge", Json())) ||
         cookie.value("sameSite", Json()) == "bogus" || cookie.value("priority", Json()) == "bogus";
}

// iron-session writes cookies that browsers drop at once; a SessionJar says so at start-up.
bool isRefusedAtStart(const SessionOptions& options) {
  const auto& maxAge = options.cookie.maxAge;
  return (maxAge && *maxAge <= Seconds{0}) || options.seal.ttl.value_or(Seconds{0}) < Seconds{0};
}

std::vector<std::string> deletionsOf(const std::string& name, const std::string& whole) {
  std::vector<std::string> all = {whole};
  for (int i = 0; i < 4; ++i) all.push_back(name + "." + std::to_string(i) + whole.substr(name.size()));
  return all;
}

}  // namespace

TEST_CASE("Set-Cookie is iron-session's, byte for byte but for the seal, for every recorded option set") {
  const Json document = vectors("iron_session_behaviour.json");
  std::size_t same = 0;
  std::size_t refused = 0;
  for (const Json& recorded : document["set_cookie"]) {
    CAPTURE(recorded["options"].dump());
    const Json& v9 = recorded["v9"];
    if (isInexpressible(recorded["options"])) {
      CHECK(v9.contains("throws"));
      continue;
    }
    const SessionOptions options = optionsFrom(recorded["options"]);
    if (isRefusedAtStart(options)) {
      CHECK_THROWS_AS(SessionJar{options}, std::invalid_argument);
      ++refused;
      continue;
    }
    if (v9.contains("throws")) {
      CHECK_THROWS_AS(SessionJar{options}, std::invalid_argument);
      continue;
    }
    const SessionJar jar(options);
    Session session = jar.open("");
    session.set("a", 1);
    const auto saved = jar.commit(session).value();
    REQUIRE(saved.size() == 1);
    const std::string seal = valueOf(saved[0]);
    const std::string name = options.cookieName;
    CHECK(name + "=<seal>" + saved[0].substr(name.size() + 1 + seal.size()) == v9["ok"]["save"].get<std::string>());
    CHECK((seal.find("**") == std::string::npos) == v9["ok"]["seal_has_expiration"].get<bool>());
    session.destroy();
    // Its deletion, and the same for the chunks that another tab may have written.
    CHECK(jar.commit(session).value() == deletionsOf(name, v9["ok"]["destroy"]));
    ++same;
  }
  CHECK(same == 29);
  CHECK(refused == 3);
}

TEST_CASE("the reading cases of iron-session, and where ironjar differs on purpose") {
  const SessionOptions options = ironOptions();
  const SessionJar jar(options);
  const auto seal = [&](const Json& data) { return sealData(data, support::password, options.seal).value(); };
  const auto expired = [&](std::string text) {  // an expiration that is no number
    const std::size_t at = text.find('*', text.find('*', 80) + 1);
    return text.insert(at + 1, "x");
  };
  std::string encoded = seal({{"a", 1}});
  for (std::size_t at = 0; (at = encoded.find('*', at)) != std::string::npos;) encoded.replace(at, 1, "%2A");

  struct Case {
    std::string header;
    Json differs = nullptr;
  };
  const std::map<std::string, Case> cases = {
      {"twice: first wins", {"sid=" + seal({{"n", "first"}}) + "; sid=" + seal({{"n", "second"}})}},
      // a decoy set from a sister domain must not log anybody out: the first that opens counts
      {"twice: first unreadable", {"sid=junk; sid=" + seal({{"n", "second"}}), {{"n", "second"}}}},
      {"in double quotes", {"sid=\"" + seal({{"a", 1}}) + "\""}},
      {"percent-encoded", {"sid=" + encoded}},
      {"junk", {"sid=junk"}},
      {"wrong prefix", {"sid=Fe26.1" + seal({{"a", 1}}).substr(6)}},
      {"bad expiration", {"sid=" + expired(seal({{"a", 1}}))}},
      {"token holding null", {"sid=" + seal(nullptr)}},
      {"token holding a field called save", {"sid=" + seal({{"save", "x"}, {"a", 1}})}},
      {"token holding __proto__", {"sid=" + seal({{"__proto__", {{"admin", true}}}, {"a", 1}})}},
  };
  const Json document = vectors("iron_session_behaviour.json");
  CHECK(document["reading"].size() == cases.size());
  for (const Json& recorded : document["reading"]) {
    const std::string name = recorded["name"];
    CAPTURE(name);
    const Case& test = cases.at(name);
    const Json data = jar.open(test.header).data();
    if (!test.differs.is_null()) {
      CHECK(data == test.differs);
      continue;
    }
    Json keys = Json::array();
    for (const auto& [key, value] : data.items()) keys.push_back(key);
    Json expected = recorded["v9"]["ok"]["keys"];
    std::sort(expected.begin(), expected.end());
    CHECK(keys == expected);
    if (!data.contains("save")) CHECK(data == recorded["v9"]["ok"]["data"]);
  }
}

TEST_CASE("the largest session is iron-session's, to the byte, and the error names the size") {
  const Json document = vectors("iron_session_behaviour.json");
  std::size_t compared = 0;
  for (const Json& recorded : document["size"]) {
    if (recorded["lib"] != "v9" || recorded["how"] != "req/res") continue;
    SessionOptions options = ironOptions();
    options.cookieName = recorded["cookieName"];
    const SessionJar jar(options);
    const auto ofSize = [&](std::size_t json) {
      Session session = jar.open("");
      session.set("d", std::string(json - 8, 'x'));
      return jar.commit(session);
    };
    const auto largest = ofSize(recorded["largest_json_bytes"]);
    REQUIRE(largest);
    CHECK(valueOf((*largest)[0]).size() == recorded["seal_length"]);
    CHECK((*largest)[0].size() == recorded["header_length"]);
    const auto tooLarge = ofSize(recorded["largest_json_bytes"].get<std::size_t>() + 1);
    REQUIRE(errorOf(tooLarge) == Errc::tooLarge);
    const std::string one = recorded["one_more"];
    const std::string size = one.substr(one.find('(') + 1, one.find(')') - one.find('(') - 1);  // "4102 bytes"
    CHECK(tooLarge.error().detail.find(size) != std::string::npos);
    ++compared;
  }
  CHECK(compared == 2);
}

TEST_CASE("chunks are written, shrunk and refused as iron-session does") {
  SessionOptions options = ironOptions();
  options.chunk = true;
  const SessionJar jar(options);
  // Its cookies, and deletions of all others of the name, whether or not the request brought them.
  const auto check = [](const std::vector<std::string>& cookies, const Json& recorded) {
    CHECK(cookies.size() == 5);
    for (std::size_t i = recorded.size(); i < cookies.size(); ++i) {
      CHECK(valueOf(cookies[i]).empty());
      CHECK(attributesOf(cookies[i]) == "; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax");
    }
    REQUIRE(cookies.size() >= recorded.size());
    for (std::size_t i = 0; i < recorded.size(); ++i) {
      CHECK(nameOf(cookies[i]) == recorded[i]["name"]);
      CHECK(valueOf(cookies[i]).size() == recorded[i]["bytes"]);
      CHECK(attributesOf(cookies[i]) ==
            "; Max-Age=" + recorded[i]["maxAge"].dump() + "; Path=/; HttpOnly; Secure; SameSite=Lax");
    }
  };
  const Json document = vectors("iron_session_behaviour.json");
  CHECK(document["chunks"].size() == 6);
  for (const Json& recorded : document["chunks"]) {
    CAPTURE(recorded["plaintext_chars"].dump());
    Session session = jar.open("");
    session.set("d", std::string(recorded["plaintext_chars"].get<std::size_t>(), 'x'));
    const auto wrote = jar.commit(session);
    if (recorded.contains("throws")) {
      CHECK(errorOf(wrote) == Errc::tooLarge);
      continue;
    }
    check(*wrote, recorded["ok"]["wrote"]);
    Session back = jar.open(cookieHeaderOf(*wrote));
    CHECK(back.get<std::string>("d")->size() == recorded["ok"]["readBack"]);
    back.set("d", "small");
    const auto shrink = jar.commit(back).value();
    check(shrink, recorded["ok"]["shrink"]);
    CHECK(jar.open(cookieHeaderOf(shrink)).get<std::string>("d") == recorded["ok"]["afterShrink"].get<std::string>());
  }
}

}  // namespace iron_session_test
