// What performFetch tells the transport about the connection, and what it takes off the caller's request for it.
#include "support/support.hpp"

#include <ironjar/ironjar.hpp>

namespace fetch_connection_test {

using namespace ironjar;

namespace {

const char* const url = "https://api.example/";

struct Api {
  std::shared_ptr<Request> seen = std::make_shared<Request>();
  Fetcher fetcher{{.transport = [seen = seen](const Request& request, Deadline) -> Result<Response> {
                     *seen = request;
                     return Response{.status = 200};
                   },
                   .allowedOrigins = {"https://api.example"},
                   .tokenEndpoint = {.url = "https://id.example/token", .clientAuth = publicClient("web")}}};
  SessionJar jar{{.cookieName = "session", .passwords = support::password}};

  Request fetch(Session session, Request request = {.url = url}) const {
    REQUIRE(fetcher.performFetch(session, std::move(request)));
    return *seen;
  }
  Session login(const TokenSet& tokens) const {
    Session session = jar.open("");
    session.setTokens(tokens);
    return session;
  }
  std::string groupOf(const Session& session) const { return fetch(session).connectionGroup; }
};

}  // namespace

TEST_CASE("V02 connections are grouped by session and tokens, whatever the caller says") {
  const Api api;
  const Session ada = api.login({.accessToken = "ada"});
  const std::string group = api.groupOf(ada);
  CHECK(group.size() == 16);
  CHECK(api.groupOf(ada) == group);
  CHECK(api.fetch(ada, {.url = url, .connectionGroup = "bob"}).connectionGroup == group);
  CHECK(api.groupOf(api.login({.accessToken = "bob"})) != group);
  CHECK(api.groupOf(api.login({.accessToken = "ada"})) != group);  // another session
  Session planted = ada;  // one session id, and two users who signed in with it
  planted.setTokens({.accessToken = "bob"});
  CHECK(planted.id() == ada.id());
  CHECK(api.groupOf(planted) != group);
  Session byCookie = ada;  // the API may know its users by the tokens' cookies
  byCookie.setTokens({.accessToken = "ada", .cookies = "sso=1"});
  CHECK(api.groupOf(byCookie) != group);
  CHECK(api.groupOf(api.jar.open("")).empty());
  CHECK(api.fetch(api.jar.open(""), {.url = url, .connectionGroup = "bob"}).connectionGroup.empty());
}

TEST_CASE("V36 the caller's framing fields do not reach the transport, in any spelling or number") {
  const Api api;
  Headers headers;
  for (const char* name :
       {"Content-Length", "content-LENGTH", "Transfer-Encoding", "Host", "HOST", "Connection", "Keep-Alive",
        "Proxy-Connection", "TE", "te", "Trailer", "Upgrade", "Expect", "Authorization", "Cookie"}) {
    headers.emplace_back(name, "3");
    headers.emplace_back(name, "4");
  }
  headers.emplace_back("X-Own", "1");
  const Session session = api.login({.accessToken = "ada"});
  const Headers expected = {{"X-Own", "1"}, {"Authorization", "Bearer ada"}};
  CHECK(api.fetch(session, {.method = "POST", .url = url, .headers = headers, .body = "12345678"}).headers == expected);
  const auto openBody = [] { return BodyReader([]() -> Result<std::string> { return std::string(); }); };
  CHECK(api.fetch(session, {.method = "POST", .url = url, .headers = headers, .openBody = openBody}).headers ==
        expected);
}

TEST_CASE("V36 a token endpoint's headers may not frame its requests") {
  for (const char* name : {"Content-Length", "transfer-encoding", "HOST", "Connection", "Expect", "TE", "Trailer",
                           "Upgrade", "Keep-Alive", "Proxy-Connection"}) {
    FetchOptions options{.transport = [](const Request&, Deadline) -> Result<Response> { return Response{}; },
                         .allowedOrigins = {"https://api.example"},
                         .tokenEndpoint = {.url = "https://id.example/token",
                                           .clientAuth = publicClient("web"),
                                           .headers = {{"X-Own", "1"}, {name, "3"}}}};
    CHECK_THROWS_AS(Fetcher{options}, std::invalid_argument);
    options.tokenEndpoint.headers.pop_back();
    CHECK_NOTHROW(Fetcher{options});
  }
}

}  // namespace fetch_connection_test
