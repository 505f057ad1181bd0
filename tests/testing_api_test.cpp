// The test kit's API: each knob does what it says.
#include "support/support.hpp"

#include <thread>

#include <ironjar/testing/api.hpp>

namespace testing_api_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using testing::Api;
using testing::Provider;
using testing::VirtualClock;

namespace {

Deadline soon() { return std::chrono::steady_clock::now() + 30s; }

Request with(const std::string& accessToken, Headers headers = {}) {
  headers.emplace_back("Authorization", "Bearer " + accessToken);
  return {.method = "POST", .url = "https://api.example/items", .headers = std::move(headers), .body = "x"};
}

std::vector<std::string> cookiesOf(const Response& response) {
  std::vector<std::string> cookies;
  for (const auto& [name, value] : response.headers) {
    if (name == "Set-Cookie") cookies.push_back(value);
  }
  return cookies;
}

}  // namespace

TEST_CASE("the API accepts the provider's access tokens while they are good") {
  const VirtualClock clock;
  Provider provider({.clock = clock});
  Api api(provider);
  const TokenSet tokens = provider.login("ada");
  const auto response = api.handle(with(tokens.accessToken), soon());
  CHECK(response->status == 200);
  CHECK(response->body == "ada");
  CHECK(api.handle({.url = "/", .headers = {{"authorization", "bearer " + tokens.accessToken}}}, soon())->status ==
        200);
  const std::vector<std::string> others = {
      "", "Bearer", "Bearer ", "Basic " + tokens.accessToken, tokens.accessToken, "Bearer at-9"};
  for (const std::string& value : others) {
    CAPTURE(value);
    CHECK(api.handle({.url = "/", .headers = {{"Authorization", value}}}, soon())->status == 401);
  }
  CHECK(api.handle({.url = "/"}, soon())->status == 401);
  clock.advance(3600s);
  CHECK(api.handle(with(tokens.accessToken), soon())->status == 401);
  CHECK(api.counts().calls == 10);
  CHECK(api.counts().accepted == 2);
  CHECK(api.counts().refused == 8);
}

TEST_CASE("status, headers and cookies of an answer and of a 401") {
  Provider provider;
  Api api(provider, {},
          {.status = 302,
           .headers = {{"Location", "/x"}},
           .challenge = {{"WWW-Authenticate", "Bearer"}},
           .cookies = {"y=1", "z=1"},
           .cookiesOn401 = {"x=1"}});
  const TokenSet tokens = provider.login();
  const auto accepted = api.handle(with(tokens.accessToken), soon());
  CHECK(accepted->status == 302);
  CHECK(findHeader(accepted->headers, "Location") == "/x");
  CHECK_FALSE(findHeader(accepted->headers, "WWW-Authenticate"));
  CHECK(cookiesOf(*accepted) == std::vector<std::string>{"y=1", "z=1"});
  const auto refused = api.handle(with("spent"), soon());
  CHECK(refused->status == 401);
  CHECK(findHeader(refused->headers, "WWW-Authenticate") == "Bearer");
  CHECK(cookiesOf(*refused) == std::vector<std::string>{"x=1"});
  api.behave({.always401 = true});
  CHECK(api.behaviour().always401);
  CHECK(api.handle(with(tokens.accessToken), soon())->status == 401);
}

TEST_CASE("an answer of one's own, for the user and the request") {
  Provider provider;
  Api api(provider, {.answer = [](const Request& request, const std::string& user) -> Response {
            if (request.url.ends_with("/items")) return {.body = user + "'s"};
            return {.status = 404};
          }});
  const TokenSet tokens = provider.login("ada");
  api.behave({.status = 201});
  const auto found = api.handle(with(tokens.accessToken), soon());
  CHECK(found->status == 201);
  CHECK(found->body == "ada's");
  Request other = with(tokens.accessToken);
  other.url = "https://api.example/other";
  CHECK(api.handle(other, soon())->status == 404);
}

TEST_CASE("what a refused request has done, and what an Idempotency-Key does not do twice") {
  Provider provider;
  Api api(provider);
  const TokenSet tokens = provider.login();
  const auto send = [&](const std::string& accessToken, const Headers& headers = {}) {
    REQUIRE(api.handle(with(accessToken, headers), soon()));
  };
  send("spent");
  CHECK(api.counts().processed == 0);
  api.behave({.processesBefore401 = true});
  send("spent");
  send(tokens.accessToken);
  CHECK(api.counts().processed == 2);
  send("spent", {{"Idempotency-Key", "k"}});
  send(tokens.accessToken, {{"idempotency-key", "k"}});
  send(tokens.accessToken, {{"Idempotency-Key", "other"}});
  CHECK(api.counts().processed == 4);
}

TEST_CASE("the newest requests are there as they came") {
  Provider provider;
  Api api(provider, {.keepRequests = 2});
  for (const char* path : {"/1", "/2", "/3"}) {
    REQUIRE(api.handle({.method = "PUT", .url = std::string("https://api.example") + path, .body = path}, soon()));
  }
  const auto seen = api.seen();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].method == "PUT");
  CHECK(seen[0].url == "https://api.example/2");
  CHECK(seen[1].body == "/3");
}

TEST_CASE("a call that waits is judged by the token's state when it goes on") {
  const VirtualClock clock;
  Provider provider({.clock = clock});
  const TokenSet tokens = provider.login();
  for (const bool held : {true, false}) {
    Api api(provider);
    if (held) api.hold();
    if (!held) api.behave({.latency = 4000s});
    std::optional<int> status;
    std::thread caller([&] { status = api.handle(with(provider.login().accessToken), soon())->status; });
    api.waitForCalls(1);
    provider.expireAccessTokens();
    if (!held) clock.advance(4000s);
    api.release();
    caller.join();
    CHECK(status == 401);
    api.hold();
    CHECK(errorOf(api.handle(with(tokens.accessToken), std::chrono::steady_clock::now())) == Errc::timeout);
  }
}

TEST_CASE("one transport for both, by origin") {
  Provider provider;
  Api api(provider);
  const Transport transport = testing::transport(provider, api);
  const std::string token = provider.login().accessToken;
  const auto status = [&](const std::string& url) {
    return transport({.url = url, .headers = {{"Authorization", "Bearer " + token}}}, soon());
  };
  for (const char* url : {"https://api.example", "https://api.example/x", "https://API.example:443/x",
                          "HTTPS://api.example?x", "https://api.example#x"}) {
    CAPTURE(url);
    CHECK(status(url)->status == 200);
  }
  CHECK(status("https://ID.example:443/token")->status == 405);
  for (const char* url : {"http://api.example/", "https://api.example.evil/", "https://api.example:444/",
                          "https://sub.api.example/", "api.example", "", "//api.example/"}) {
    CAPTURE(url);
    CHECK(errorOf(status(url)) == Errc::unreachable);
  }
  CHECK(api.counts().calls == 5);
}

}  // namespace testing_api_test
