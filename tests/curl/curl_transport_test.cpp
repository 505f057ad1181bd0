// What the transports on libcurl send, read, keep and refuse, beyond the contract.
#include "client.hpp"

#include <cstdlib>
#include <mutex>

namespace curl_transport_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Certificate;
using support::curlTransports;
using support::errorOf;
using support::in;
using support::Peer;
using support::RawServer;
using support::Tunnels;
using support::wordOf;

namespace {

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Answers each request so, and remembers their heads.
class Answering {
 public:
  explicit Answering(std::string answer = ok, const Certificate* certificate = nullptr,
                     const Certificate* clients = nullptr)
      : server_(
            [this, answer = std::move(answer)](Peer& peer) {
              for (std::string head = peer.readRequest(); !head.empty(); head = peer.readRequest()) {
                {
                  const std::lock_guard lock(mutex_);
                  heads_.push_back(head);
                }
                peer.put(answer);
              }
            },
            certificate, clients) {}
  [[nodiscard]] std::string origin() const { return server_.origin(); }
  [[nodiscard]] const RawServer& server() const { return server_; }
  [[nodiscard]] std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  RawServer server_;  // last: its threads use all of the above
};

}  // namespace

TEST_CASE("a request is sent as it is given, with nothing of libcurl's own") {
  for (const auto& each : curlTransports()) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    const Answering server;
    const std::string host = server.origin().substr(7);
    const Headers fields = {{"X-Empty", ""}, {"X-Two", "1"}, {"x-two", " 2"}, {"Authorization", "Bearer at"}};
    REQUIRE(wordOf(transport({.url = server.origin() + "/a?b", .headers = fields}, in(5s))) == "200 ok");
    REQUIRE(wordOf(transport({.method = "POST", .url = server.origin()}, in(5s))) == "200 ok");
    REQUIRE(wordOf(transport({.method = "DELETE", .url = server.origin(), .connectionGroup = "ada"}, in(5s))) ==
            "200 ok");
    const std::string own = host + "\r\nUser-Agent: ironjar\r\nAccept: */*\r\n";
    const auto heads = server.heads();
    CHECK(heads[0] == "GET /a?b HTTP/1.1\r\nHost: " + own + "X-Empty:\r\nX-Two: 1\r\nx-two:  2\r\n" +
                          "Authorization: Bearer at\r\nConnection: close\r\n\r\n");
    CHECK(heads[1] == "POST / HTTP/1.1\r\nHost: " + own + "Connection: close\r\nContent-Length: 0\r\n\r\n");
    CHECK(heads[2] == "DELETE / HTTP/1.1\r\nHost: " + own + "\r\n");
    const Headers theirs = {{"accept", "text/x"}, {"user-agent", "mine"}};
    REQUIRE(wordOf(transport({.url = server.origin(), .headers = theirs}, in(5s))) == "200 ok");
    CHECK(server.heads()[3] ==
          "GET / HTTP/1.1\r\nHost: " + host + "\r\naccept: text/x\r\nuser-agent: mine\r\nConnection: close\r\n\r\n");
  }
}

TEST_CASE("what cannot be sent is refused, and nothing is sent") {
  for (const auto& each : curlTransports()) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    const Answering server;
    CHECK(wordOf(transport({.method = "HEAD", .url = server.origin(), .body = "x"}, in(5s))) == "malformed");
    CHECK(wordOf(transport({.method = "HEAD", .url = server.origin()}, in(5s))) == "200 ");
    CHECK(server.heads().size() == 1);
  }
  const Request request{.url = "http://127.0.0.1:1/", .openAsyncBody = [] { return AsyncBodyReader(); }};
  CHECK(wordOf(curlTransport()(request, in(5s))) == "malformed");
}

TEST_CASE("proxies of the environment are nobody's") {
  for (const char* variable : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
    ::setenv(variable, "http://127.0.0.1:1", 1);
  }
  const Answering server;
  for (const auto& each : curlTransports()) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    CHECK(wordOf(transport({.url = server.origin()}, in(5s))) == "200 ok");
  }
  for (const char* variable : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
    ::unsetenv(variable);
  }
}

