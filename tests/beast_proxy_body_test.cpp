// Bodies through the proxy at a Beast server: as they come, as long as they take, and cut where they were cut.
#include "support/asio.hpp"
#include "support/beast_site.hpp"
#include "support/given_body.hpp"
#include "support/raw_server.hpp"

#include <ironjar/asio/transport.hpp>
#include <ironjar/testing/transport_streams.hpp>

namespace beast_proxy_body_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::asyncFetchOptions;
using support::BeastSite;
using support::GivenBody;
using support::RawClient;
using support::Upstream;
namespace asio = boost::asio;

namespace {

// A site that passes /api on, and a visitor who is signed in there.
struct ProxySite {
  ProxySite(Upstream& upstream, const FetchOptions& options, const std::string& api = support::api,
            BeastOptions server = {})
      : proxy("/api", jar, Fetcher(options), api),
        site(
            [this](BeastRequest& request) -> asio::awaitable<BeastAnswer> { co_return co_await proxy.answer(request); },
            std::move(server)) {
    Session visitor;
    visitor.setTokens(upstream.provider.login());
    const std::string line = jar.commit(visitor)->at(0);
    site.cookie = line.substr(0, line.find(';'));
  }

  const SessionJar jar{{.cookieName = "sid", .passwords = support::password}};
  const BeastProxy proxy;
  BeastSite site;
};

}  // namespace

TEST_CASE("what an API sends without a length passes the proxy as it comes, and what is cut is passed on as cut") {
  namespace kit = ironjar::testing::detail;
  Upstream upstream;
  support::Loop loop;
  for (const std::string how : {"chunks", "cut chunks", "until it closes"}) {
    CAPTURE(how);
    const bool isChunked = how != "until it closes";
    kit::PeerSteps steps(10s);
    const kit::Peer api([&](kit::Peer::Connection& connection) {
      if (!connection.readRequest()) return;
      connection.put(isChunked ? kit::chunkedHead : "HTTP/1.1 200 OK\r\n\r\n");
      for (const std::string piece : {"first", "second"}) {
        steps.wait(piece == "first" ? 0 : 1);
        connection.put(isChunked ? chunkOf(piece) : piece);
      }
      steps.wait(2);
      if (how == "chunks") connection.put(chunkOf(""));
    });
    FetchOptions options = asyncFetchOptions(upstream);
    options.asyncTransport = [sockets = asioTransport(loop.executor()), port = api.port()](
                                 const Request& request, Deadline deadline, const std::stop_token& stop,
                                 const ResponseHandler& done) {
      const auto own = std::make_shared<Request>(request);
      own->url = "http://127.0.0.1:" + std::to_string(port) + "/";
      sockets(*own, deadline, stop, [own, done](Result<Response> response) { done(std::move(response)); });
    };
    ProxySite proxied(upstream, options);
    BeastSite& site = proxied.site;
    const RawClient client(site.port());
    client.send(BeastSite::text("GET", "/api/x", "Cookie: " + site.cookie + "\r\n"));
    std::string got = client.receiveSome(10s);
    CHECK(got.find("\r\nTransfer-Encoding: chunked\r\n") != std::string::npos);
    for (const std::string piece : {"first", "second"}) {
      steps.allow(piece == "first" ? 0 : 1);
      while (got.find(piece) == std::string::npos) {
        const std::string more = client.receiveSome(10s);
        REQUIRE(more != "");
        got += more;
      }
    }
    steps.allow(2);
    CHECK(!steps.unallowed());
    if (how == "cut chunks") {
      CHECK(client.receive(10s).find("0\r\n\r\n") == std::string::npos);
    } else {
      CHECK(client.receiveSome(10s) == "0\r\n\r\n");
    }
  }
}

TEST_CASE("the proxy streams what is too large to be held, up and down, and says what could not be sent again") {
  Upstream upstream;
  FetchOptions options = asyncFetchOptions(upstream);
  options.maxReplayBody = 1000;
  GivenBody source;
  const auto inner = options.asyncTransport;
  options.asyncTransport = [&, inner](const Request& request, Deadline deadline, std::stop_token stop,
                                      ResponseHandler done) {
    if (request.url.ends_with("/events")) {
      CHECK(request.streamsResponse);
      return done(Response{.status = 200, .asyncBodyReader = source.reader()});
    }
    inner(request, deadline, std::move(stop), std::move(done));
  };
  ProxySite proxied(upstream, options);
  BeastSite& site = proxied.site;

  CHECK(site.visit("POST", "/api/items", "X-Requested-With: x\r\n", std::string(100'000, 'x')).status == 200);
  CHECK(upstream.api.seen().back().bodySize == 100'000);
  upstream.provider.expireAccessTokens();
  const Response refused = site.visit("POST", "/api/items", "X-Requested-With: x\r\n", std::string(100'000, 'x'));
  CHECK(refused.status == 401);
  CHECK(findHeader(refused.headers, "Set-Cookie"));  // the next one goes through
  CHECK(site.visit("POST", "/api/items", "X-Requested-With: x\r\n", std::string(100'000, 'x')).status == 200);

  const RawClient client(site.port());
  client.send(BeastSite::text("GET", "/api/events", "Cookie: " + site.cookie + "\r\n"));
  CHECK(client.receiveSome(10s).starts_with("HTTP/1.1 200"));
  for (const std::string event : {"data: 1\n\n", "data: 2\n\n"}) {
    source.give(event);
    CHECK(client.receiveSome(10s).find(event) != std::string::npos);
  }
  source.give(std::string());
  CHECK(client.receiveSome(10s) == "0\r\n\r\n");
}

TEST_CASE("an upload takes longer than the timeout, as long as it comes; a client that stops ends it") {
  const testing::detail::Peer api([](testing::detail::Peer::Connection& connection) {
    while (const auto request = connection.readRequest()) {
      connection.put(testing::detail::answerWith(std::to_string(request->body.size())));
    }
  });
  const std::string origin = "http://127.0.0.1:" + std::to_string(api.port());
  support::Loop loop;
  Upstream upstream;
  FetchOptions options = asyncFetchOptions(upstream);
  options.allowedOrigins = {origin};
  options.allowHttpOnLoopback = true;
  options.maxReplayBody = 0;
  options.timeout = Seconds{2};
  options.asyncTransport = asioTransport(loop.executor());
  ProxySite proxied(upstream, options, origin, {.timeout = 5s});
  const BeastSite& site = proxied.site;
  const std::string head = "POST /api/x HTTP/1.1\r\nHost: localhost\r\nX-Requested-With: x\r\nCookie: " + site.cookie +
                           "\r\nContent-Length: 13000\r\n\r\n";
  const std::string piece(1000, 'x');

  const RawClient client(site.port());
  client.send(head);
  for (int sent = 0; sent < 13; ++sent) {
    if (sent > 0) std::this_thread::sleep_for(250ms);
    client.send(piece);
  }
  const Response answer = BeastSite::read(client, "POST");
  CHECK(answer.status == 200);
  CHECK(answer.body == "13000");

  const RawClient stopped(site.port());
  stopped.send(head + piece);
  CHECK_FALSE(stopped.receive(20s).starts_with("HTTP/1.1 200"));
}

}  // namespace beast_proxy_body_test
