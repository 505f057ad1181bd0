// asioTransport keeps to the contract of a transport, and what is particular to it.
#include "support/asio.hpp"
#include "support/support.hpp"
#include "support/tls_wires.hpp"
#include "support/violations.hpp"

#include <ironjar/testing/check_transport.hpp>

namespace asio_transport_test {

using namespace ironjar;
using namespace std::chrono_literals;
using ironjar::testing::checkTransport;
using support::Certificate;
using support::listed;
using support::Loop;

TEST_CASE("V34 V35 V36: asioTransport keeps to the contract of a transport") {
  Loop loop;
  CHECK(listed(checkTransport(blocking(asioTransport(loop.executor())))) == "");
}

TEST_CASE("V17 V34 V35 V36: asioTransport keeps to it over TLS") {
  const Certificate certificate;
  Loop loop;
  CHECK(listed(checkTransport(
            blocking(asioTransport(loop.executor(), {.caCertFile = certificate.file.string()})),
            {.origin = "https://localhost", .wires = support::tlsWires(certificate), .deadline = 500ms})) == "");
}

TEST_CASE("asioTransport keeps to it on a pool of threads") {
  Loop loop(4);
  CHECK(listed(checkTransport(blocking(asioTransport(loop.executor())))) == "");
}

TEST_CASE("500 requests at once need one thread") {
  std::promise<void> all;
  std::atomic<int> asked = 0;
  const auto isAsked = all.get_future().share();
  const support::RawServer server([&](support::Peer& peer) {
    const std::string head = peer.readRequest();
    if (++asked == 500) all.set_value();
    isAsked.wait_for(10s);
    peer.put("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + head.substr(4, head.find(" HTTP/") - 4));
  });
  Loop loop;
  const AsyncTransport transport = asioTransport(loop.executor());
  std::vector<support::Answer> answers;
  for (int i = 0; i < 500; ++i) {
    answers.push_back(support::ask(transport, {.url = server.origin() + "/" + std::to_string(i)}));
  }
  int right = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    right += support::wordOf(answers[i].wait()) == "200 /" + std::to_string(i) ? 1 : 0;
  }
  CHECK(right == 500);
  CHECK(std::all_of(answers.begin(), answers.end(), [](const auto& each) { return each.calls() == 1; }));
}

TEST_CASE("a kept connection that the server closes, or that is idle for too long, is closed at once") {
  std::promise<void> close;
  const support::RawServer server([&, isToClose = close.get_future().share()](support::Peer& peer) {
    const bool staysOpen = peer.readRequest().starts_with("GET /idle");
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    if (staysOpen) return peer.waitForHangUp();
    isToClose.wait();
    ::shutdown(peer.socket(), SHUT_WR);
    peer.waitForHangUp();
  });
  Loop loop;
  const auto isClosed = [&] {
    const auto end = support::in(5s);
    while (server.open() > 0 && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
    return server.open() == 0;
  };
  const AsyncTransport shortly = asioTransport(loop.executor(), {.idleTimeout = 2s});
  REQUIRE(support::ask(shortly, {.url = server.origin() + "/idle", .connectionGroup = "ada"}).wait());
  CHECK(server.open() == 1);
  CHECK(isClosed());
  const AsyncTransport longer = asioTransport(loop.executor(), {.idleTimeout = 1h});
  REQUIRE(support::ask(longer, {.url = server.origin() + "/closed", .connectionGroup = "ada"}).wait());
  close.set_value();
  CHECK(isClosed());
}

TEST_CASE("each request on a kept connection has its own deadline, and the connection its time behind each") {
  const support::RawServer server([](support::Peer& peer) {
    for (std::string head = peer.readRequest(); !head.empty(); head = peer.readRequest()) {
      if (!head.starts_with("GET /silent")) peer.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  Loop loop;
  const auto ask = [&](const AsyncTransport& transport, const std::string& path, std::chrono::milliseconds time) {
    return support::ask(transport, {.url = server.origin() + path, .connectionGroup = "ada"}, time).wait();
  };
  const AsyncTransport keepsLong = asioTransport(loop.executor(), {.idleTimeout = 1h});
  REQUIRE(ask(keepsLong, "/a", 30s));
  REQUIRE(ask(keepsLong, "/b", 30s));
  CHECK(support::errorOf(ask(keepsLong, "/silent", 1s)) == Errc::timeout);
  CHECK(server.connections() == 1);

  const AsyncTransport keepsShortly = asioTransport(loop.executor(), {.idleTimeout = 300ms});
  REQUIRE(ask(keepsShortly, "/a", 30s));
  REQUIRE(ask(keepsShortly, "/b", 30s));
  const auto end = support::in(5s);
  while (server.open() > 0 && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  CHECK(server.open() == 0);
}

TEST_CASE("as many connections are kept as may be, and none when the transport has gone") {
  std::mutex mutex;
  std::condition_variable changed;
  int asked = 0;  // five are answered at once
  const support::RawServer server([&](support::Peer& peer) {
    while (!peer.readRequest().empty()) {
      std::unique_lock lock(mutex);
      const int until = (asked++ / 5 + 1) * 5;
      changed.notify_all();
      changed.wait_for(lock, 5s, [&] { return asked >= until; });
      lock.unlock();
      peer.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  Loop loop;
  AsyncTransport transport = asioTransport(loop.executor(), {.maxIdle = 3, .maxIdlePerGroup = 2});
  const auto openBecomes = [&](int expected) {
    const auto end = support::in(3s);
    while (server.open() != expected && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
    return server.open() == expected;
  };
  const auto askFive = [&](const std::string& group) {
    std::vector<support::Answer> answers;
    for (int i = 0; i < 5; ++i) {
      answers.push_back(support::ask(transport, {.url = server.origin(), .connectionGroup = group}));
    }
    for (const auto& answer : answers) CHECK(support::wordOf(answer.wait()) == "200 ok");
  };
  askFive("ada");
  CHECK(openBecomes(2));
  askFive("bob");
  CHECK(openBecomes(3));
  transport = nullptr;
  CHECK(openBecomes(0));
}

TEST_CASE("with shareAmongGroups connections are for whoever comes next") {
  const support::RawServer server([](support::Peer& peer) {
    while (!peer.readRequest().empty()) peer.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  Loop loop;
  const AsyncTransport transport = asioTransport(loop.executor(), {.shareAmongGroups = true});
  for (const char* group : {"ada", "bob", ""}) {
    REQUIRE(support::ask(transport, {.url = server.origin(), .connectionGroup = group}).wait());
  }
  CHECK(server.connections() == 1);
  REQUIRE(support::ask(transport, {.url = server.origin(), .freshConnection = true}).wait());
  CHECK(server.connections() == 2);
}

TEST_CASE("TLS: unknown authorities, other names and common names are refused; an address may be a name") {
  Loop loop;
  const auto ask = [&](const AsyncTransport& transport, const support::RawServer& server, const std::string& host) {
    const Request request{.url = "https://" + host + ":" + std::to_string(server.port())};
    return support::wordOf(support::ask(transport, request).wait());
  };
  const auto behave = [](support::Peer& peer) {
    if (!peer.readRequest().empty()) peer.put("HTTP/1.1 204 No Content\r\n\r\n");
  };
  const std::vector<std::pair<const char*, std::string>> cases = {{"DNS:localhost", "204 "},
                                                                  {nullptr, "unreachable"},
                                                                  {"email:mallory@example.com", "unreachable"},
                                                                  {"DNS:*.localhost,DNS:localhos*", "unreachable"}};
  for (const auto& [names, expected] : cases) {
    const Certificate certificate(names);
    const support::RawServer server(behave, &certificate);
    CHECK(ask(asioTransport(loop.executor(), {.caCertFile = certificate.file.string()}), server, "localhost") ==
          expected);
    CHECK(ask(asioTransport(loop.executor()), server, "localhost") == "unreachable");
    CHECK(ask(asioTransport(loop.executor(), {.caCertFile = certificate.file.string()}), server, "127.0.0.1") ==
          "unreachable");
  }
  const Certificate certificate("IP:127.0.0.1");
  const support::RawServer server(behave, &certificate);
  const AsyncTransport trusting = asioTransport(loop.executor(), {.caCertFile = certificate.file.string()});
  CHECK(ask(trusting, server, "127.0.0.1") == "204 ");
  CHECK(ask(trusting, server, "localhost") == "unreachable");
  const AsyncTransport without = asioTransport(loop.executor(), {.caCertFile = certificate.file.string() + ".no"});
  CHECK(ask(without, server, "127.0.0.1") == "unreachable");
}

TEST_CASE("a server that asks for a client certificate gets it; without one there is no answer") {
  const Certificate certificate;
  const std::string file = certificate.file.string();
  const support::RawServer server(
      [](support::Peer& peer) {
        if (peer.readRequest().empty()) return;
        peer.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        peer.waitForHangUp();
      },
      &certificate, &certificate);
  Loop loop;
  const auto with = asioTransport(loop.executor(), {.caCertFile = file, .clientCertFile = file, .clientKeyFile = file});
  CHECK(support::wordOf(support::ask(with, {.url = server.origin()}).wait()) == "200 ok");
  // With TLS 1.3 a client may have sent its request before it hears that it is refused: nobody has read it.
  const auto without = asioTransport(loop.executor(), {.caCertFile = file});
  for (const std::size_t size : {std::size_t{0}, std::size_t{100'000}, std::size_t{8'000'000}}) {
    const Request post{.method = "POST", .url = server.origin(), .body = std::string(size, 'x')};
    CHECK(support::wordOf(support::ask(without, post).wait()) == "unreachable");
  }
}

TEST_CASE("options that cannot be meant are refused at start-up") {
  const Certificate certificate;
  const std::string file = certificate.file.string();
  Loop loop;
  const auto refuses = [&](const TransportOptions& options) {
    CHECK_THROWS_AS(static_cast<void>(asioTransport(loop.executor(), options)), std::invalid_argument);
  };
  refuses({.clientCertFile = file});
  refuses({.clientCertFile = file, .clientKeyFile = file + ".no"});
  refuses({.clientKeyFile = file});
  for (const char* url : {"proxy:3128", "https://proxy.example", "http://proxy.example/path", "socks5://p.example"}) {
    refuses({.proxy = url});
  }
  refuses({.proxyAuthorization = "Basic x\r\nX: y"});
  refuses({.streamIdle = -1ms});
  CHECK_THROWS_AS(static_cast<void>(asioTransport({})), std::invalid_argument);
}

TEST_CASE("https goes through the proxy, which learns the host alone; http does not") {
  const Certificate certificate;
  const auto behave = [](support::Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    peer.waitForHangUp();
  };
  const support::RawServer server(behave, &certificate);
  const support::RawServer plain(behave);
  const support::Tunnels proxy;
  Loop loop;
  const auto transport = asioTransport(
      loop.executor(),
      {.caCertFile = certificate.file.string(), .proxy = proxy.url(), .proxyAuthorization = "Basic dXNlcjpwYXNz"});
  const Request request{.url = server.origin() + "/secret?path", .headers = {{"Authorization", "Bearer at"}}};
  CHECK(support::wordOf(support::ask(transport, request).wait()) == "200 ok");
  CHECK(support::wordOf(support::ask(transport, {.url = plain.origin()}).wait()) == "200 ok");
  const std::string target = "localhost:" + std::to_string(server.port());
  CHECK(proxy.heads() == std::vector<std::string>{"CONNECT " + target + " HTTP/1.1\r\nHost: " + target +
                                                  "\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"});
}

TEST_CASE("a proxy that refuses, says nothing sensible or nothing at all: nothing was sent") {
  Loop loop;
  const Request request{.method = "POST", .url = "https://localhost:1/", .body = "x"};
  for (const char* answer :
       {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 9\r\n\r\nlogged in",
        "HTTP/1.1 502 Bad Gateway\r\n\r\n", "SSH-2.0-OpenSSH\r\n", "", "HTTP/1.1 302 Found\r\n\r\n"}) {
    CAPTURE(answer);
    const support::Tunnels proxy(answer);
    const auto transport = asioTransport(loop.executor(), {.connectTimeout = 300ms, .proxy = proxy.url()});
    CHECK(support::wordOf(support::ask(transport, request).wait()) == "unreachable");
  }
  const auto gone = asioTransport(loop.executor(), {.proxy = "http://127.0.0.1:1"});
  CHECK(support::wordOf(support::ask(gone, request).wait()) == "unreachable");
}

namespace {

// Whether one of the addresses could be connected to, and how long that took.
std::pair<bool, std::chrono::milliseconds> connecting(std::vector<int> ports, std::chrono::milliseconds timeout) {
  Loop loop;
  std::vector<detail::AsioEndpoint> endpoints;
  for (const int port : ports) {
    endpoints.emplace_back(boost::asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port));
  }
  std::promise<bool> connected;
  const auto attempt = std::make_shared<detail::AsioConnecting>(
      detail::Strand(loop.executor()), timeout,
      [&](Result<detail::AsioSocket> socket) { connected.set_value(bool(socket)); });
  const auto begin = std::chrono::steady_clock::now();
  boost::asio::post(loop.context(), [&] { attempt->begin(endpoints); });
  const bool isConnected = connected.get_future().get();
  return {isConnected, std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin)};
}

}  // namespace

TEST_CASE("an address that does not answer costs a quarter of a second") {
  const support::DeafListener deaf;
  const support::RawServer server([](support::Peer& peer) { peer.waitForHangUp(); });
  const auto [afterDead, ofDead] = connecting({deaf.port(), deaf.port(), server.port()}, 10s);
  CHECK(afterDead);
  CHECK(ofDead < 5s);
  const auto [afterRefused, ofRefused] = connecting({1, 1, server.port()}, 10s);
  CHECK(afterRefused);
  CHECK(ofRefused < 5s);
  const auto [toNobody, ofNobody] = connecting({deaf.port(), 1, deaf.port()}, 400ms);
  CHECK_FALSE(toNobody);
  CHECK(ofNobody >= 400ms);
  CHECK(ofNobody < 5s);
}

TEST_CASE("the families of addresses take turns, beginning with the resolver's first") {
  const auto of = [](const char* address) { return detail::AsioEndpoint(boost::asio::ip::make_address(address), 443); };
  CHECK(detail::inTurn({of("::1"), of("::2"), of("::3"), of("10.0.0.1")}) ==
        std::vector{of("::1"), of("10.0.0.1"), of("::2"), of("::3")});
  CHECK(detail::inTurn({of("10.0.0.1"), of("10.0.0.2"), of("::1")}) ==
        std::vector{of("10.0.0.1"), of("::1"), of("10.0.0.2")});
  CHECK(detail::inTurn({}).empty());
}

TEST_CASE("of a response that ends with a broken connection a refusal counts, and nothing else") {
  Loop loop;
  const auto transport = asioTransport(loop.executor());
  for (const auto& [status, word] : {std::pair("401 Unauthorized", "401 no"), std::pair("200 OK", "transport")}) {
    const support::RawServer server([status = std::string(status)](support::Peer& peer) {
      peer.put("HTTP/1.1 " + status + "\r\n\r\nno");  // and closes with the request unread
    });
    for (int i = 0; i < 20; ++i) {
      const Request upload{.method = "POST", .url = server.origin(), .body = std::string(8'000'000, 'x')};
      const std::string seen = support::wordOf(support::ask(transport, upload).wait());
      // The end may come before the break: then the response is whole.
      CAPTURE(seen);
      CHECK((seen == word || seen == "200 no"));
    }
  }
}

}  // namespace asio_transport_test
