// Cookies that the API and the token endpoint set for us.
#include "http/upstream_cookies.hpp"

#include "support/support.hpp"

#include <mutex>

namespace upstream_cookies_test {

using namespace ironjar;

namespace {

// Answers from a list, and the requests that they answered.
struct Script {
  Transport transport() {
    return [this](const Request& request, Deadline) -> Result<Response> {
      seen.push_back(request);
      if (answers.empty()) return fail(Errc::transport);
      Response answer = answers.front();
      answers.erase(answers.begin());
      return answer;
    };
  }
  std::string cookieAt(std::size_t call) const {
    return std::string(findHeader(seen.at(call).headers, "Cookie").value_or(""));
  }
  std::vector<Response> answers;
  std::vector<Request> seen;
};

Response tokens(const std::string& n, Headers headers = {}) {
  return {.status = 200,
          .headers = std::move(headers),
          .body = R"({"access_token":"at-)" + n + R"(","refresh_token":"rt-)" + n + R"("})"};
}

FetchOptions options(Script& script) {
  return {.transport = script.transport(),
          .allowedOrigins = {"https://api.example"},
          .tokenEndpoint = {.url = "https://id.example/token",
                            .clientAuth = publicClient("web"),
                            .cookies = {"sso_session", "node"}},
          .cookies = {"challenge"}};
}

const Request items{.url = "https://api.example/items", .headers = {{"Cookie", "sid=the-browser's"}}};

}  // namespace

TEST_CASE("cookies of the token endpoint travel on the retry and ever after; those of a 401 on the retry") {
  Script script;
  script.answers = {
      Response{.status = 401, .headers = {{"Set-Cookie", "challenge=c1; Path=/; HttpOnly"}, {"Set-Cookie", "x=1"}}},
      tokens("2", {{"set-cookie", "sso_session=s1; Domain=.example; Secure"}, {"Set-Cookie", "y=1"}}),
      Response{.status = 200, .headers = {{"Set-Cookie", "z=1"}}}, Response{.status = 200}};
  const Fetcher fetcher(options(script));
  Session session;
  session.setTokens({.accessToken = "at-1", .refreshToken = "rt-1"});
  const auto response = fetcher.performFetch(session, items);
  CHECK(response->status == 200);
  REQUIRE(script.seen.size() == 3);
  CHECK(script.cookieAt(0) == "");
  CHECK(script.cookieAt(2) == "sso_session=s1; challenge=c1");
  CHECK(findHeader(response->headers, "Set-Cookie") == "z=1");
  CHECK(fetcher.performFetch(session, items)->status == 200);
  CHECK(script.cookieAt(3) == "sso_session=s1");
  CHECK(session.get<std::string>("accessTokenCookies") == "sso_session=s1");
}

TEST_CASE("the next refresh changes, keeps and deletes them by name") {
  Script script;
  script.answers = {tokens("2", {{"Set-Cookie", "sso_session=s1"}, {"Set-Cookie", "node=n1"}}),
                    tokens("3", {{"Set-Cookie", "sso_session=s2"}}), tokens("4"),
                    tokens("5", {{"Set-Cookie", "node=gone; max-age=0"}}),
                    tokens("6", {{"Set-Cookie", "sso_session="}})};
  const Fetcher fetcher(options(script));
  Session session;
  session.setTokens({.accessToken = "at-1", .refreshToken = "rt-1"});
  for (const char* cookies :
       {"sso_session=s1; node=n1", "node=n1; sso_session=s2", "node=n1; sso_session=s2", "sso_session=s2", ""}) {
    CAPTURE(cookies);
    REQUIRE(fetcher.refresh(session));
    CHECK(session.tokens()->cookies == cookies);
  }
  CHECK_FALSE(session.contains("accessTokenCookies"));
}

TEST_CASE("a cookie that both the token endpoint and the API may set is refused at start-up") {
  Script script;
  FetchOptions both = options(script);
  both.cookies = {"sso_session"};
  CHECK_THROWS_AS(Fetcher{both}, std::invalid_argument);
}

TEST_CASE("the cookies of a login come with its first tokens") {
  Script script;
  script.answers = {tokens("1", {{"Set-Cookie", "sso_session=s1"}})};
  const auto login =
      requestTokens(script.transport(), options(script).tokenEndpoint, {{"grant_type", "authorization_code"}});
  CHECK(login->cookies == "sso_session=s1");
}

TEST_CASE("a callback that says nothing of cookies keeps them") {
  Script script;
  FetchOptions changed = options(script);
  changed.refresh = {"a provider of our own", [](const TokenSet&, Deadline) {
                       return Result<TokenSet>(TokenSet{.accessToken = "at-2", .refreshToken = "rt-2"});
                     }};
  const Fetcher fetcher(changed);
  Session session;
  session.setTokens({.accessToken = "at-1", .refreshToken = "rt-1", .cookies = "sso_session=s1"});
  REQUIRE(fetcher.refresh(session));
  CHECK(session.tokens()->cookies == "sso_session=s1");
}

TEST_CASE("hostile Set-Cookie fields: nothing but a named pair gets in") {
  const std::vector<std::string> names = {"a", "b"};
  const auto after = [&](const std::string& line, std::string_view held = "a=1") {
    return detail::withCookiesOf(Response{.headers = {{"Set-Cookie", line}}}, names, held);
  };
  const std::vector<std::string> hostile = {"",     "=",     "=a",          "a",        ";a=2",       "c=1",    "A=2",
                                            "aa=2", "a=\1x", "a=2\r\nX: y", "x=1; a=2", "__Host-a=3", "a\x7f=2"};
  for (const std::string& line : hostile) {
    CAPTURE(line);
    CHECK(after(line) == "a=1");
  }
  CHECK(after("a=2; Path=/; b=3") == "a=2");
  CHECK(after(" a = 2 ") == "a=2");
  CHECK(after("b=2=3") == "a=1; b=2=3");
  CHECK(after("a=2; Max-Age=-1") == "");
  CHECK(after("a=2; Max-Age=10") == "a=2");
  CHECK(detail::withCookiesOf(Response{.headers = {{"Set-Cookie", "a=2"}}}, {}, "a=1") == "a=1");
  CHECK(detail::joinedCookies("a=1; b=2", "b=3; c=4") == "a=1; b=3; c=4");
  CHECK(detail::joinedCookies("", "") == "");
}

TEST_CASE("cookies that a session holds and no header could carry do not travel") {
  Script script;
  script.answers = {Response{.status = 200}};
  const Fetcher fetcher(options(script));
  Session session;
  session.setTokens({.accessToken = "at-1", .refreshToken = "rt-1", .cookies = "a=1\r\nX: y"});
  CHECK(fetcher.performFetch(session, items)->status == 200);
  CHECK(script.cookieAt(0) == "");
}

}  // namespace upstream_cookies_test
