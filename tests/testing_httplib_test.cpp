// The test kit over HTTP, called through ironjar's own transport.
#include "support/server.hpp"
#include "support/support.hpp"

#include <thread>

#include <ironjar/httplib.hpp>
#include <ironjar/testing/httplib.hpp>

namespace testing_httplib_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::Running;
using testing::Api;
using testing::Drop;
using testing::Provider;

namespace {

Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

// Both on real servers, and a client of theirs.
struct World {
  World() {
    testing::mount(identity.server, provider);
    testing::mount(items.server, api);
    identity.start();
    items.start();
  }
  ~World() { provider.release(); }

  TokenEndpoint endpoint() const {
    return {.url = identity.origin() + "/token", .clientAuth = basicAuth("web", "secret"), .allowHttpOnLoopback = true};
  }
  Result<Response> ask(const TokenSet& tokens, Deadline deadline = in(30s)) {
    return transport(refreshRequest(endpoint(), tokens), deadline);
  }

  Provider provider{{.client = basicAuth("web", "secret"), .randomTokens = true}};
  Api api{provider};
  Running<> identity;
  Running<> items;
  Transport transport = httplibTransport();
};

}  // namespace

TEST_CASE("a login, a call, an expired token, a refresh, all over HTTP") {
  World world;
  const auto redirect =
      world.transport({.url = world.identity.origin() +
                              "/authorize?response_type=code&client_id=web&redirect_uri=http%3A%2F%2Fapp%2F&state=s"},
                      in(30s));
  REQUIRE(redirect->status == 302);
  const std::string location(findHeader(redirect->headers, "Location").value());
  CHECK(location.starts_with("http://app/?code=code-"));
  CHECK(location.ends_with("&state=s&iss=https%3A%2F%2Fid.example"));
  const std::string code = location.substr(17, location.find('&') - 17);
  const auto tokens =
      requestTokens(world.transport, world.endpoint(),
                    {{"grant_type", "authorization_code"}, {"code", code}, {"redirect_uri", "http://app/"}});
  REQUIRE(tokens);

  const Fetcher fetcher({.transport = world.transport,
                         .allowedOrigins = {world.items.origin()},
                         .allowHttpOnLoopback = true,
                         .tokenEndpoint = world.endpoint()});
  Session session;
  session.setTokens(*tokens);
  world.provider.expireAccessTokens();
  const Request post{.method = "POST",
                     .url = world.items.origin() + "/a/b?c=d%20e",
                     .headers = {{"X-A", "1"}},
                     .body = std::string("a\0b", 3) + std::string(10'000, 'x')};
  const auto response = fetcher.performFetch(session, post);
  CHECK(response->status == 200);
  CHECK(response->body == "ada");
  CHECK(response->trace.attempts == 2);
  CHECK(world.provider.counts().refreshes == 1);
  const auto seen = world.api.seen();
  REQUIRE(seen.size() == 2);
  for (const Request& request : seen) {
    CHECK(request.method == "POST");
    CHECK(request.url == "https://api.example/a/b?c=d%20e");
    CHECK(request.body == post.body);
    CHECK(findHeader(request.headers, "X-A") == "1");
    CHECK_FALSE(findHeader(request.headers, "REMOTE_ADDR"));
  }

  const auto stats = world.transport({.url = world.identity.origin() + "/stats"}, in(30s));
  CHECK(findHeader(stats->headers, "Content-Type") == "application/json");
  CHECK(Json::parse(stats->body)["refreshes"] == 1);
}

TEST_CASE("every method reaches the API, with its cookies and its status on the way back") {
  World world;
  world.api.behave({.status = 201, .cookies = {"a=1", "b=2"}});
  const std::string token = world.provider.login().accessToken;
  for (const std::string method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    CAPTURE(method);
    const auto response = world.transport(
        {.method = method, .url = world.items.origin() + "/x", .headers = {{"Authorization", "Bearer " + token}}},
        in(30s));
    REQUIRE(response);
    CHECK(response->status == 201);
    CHECK(std::count_if(response->headers.begin(), response->headers.end(),
                        [](const auto& header) { return header.first == "Set-Cookie"; }) == 2);
    CHECK(world.api.seen().back().method == method);
  }
}

TEST_CASE("a status without a body leaves the connection usable") {
  World world;
  const Headers headers = {{"Authorization", "Bearer " + world.provider.login().accessToken}};
  for (const int status : {204, 200, 304, 200}) {
    world.api.behave({.status = status});
    const auto response = world.transport({.url = world.items.origin(), .headers = headers}, in(30s));
    REQUIRE(response);
    CHECK(response->status == status);
    CHECK(response->body == (status == 200 ? "user-1" : ""));
  }
}

TEST_CASE("what is dropped breaks the connection, before or after the books are made up") {
  World world;
  const TokenSet tokens = world.provider.login();
  world.provider.behave({.dropBeforeCommit = {.times = 1}, .dropAfterCommit = {.times = 1}});
  CHECK(errorOf(world.ask(tokens)) == Errc::transport);
  CHECK(world.provider.counts().refreshes == 0);
  CHECK(errorOf(world.ask(tokens)) == Errc::transport);
  CHECK(world.provider.counts().refreshes == 1);
  CHECK(world.ask(tokens)->status == 400);
  CHECK(world.provider.counts().reuses == 1);
}

TEST_CASE("a call that hangs or is held ends at the client's deadline, and its thread when released") {
  World world;
  const TokenSet tokens = world.provider.login();
  world.provider.hold();
  CHECK(errorOf(world.ask(tokens, in(2s))) == Errc::timeout);
  world.provider.behave({.dropBeforeCommit = {.times = 1, .how = Drop::How::hang}});
  world.provider.release();  // what was held goes on, and hangs
  const auto hangs = [&] { return world.provider.behaviour().dropBeforeCommit.times == 0; };
  for (const auto end = in(30s); !hangs() && std::chrono::steady_clock::now() < end;) std::this_thread::yield();
  REQUIRE(hangs());
  world.provider.release();
  CHECK(world.ask(tokens)->status == 200);
}

TEST_CASE("patience ends what nobody releases") {
  Provider provider;
  Running<> identity;
  testing::mount(identity.server, provider, Seconds{0});
  identity.start();
  provider.hold();
  const Request request = refreshRequest({.url = identity.origin() + "/token"}, provider.login());
  CHECK(errorOf(httplibTransport()(request, in(30s))) == Errc::transport);
  CHECK(provider.counts().refreshes == 0);
}

}  // namespace testing_httplib_test