TEST_CASE("a body over the limit ends the exchange, and one at the limit does not") {
  const Answering server("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x'));
  const Answering chunks("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'x') +
                         "\r\n0\r\n\r\n");
  for (const Answering* one : {&server, &chunks}) {
    for (const auto& each : curlTransports({.maxBodySize = 1999})) {
      const Transport& transport = each.second;
      CHECK(wordOf(transport({.url = one->origin()}, in(5s))) == "tooLarge");
    }
    for (const auto& each : curlTransports({.maxBodySize = 2000})) {
      const Transport& transport = each.second;
      CHECK(transport({.url = one->origin()}, in(5s))->body.size() == 2000);
    }
  }
}

TEST_CASE("connections are kept for a group, for as long and as many as the options say") {
  for (const auto& each : curlTransports({.maxIdle = 2, .idleTimeout = 2s})) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    const Answering server;
    const auto ask = [&](const std::string& group) {
      REQUIRE(wordOf(transport({.url = server.origin(), .connectionGroup = group}, in(5s))) == "200 ok");
      return server.server().connections();
    };
    ask("ada"), ask("ada");
    CHECK(ask("ada") == 1);
    CHECK(ask("bob") == 2);
    CHECK(ask("cyd") == 3);
    CHECK(support::eventually([&] { return server.server().open() <= 2; }));
    CHECK(support::eventually([&] { return server.server().open() == 0; }));  // though nobody asks
    CHECK(ask("ada") == 4);
  }
}

TEST_CASE("with shareAmongGroups a connection serves whoever comes next, but for a fresh one") {
  const Answering server;
  for (const auto& each : curlTransports({.idleTimeout = 60s, .shareAmongGroups = true})) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    const int before = server.server().connections();
    for (const char* group : {"ada", "bob", ""}) {
      CHECK(wordOf(transport({.url = server.origin(), .connectionGroup = group}, in(5s))) == "200 ok");
    }
    CHECK(server.server().connections() == before + 1);
    CHECK(wordOf(transport({.url = server.origin(), .freshConnection = true}, in(5s))) == "200 ok");
    CHECK(server.server().connections() == before + 2);
  }
}

