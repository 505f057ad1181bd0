#include "abi.hpp"

using abi::aTime;
using abi::Json;

namespace {

const Json options = {{"cookieName", "sid"}, {"passwords", {{"1", abi::password}}}};

Json with(Json more) {
  Json all = options;
  all.update(more);
  return all;
}

}  // namespace

TEST_CASE("a session goes into a cookie and comes out of it") {
  const abi::Jar jar = abi::jar(options);
  const abi::Session session = abi::open(jar, "");
  CHECK(abi::data(session) == Json::object());
  CHECK(abi::commit(session).empty());
  REQUIRE(abi::setData(session, R"({"user":"ada"})") == IRONJAR_OK);
  const auto cookies = abi::commit(session);
  REQUIRE(cookies.size() == 1);
  CHECK(cookies[0].ends_with("; Max-Age=1209540; Path=/; HttpOnly; Secure; SameSite=Lax"));

  const abi::Session again = abi::open(jar, "a=b; " + abi::sentBack(cookies[0]));
  CHECK(abi::data(again) == Json{{"user", "ada"}});
  CHECK(abi::info(again).at("id") == abi::info(session).at("id"));
  CHECK(abi::info(again).at("startedAt") == aTime);
  CHECK(abi::info(again).at("expiresAt") == aTime + 1'209'600'000);
  CHECK(abi::info(again).at("rejection").is_null());
  REQUIRE(abi::setData(again, R"({"user":"ada"})") == IRONJAR_OK);
  CHECK(abi::commit(again).empty());
}

TEST_CASE("a destroyed session deletes its cookie and takes nothing more") {
  const abi::Jar jar = abi::jar(options);
  const abi::Session first = abi::open(jar, "");
  REQUIRE(abi::setData(first, R"({"user":"ada"})") == IRONJAR_OK);
  const abi::Session session = abi::open(jar, abi::sentBack(abi::commit(first).at(0)));
  CHECK(ironjar_session_destroy(session.get(), nullptr) == IRONJAR_OK);
  CHECK(abi::setData(session, R"({"user":"bob"})") == IRONJAR_NOT_ALLOWED);
  CHECK(ironjar_session_replace(session.get(), aTime, nullptr) == IRONJAR_NOT_ALLOWED);
  CHECK(abi::info(session).at("destroyed") == true);
  const auto cookies = abi::commit(session);
  REQUIRE(cookies.size() == 5);
  CHECK(cookies[0] == "sid=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax");
}

TEST_CASE("a replaced session is another one, begun at the time that was passed in") {
  const abi::Jar jar = abi::jar(options);
  const abi::Session session = abi::open(jar, "");
  REQUIRE(abi::setData(session, R"({"planted":true})") == IRONJAR_OK);
  const Json before = abi::info(session);
  CHECK(ironjar_session_replace(session.get(), aTime + 5000, nullptr) == IRONJAR_OK);
  CHECK(abi::data(session).empty());
  CHECK(abi::info(session).at("id") != before.at("id"));
  CHECK(abi::info(session).at("startedAt") == aTime + 5000);
}

TEST_CASE("a cookie that is refused says why") {
  const abi::Jar jar = abi::jar(options);
  const abi::Session first = abi::open(jar, "");
  REQUIRE(abi::setData(first, R"({"user":"ada"})") == IRONJAR_OK);
  std::string cookie = abi::sentBack(abi::commit(first).at(0));
  const abi::Session late = abi::open(jar, cookie, aTime + 1'300'000'000);
  CHECK(abi::data(late).empty());
  CHECK(abi::info(late).at("rejection").at("error") == "expired");
  CHECK(abi::commit(late).empty());  // a login may have taken its place since
  cookie.back() = cookie.back() == 'A' ? 'Q' : 'A';
  const abi::Session forged = abi::open(jar, cookie);
  CHECK(abi::info(forged).at("rejection").at("error") == "tampered");
  CHECK(abi::commit(forged).empty());  // perhaps another program's: left alone
}

TEST_CASE("the options of a jar are those of the C++ SessionOptions") {
  const abi::Jar jar = abi::jar(with(Json::parse(R"({
    "seal": {"formats": ["fe26", "native"], "ttl": 3600},
    "cookie": {"domain": "example.com", "path": "/app", "expires": 4102444800000, "httpOnly": false, "secure": true,
               "partitioned": true, "priority": "high", "sameSite": "none"},
    "tokenNames": {"accessToken": "a", "refreshToken": "b", "expiresAt": "c", "scope": "d", "lifetime": "e",
                   "subject": "f", "cookies": "g", "extra": "x", "dpopKey": "i", "resources": "h"},
    "chunk": true, "maxCookieHeader": 8000})")));
  const abi::Session session = abi::open(jar, "");
  REQUIRE(abi::setData(session, R"({"user":"ada"})") == IRONJAR_OK);
  const std::string cookie = abi::commit(session).at(0);
  CHECK(cookie.starts_with("sid=Fe26.2*1*"));
  CHECK(
      cookie.ends_with("; Max-Age=3540; Domain=example.com; Path=/app; Expires=Fri, 01 Jan 2100 00:00:00 GMT; Secure; "
                       "Partitioned; Priority=High; SameSite=None"));
  REQUIRE(abi::setData(session, Json{{"blob", std::string(4000, 'x')}}.dump()) == IRONJAR_OK);
  CHECK(abi::commit(session).size() == 5);  // two, and deletions of the other names
}

TEST_CASE("a session too large for its cookie is a status, and the values of before are gone") {
  const abi::Jar jar = abi::jar(options);
  const abi::Session session = abi::open(jar, "");
  REQUIRE(abi::setData(session, R"({"n":1})") == IRONJAR_OK);
  CHECK(abi::commit(session).size() == 1);
  REQUIRE(abi::setData(session, Json{{"blob", std::string(4000, 'x')}}.dump()) == IRONJAR_OK);
  CHECK(abi::commit(session, aTime, IRONJAR_TOO_LARGE).empty());
  std::size_t size = 0;
  CHECK(ironjar_session_set_cookie(session.get(), 0, nullptr, &size, nullptr) == IRONJAR_INVALID_ARGUMENT);
}

TEST_CASE("a session's data is an object; anything else is refused and changes nothing") {
  const abi::Jar jar = abi::jar(options);
  const abi::Session session = abi::open(jar, "");
  REQUIRE(abi::setData(session, R"({"n":1})") == IRONJAR_OK);
  for (const char* json : {"[]", "null", "1", "", "{", R"({"a":1}x)", "\"\xff\""}) {
    CAPTURE(json);
    CHECK(abi::setData(session, json) == IRONJAR_MALFORMED);
  }
  CHECK(abi::data(session) == Json{{"n", 1}});
}

TEST_CASE("a jar's options are refused when they are unknown or cannot be") {
  CHECK_FALSE(abi::jar({{"passwords", abi::password}}, IRONJAR_INVALID_ARGUMENT));
  for (const Json& more :
       {Json{{"cookiename", "x"}}, Json{{"cookieName", "a b"}}, Json{{"cookieName", 1}}, Json{{"seal", {{"now", 1}}}},
        Json{{"seal", {{"passwords", "x"}}}}, Json{{"cookie", {{"sameSite", "Lax"}}}},
        Json{{"cookie", {{"maxage", 1}}}}, Json{{"cookie", {{"sameSite", "none"}, {"secure", false}}}},
        Json{{"chunk", 1}}, Json{{"maxCookieHeader", -1}}, Json{{"rolling", "yes"}}, Json{{"absoluteTtl", -1}},
        Json{{"tokenNames", {{"access", "x"}}}}, Json{{"tokenNames", {{"subject", "x"}, {"cookies", "x"}}}},
        Json{{"commitHooks", nullptr}}}) {
    CAPTURE(more.dump());
    CHECK_FALSE(abi::jar(with(more), IRONJAR_INVALID_ARGUMENT));
  }
}

TEST_CASE("a session outlives its jar") {
  abi::Jar jar = abi::jar(options);
  const abi::Session session = abi::open(jar, "");
  jar.reset();
  REQUIRE(abi::setData(session, R"({"n":1})") == IRONJAR_OK);
  CHECK(abi::commit(session).size() == 1);
}
