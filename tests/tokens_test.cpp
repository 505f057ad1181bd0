#include "support/support.hpp"

namespace tokens_test {

using namespace ironjar;

TEST_CASE("tokens are kept under names that a Next.js peer sees too") {
  Session session;
  CHECK_FALSE(session.tokens());
  session.setTokens(
      {.accessToken = "at", .refreshToken = "rt", .expiresAt = support::at(1'700'000'000'123), .scope = "a b"});
  CHECK(session.data() == Json{{"accessToken", "at"},
                               {"refreshToken", "rt"},
                               {"accessTokenExpiresAt", 1'700'000'000'123},
                               {"accessTokenScope", "a b"}});
  CHECK(
      session.tokens() ==
      TokenSet{.accessToken = "at", .refreshToken = "rt", .expiresAt = support::at(1'700'000'000'123), .scope = "a b"});
  session.setTokens({.accessToken = "at2"});
  CHECK(session.data() == Json{{"accessToken", "at2"}});
  session.eraseTokens();
  CHECK(session.empty());
}

TEST_CASE("the names can be changed, for the whole jar") {
  const SessionJar jar({.cookieName = "sid",
                        .passwords = support::password,
                        .tokenNames = {.accessToken = "at", .refreshToken = "rt", .expiresAt = "exp", .scope = "scp"}});
  Session session = jar.open("");
  session.setTokens({.accessToken = "1", .refreshToken = "2"});
  CHECK(session.data() == Json{{"at", "1"}, {"rt", "2"}});
}

TEST_CASE("members of the wrong type are no tokens") {
  Session session;
  session.set("accessToken", 5);
  session.set("refreshToken", nullptr);
  CHECK_FALSE(session.tokens());
  session.set("refreshToken", "rt");
  for (const Json& expiry : {Json("soon"), Json(1e300), Json(-8.65e15), Json(nullptr), Json(Json::array())}) {
    session.set("accessTokenExpiresAt", expiry);
    CHECK_FALSE(session.tokens()->expiresAt);
  }
  session.set("accessTokenExpiresAt", std::numeric_limits<std::int64_t>::max());
  CHECK(session.tokens()->expiresAt);  // clamped, without overflow
  session.set("accessTokenExpiresAt", std::numeric_limits<std::int64_t>::min());
  CHECK(session.tokens()->expiresAt == support::at(0));
  session.set("accessTokenExpiresAt", std::numeric_limits<std::uint64_t>::max());
  CHECK(session.tokens()->expiresAt > support::at(0));
}

TEST_CASE("numbers of tokens are read as JavaScript reads them, with or without a fraction") {
  Session session;
  session.set("refreshToken", "rt");
  for (const Json& expiry : {Json(1'900'000'000'000), Json(1'900'000'000'000.0), Json(1'900'000'000'000.75)}) {
    session.set("accessTokenExpiresAt", expiry);
    CHECK(session.tokens()->expiresAt == support::at(1'900'000'000'000));
  }
  for (const Json& lifetime : {Json(300), Json(300.0), Json(300.5)}) {
    session.set("accessTokenLifetime", lifetime);
    CHECK(session.tokens()->lifetime == Seconds{300});
  }
  session.set("accessTokenLifetime", 0.5);
  CHECK_FALSE(session.tokens()->lifetime);
}

TEST_CASE("further members are an object of texts, each resource's apart; others of that name are none") {
  Session session;
  session.setTokens({.accessToken = "at", .refreshToken = "rt", .extra = {{"instance", "eu7"}}});
  CHECK(session.data()["accessTokenExtra"] == Json{{"instance", "eu7"}});
  session.setTokens({.accessToken = "mail", .refreshToken = "rt", .extra = {{"instance", "m1"}}, .resource = "mail"});
  CHECK(session.tokens("mail")->extra.at("instance") == "m1");
  session.setTokens({.accessToken = "at", .refreshToken = "rt"});
  CHECK_FALSE(session.contains("accessTokenExtra"));
  for (const Json& other : {Json("eu7"), Json(7), Json::array({"eu7"}), Json{{"instance", 7}, {"zone", nullptr}}}) {
    session.set("accessTokenExtra", other);
    CHECK(session.tokens()->extra.empty());
  }
}

}  // namespace tokens_test