TEST_CASE("on HTTP/1.1 a connection is closed after a response without a body") {
  for (const char* answer : {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    for (const auto& each : curlTransports()) {
      const Transport& transport = each.second;
      const Answering server(answer);
      for (int i = 0; i < 2; ++i) {
        CHECK(transport({.url = server.origin(), .connectionGroup = "ada"}, in(5s)).has_value());
      }
      CHECK(server.server().connections() == 2);
    }
  }
}

TEST_CASE("TLS: an unknown authority is refused, another name, and a common name alone") {
  const Certificate certificate;
  const Answering server(ok, &certificate);
  const std::string port = std::to_string(server.server().port());
  for (const auto& each : curlTransports()) {
    const Transport& transport = each.second;
    CHECK(wordOf(transport({.url = server.origin()}, in(5s))) == "unreachable");
  }
  for (const auto& each : curlTransports({.caCertFile = certificate.file.string()})) {
    const Transport& transport = each.second;
    CHECK(wordOf(transport({.url = server.origin()}, in(5s))) == "200 ok");
    CHECK(wordOf(transport({.url = "https://127.0.0.1:" + port}, in(5s))) == "unreachable");
  }
  for (const char* names : {static_cast<const char*>(nullptr), "email:mallory@example.com", "IP:10.9.9.9"}) {
    const Certificate other(names);
    const Answering wrong(ok, &other);
    for (const auto& each : curlTransports({.caCertFile = other.file.string()})) {
      const Transport& transport = each.second;
      CHECK(wordOf(transport({.url = wrong.origin()}, in(5s))) == "unreachable");
    }
  }
  const Certificate address("IP:127.0.0.1");
  const Answering numbered(ok, &address);
  for (const auto& each : curlTransports({.caCertFile = address.file.string()})) {
    const Transport& transport = each.second;
    const std::string origin = "https://127.0.0.1:" + std::to_string(numbered.server().port());
    CHECK(wordOf(transport({.url = origin}, in(5s))) == "200 ok");
  }
}

TEST_CASE("a server that asks for a client certificate gets it; without one nothing was sent") {
  const Certificate certificate;
  const std::string file = certificate.file.string();
  const Answering server(ok, &certificate, &certificate);
  for (const auto& each : curlTransports({.caCertFile = file, .clientCertFile = file, .clientKeyFile = file})) {
    const Transport& with = each.second;
    CHECK(wordOf(with({.url = server.origin()}, in(5s))) == "200 ok");
  }
  // With TLS 1.3 a client may have sent its request before it hears that it is refused: nobody has read it.
  for (const auto& each : curlTransports({.caCertFile = file})) {
    const Transport& without = each.second;
    for (const std::size_t size : {std::size_t{0}, std::size_t{100'000}, std::size_t{8'000'000}}) {
      const Request post{.method = "POST", .url = server.origin(), .body = std::string(size, 'x')};
      CHECK(wordOf(without(post, in(5s))) == "unreachable");
    }
  }
}

TEST_CASE("options that cannot be are refused at start-up") {
  const Certificate certificate;
  const std::string file = certificate.file.string();
  std::vector<TransportOptions> wrong = {{.connectTimeout = -1ms},
                                         {.streamIdle = std::chrono::hours{25}},
                                         {.caCertFile = file + ".no"},
                                         {.caCertFile = "/dev/null"},
                                         {.proxyAuthorization = "Basic x\r\nX: y"}};
  for (const auto& [cert, key] : {std::pair(file, std::string()), std::pair(file, file + ".no"),
                                  std::pair(std::string("/dev/null"), file), std::pair(std::string(), file)}) {
    wrong.push_back({.clientCertFile = cert, .clientKeyFile = key});
  }
  for (const char* url : {"proxy:3128", "https://proxy.example", "http://proxy.example/path",
                          "http://u:p@proxy.example", "socks5://proxy.example"}) {
    wrong.push_back({.proxy = url});
  }
  for (const TransportOptions& options : wrong) {
    CHECK_THROWS_AS(static_cast<void>(curlTransport(options)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(asyncCurlTransport(options)), std::invalid_argument);
  }
}

TEST_CASE("https goes through the proxy, which learns the host alone; http does not") {
  const Certificate certificate;
  const Answering server(ok, &certificate);
  const Answering plain;
  const Tunnels proxy;
  const std::string target = "localhost:" + std::to_string(server.server().port());
  std::size_t tunnels = 0;
  for (const auto& each : curlTransports({.idleTimeout = 60s,
                          .caCertFile = certificate.file.string(),
                          .proxy = proxy.url(),
                          .proxyAuthorization = "Basic dXNlcjpwYXNz"})) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    for (const char* group : {"ada", "ada", "bob"}) {
      const Request request{.url = server.origin() + "/secret?path",
                            .headers = {{"Authorization", "Bearer at"}},
                            .connectionGroup = group};
      CHECK(wordOf(transport(request, in(5s))) == "200 ok");
    }
    CHECK(proxy.heads().size() == (tunnels += 2));
    CHECK(proxy.heads().back() ==
          "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n");
    CHECK(wordOf(transport({.url = plain.origin()}, in(5s))) == "200 ok");
    CHECK(proxy.heads().size() == tunnels);
  }
  for (const std::string& head : server.heads()) CHECK(head.find("Proxy-Authorization") == std::string::npos);
}

TEST_CASE("a proxy that refuses, says nothing sensible or nothing at all: nothing was sent") {
  for (const char* answer :
       {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 9\r\n\r\nlogged in",
        "HTTP/1.1 502 Bad Gateway\r\n\r\n", "SSH-2.0-OpenSSH\r\n", "", "HTTP/1.1 302 Found\r\n\r\n"}) {
    CAPTURE(answer);
    const Tunnels proxy(answer);
    for (const auto& each : curlTransports({.connectTimeout = 300ms, .proxy = proxy.url()})) {
      const Transport& transport = each.second;
      CHECK(wordOf(transport({.method = "POST", .url = "https://localhost:1/", .body = "x"}, in(5s))) == "unreachable");
    }
  }
  for (const auto& each : curlTransports({.proxy = "http://127.0.0.1:1"})) {
    const Transport& gone = each.second;
    CHECK(wordOf(gone({.url = "https://localhost:1/"}, in(5s))) == "unreachable");
  }
}

}  // namespace curl_transport_test
