// Poco's adapter keeps the rules of an adapter, whatever Poco reads.
#include "support/browser.hpp"
#include "support/raw.hpp"
#include "support/support.hpp"
#include "support/violations.hpp"

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <atomic>
#include <memory>

#include <ironjar/poco.hpp>
#include <ironjar/testing/check_adapter.hpp>

namespace poco_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::basicOptions;
using support::RawClient;
using testing::AdapterServer;
using testing::AdapterSite;
using ServerRequest = Poco::Net::HTTPServerRequest;
using ServerResponse = Poco::Net::HTTPServerResponse;

namespace {

using Serve = std::function<void(ServerRequest&, ServerResponse&)>;

struct Handler final : Poco::Net::HTTPRequestHandler {
  explicit Handler(const Serve& to) : serve(to) {}
  void handleRequest(ServerRequest& request, ServerResponse& response) override { serve(request, response); }
  const Serve& serve;
};
struct Handlers final : Poco::Net::HTTPRequestHandlerFactory {
  explicit Handlers(Serve to) : serve(std::move(to)) {}
  Poco::Net::HTTPRequestHandler* createRequestHandler(const ServerRequest&) override { return new Handler(serve); }
  const Serve serve;
};

class PocoSite {
 public:
  explicit PocoSite(Serve serve, bool keepsAlive = false,
                    const Poco::Net::ServerSocket& socket = PocoServerSocket({"127.0.0.1", 0}))
      : server_(new Handlers(std::move(serve)), socket, params(keepsAlive)) {
    server_.start();
  }
  PocoSite(const PocoSite&) = delete;
  PocoSite& operator=(const PocoSite&) = delete;
  ~PocoSite() { server_.stopAll(true); }
  [[nodiscard]] int port() const { return server_.port(); }
  [[nodiscard]] std::string send(const std::string& text) const {
    const RawClient client(port());
    static_cast<void>(client.send(text));
    return client.receive(2s);
  }

 private:
  static Poco::Net::HTTPServerParams::Ptr params(bool keepsAlive) {
    Poco::Net::HTTPServerParams::Ptr made(new Poco::Net::HTTPServerParams);
    made->setKeepAlive(keepsAlive);
    made->setTimeout(Poco::Timespan(5, 0));
    return made;
  }
  Poco::Net::HTTPServer server_;
};

AdapterServer start(const AdapterSite& site) {
  const PocoAuth auth(site.jar, site.fetcher, site.auth);
  const PocoProxy proxy(site.prefix, site.jar, site.fetcher, site.upstream);
  const auto serve = [&site, auth, proxy](ServerRequest& request, ServerResponse& response) {
    if (auth.matches(request)) return auth.serve(request, response);
    if (proxy.matches(request)) return proxy.serve(request, response);
    withSession(site.jar, request, response, site.page);
  };
  const auto running = std::make_shared<PocoSite>(serve);
  return {running->port(), running};
}

// Says what it was asked.
Serve echo(std::size_t maxBodySize = 1024) {
  return [maxBodySize](ServerRequest& request, ServerResponse& response) {
    const auto page = [](const WebRequest& asked, Session&) {
      return Response{.status = 200, .body = cookieHeader(asked) + "|" + std::string(asked.body)};
    };
    withSession(SessionJar(basicOptions()), request, response, page, {.maxBodySize = maxBodySize});
  };
}

}  // namespace

TEST_CASE("Poco's adapter keeps the rules of an adapter") {
  CHECK(support::listed(testing::checkAdapter(start)) == "");
}

TEST_CASE("an encoded word in a Cookie field stays one: no cookie comes out of another") {
  const std::string cookie = "a==?x?q?=3B=20sid=3Dforged=0D=0AX:1?=";
  const std::string answer = PocoSite(echo()).send("GET / HTTP/1.1\r\nHost: x\r\nCookie: " + cookie + "\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 200"));
  CHECK(answer.ends_with("\r\n\r\n" + cookie + "|"));
}

TEST_CASE("a server that keeps connections, or listens by itself, serves no session") {
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  CHECK(PocoSite(echo()).send(request).starts_with("HTTP/1.1 200"));
  CHECK(PocoSite(echo(), true).send(request).find("server_not_hardened") != std::string::npos);
  const Poco::Net::ServerSocket plain(Poco::Net::SocketAddress("127.0.0.1", 0));
  CHECK(PocoSite(echo(), false, plain).send(request).find("server_not_hardened") != std::string::npos);
}

TEST_CASE("what Poco reads otherwise than others is refused, and so is a body over the limit") {
  const PocoSite site(echo());
  for (const char* head : {"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
                           "GET / HTTP/1.1\r\nHost: x\r\n X: y\r\n\r\n", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
                           "GET /\r\nHost: x\r\n\r\n", "GET / HTTP/2.0\r\nHost: x\r\n\r\n"}) {
    CAPTURE(head);
    const std::string answer = site.send(head);
    CHECK((answer.empty() || answer.starts_with("HTTP/1.1 400")));
  }
  const std::string body(1025, 'x');
  CHECK(site.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n" + body).starts_with("HTTP/1.1 413"));
  CHECK(site.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n" + body + "\r\n0\r\n\r\n")
            .starts_with("HTTP/1.1 413"));
  CHECK(site.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1024\r\n\r\n" + body.substr(1))
            .ends_with("|" + body.substr(1)));
}

TEST_CASE("whose session cannot be told now is answered with 503, and no handler runs") {
  SessionOptions options = basicOptions();
  const SessionJar jar(options);
  Session session = jar.open("");
  session.set("user", "ada");
  const std::string line = jar.commit(session)->at(0);
  options.isRevoked = RevocationCheck([](const Session&) { return Revoked::unknown; });
  bool isCalled = false;
  const PocoSite site([&, unknown = SessionJar(options)](ServerRequest& request, ServerResponse& response) {
    withSession(unknown, request, response, [&](const WebRequest&, Session&) -> Response {
      isCalled = true;
      return {.status = 200};
    });
  });
  const std::string answer =
      site.send("GET / HTTP/1.1\r\nHost: x\r\nCookie: " + line.substr(0, line.find(';')) + "\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 503 "));
  CHECK(answer.find("Set-Cookie") == std::string::npos);
  CHECK_FALSE(isCalled);
}

}  // namespace poco_test
