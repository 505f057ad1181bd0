// WebSockets through the proxy at a Beast server: the handshake with the session's token, bytes both ways, the end.
#include "support/websocket_world.hpp"

#include <atomic>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket.hpp>
#include <future>
#include <mutex>

namespace beast_websocket_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::BeastSite;
using support::echo;
using support::fieldIn;
using support::grantOf;
using support::jar;
using support::patience;
using support::Peer;
using support::RawClient;
using World = support::WebSocketWorld;
namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;

TEST_CASE("frames of any size pass both ways, with the subprotocol and the extension that were agreed on") {
  const auto serve = [](Peer& peer, const std::string& head) {
    asio::io_context io;
    websocket::stream<tcp::socket> socket(tcp::socket(io, tcp::v4(), ::dup(peer.socket())));
    websocket::permessage_deflate deflate;
    deflate.server_enable = true;
    socket.set_option(deflate);
    socket.set_option(websocket::stream_base::decorator(
        [](websocket::response_type& response) { response.set("Sec-WebSocket-Protocol", "chat.v2"); }));
    boost::system::error_code problem;
    http::request_parser<http::string_body> parser;
    parser.put(asio::buffer(head), problem);
    socket.accept(parser.get(), problem);
    while (!problem) {
      boost::beast::flat_buffer buffer;
      socket.read(buffer, problem);
      socket.binary(socket.got_binary());
      if (!problem) socket.write(buffer.data(), problem);
    }
  };
  World world(serve);
  world.signIn();
  asio::io_context io;
  tcp::socket tcpSocket(io);
  tcpSocket.connect({asio::ip::address_v4::loopback(), static_cast<asio::ip::port_type>(world.site->port())});
  websocket::stream<tcp::socket> socket(std::move(tcpSocket));
  websocket::permessage_deflate deflate;
  deflate.client_enable = true;
  socket.set_option(deflate);
  socket.set_option(websocket::stream_base::decorator([&](websocket::request_type& request) {
    request.set("Origin", "http://localhost");
    request.set("Cookie", world.cookie);
    request.set("Sec-WebSocket-Protocol", "chat.v1, chat.v2");
  }));
  websocket::response_type response;
  boost::system::error_code problem;
  socket.handshake(response, "localhost", "/api/feed?room=1", problem);
  REQUIRE_MESSAGE(!problem, problem.message());
  CHECK(response["Sec-WebSocket-Protocol"] == "chat.v2");
  CHECK(response["Sec-WebSocket-Extensions"].starts_with("permessage-deflate"));
  std::string large(std::size_t{4} << 20U, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>((i * 2654435761U) >> 13U);
  for (const std::string& message : {std::string("hello"), std::string(), large}) {
    for (const bool isBinary : {true, false}) {
      if (!isBinary && message.size() > 5) continue;
      socket.binary(isBinary);
      socket.write(asio::buffer(message));
      boost::beast::flat_buffer buffer;
      socket.read(buffer);
      CHECK(socket.got_binary() == isBinary);
      CHECK((boost::beast::buffers_to_string(buffer.data()) == message));
    }
  }
  socket.close(websocket::close_code::normal, problem);
  CHECK(!problem);
  CHECK(world.heads().size() == 1);
  CHECK(world.heads()[0].starts_with("GET /feed?room=1 HTTP/1.1\r\n"));
  CHECK(fieldIn(world.heads()[0], "Origin").empty());
  CHECK(fieldIn(world.heads()[0], "Cookie").empty());
}

TEST_CASE("V39 a page of another site gets no WebSocket, and the API is not asked") {
  World world;
  world.signIn();
  for (const char* origin :
       {"", "Origin: null\r\n", "Origin: http://localhost:1\r\n", "Origin: http://localhost.evil.example\r\n",
        "Origin: https://evil.example\r\n", "X-Requested-With: fetch\r\n", "Sec-Fetch-Site: same-origin\r\n"}) {
    CAPTURE(origin);
    const RawClient client(world.site->port());
    client.send(world.handshake(origin));
    const Response response = BeastSite::read(client);
    CHECK(response.status == 403);
    CHECK(response.body == R"({"reason":"cross_site_request"})");
  }
  const RawClient client(world.site->port());
  client.send(world.handshake("Origin: http://localhost\r\n", "Content-Length: 3\r\n") + "abc");
  CHECK(BeastSite::read(client).status == 400);
  CHECK(world.heads().empty());
}

TEST_CASE("a token that has ended is renewed before the API is asked, and the 101 has the cookie") {
  World world;
  world.signIn(systemClock() - Seconds{1});
  const RawClient client(world.site->port());
  client.send(world.handshake());
  const std::string head = World::headOf(client);
  CHECK(head.starts_with("HTTP/1.1 101 "));
  CHECK(fieldIn(head, "Upgrade") == "websocket");
  CHECK(fieldIn(head, "Connection") == "Upgrade");
  CHECK(fieldIn(head, "Content-Length").empty());
  const std::string cookie = fieldIn(head, "Set-Cookie");
  REQUIRE(cookie.starts_with("sid="));
  REQUIRE(world.heads().size() == 1);
  const auto tokens = jar.open(cookie.substr(0, cookie.find(';'))).tokens();
  REQUIRE(tokens);
  CHECK((fieldIn(world.heads()[0], "Authorization") == "Bearer " + tokens->accessToken));
  client.send("through");
  CHECK(World::receive(client, 7) == "through");
}

TEST_CASE("a 401 of the API's is answered by a refresh and another try, on a connection of its own") {
  World world;
  world.signIn();
  world.upstream.provider.expireAccessTokens();
  const RawClient client(world.site->port());
  client.send(world.handshake());
  const std::string head = World::headOf(client);
  CHECK(head.starts_with("HTTP/1.1 101 "));
  CHECK(fieldIn(head, "Set-Cookie").starts_with("sid="));
  CHECK(world.heads().size() == 2);
  CHECK(world.upstream.provider.counts().tokenCalls == 1);
  client.send("through");
  CHECK(World::receive(client, 7) == "through");
}

TEST_CASE("what the API refuses is an ordinary response, and what it makes up is 502") {
  std::mutex mutex;
  std::string answer;
  World world([&](Peer& peer, const std::string& head) {
    std::unique_lock lock(mutex);
    std::string bytes = answer;
    lock.unlock();
    const std::size_t at = bytes.find("ACCEPT");
    peer.put(at == std::string::npos ? bytes : bytes.replace(at, 6, support::acceptFor(head)));
  });
  world.signIn();
  const auto answered = [&](const std::string& bytes) {
    {
      const std::lock_guard lock(mutex);
      answer = bytes;
    }
    const RawClient client(world.site->port());
    client.send(world.handshake());
    const Response first = BeastSite::read(client);
    client.send(BeastSite::text("GET", "/elsewhere"));  // the connection is HTTP's still
    return std::to_string(first.status) + " " + first.body + " " + std::to_string(BeastSite::read(client).status);
  };
  CHECK(answered("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno") == "403 no 404");
  CHECK(answered("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage") == "200 page 404");
  const std::string failed = R"(502 {"reason":"upstream_failed"} 404)";
  CHECK(answered("nonsense\r\n\r\n") == failed);
  CHECK(answered("") == failed);
  const std::string switched = "HTTP/1.1 101 Switching Protocols\r\n";
  CHECK(answered(switched + "\r\n") == failed);
  CHECK(answered(switched + "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n") == failed);
  CHECK(answered(switched + "Upgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n") == failed);
  CHECK(answered(switched + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n") == failed);
  CHECK(answered(switched + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n") ==
        failed);
  CHECK(world.isQuiet());
}

TEST_CASE("what comes behind a head, on either side, is the first to pass") {
  World world([](Peer& peer, const std::string& head) {
    peer.put(grantOf(head, "hello "));
    for (std::string bytes = peer.get(); !bytes.empty(); bytes = peer.get()) peer.put(bytes);
  });
  world.signIn();
  const RawClient client(world.site->port());
  client.send(world.handshake() + "early");
  std::string all = World::headOf(client);
  all.erase(0, all.find("\r\n\r\n") + 4);
  all += World::receive(client, 11 - all.size());
  CHECK(all == "hello early");
}

TEST_CASE("who does not read stops who sends, and nothing is lost") {
  std::promise<void> go;
  std::atomic<std::size_t> arrived = 0;
  World world([&, gone = go.get_future().share()](Peer& peer, const std::string& head) {
    peer.put(grantOf(head));
    gone.wait();
    for (std::string bytes = peer.get(); !bytes.empty(); bytes = peer.get()) arrived += bytes.size();
    peer.put("all");
  });
  world.signIn();
  const auto client = world.open();
  const std::string much(std::size_t{64} << 20U, 'x');
  const std::size_t sent = client->sendUntilFull(much, 500ms);
  go.set_value();
  CHECK(sent > 0);
  CHECK(sent < much.size());
  client->endSending();
  CHECK(World::receive(*client, 3) == "all");
  CHECK(arrived == sent);
}

TEST_CASE("the end of one direction is passed on, and the other goes on") {
  World browser([](Peer& peer, const std::string& head) {
    peer.put(grantOf(head));
    std::string all;
    for (std::string bytes = peer.get(); !bytes.empty(); bytes = peer.get()) all += bytes;
    peer.put("had " + all);
  });
  browser.signIn();
  const auto client = browser.open();
  client->send("this");
  client->endSending();
  CHECK(World::receive(*client, 8) == "had this");
  CHECK(client->isClosed(patience));
  CHECK(browser.isQuiet());

  std::promise<std::string> late;
  World api([&](Peer& peer, const std::string& head) {
    peer.put(grantOf(head, "bye"));
    ::shutdown(peer.socket(), SHUT_WR);
    std::string all;
    for (std::string bytes = peer.get(); !bytes.empty(); bytes = peer.get()) all += bytes;
    late.set_value(all);
  });
  api.signIn();
  const RawClient other(api.site->port());
  other.send(api.handshake());
  CHECK(other.receive(patience).ends_with("\r\n\r\nbye"));
  other.send("late");
  other.endSending();
  CHECK(late.get_future().get() == "late");
}

TEST_CASE("the same to an API over TLS") {
  const support::Certificate certificate;
  World world(
      [](Peer& peer, const std::string& head) {
        peer.put(grantOf(head, "hello "));
        std::size_t size = 0;
        for (std::string bytes = peer.get(); !bytes.empty(); bytes = peer.get()) size += bytes.size();
        peer.put(std::to_string(size));
      },
      {}, &certificate);
  world.signIn();
  const RawClient client(world.site->port());
  client.send(world.handshake() + std::string(300'000, 'x'));
  client.endSending();
  CHECK(client.receive(patience).ends_with("\r\n\r\nhello 300000"));
  CHECK(world.isQuiet());
}

TEST_CASE("a side that breaks ends the other") {
  World world([](Peer& peer, const std::string& head) {
    peer.put(grantOf(head));
    if (peer.get() != "break") return peer.waitForHangUp();
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(peer.socket(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  });
  world.signIn();
  const auto client = world.open();
  client->send("break");
  CHECK(client->isClosed(patience));
  {
    const auto other = world.open();
    other->reset();
  }
  CHECK(world.isQuiet());
}

TEST_CASE("a logout ends what its session has open, on both sides, and nobody else's") {
  World world(echo, {.checkSession = 20ms});
  world.signIn();
  const auto client = world.open();
  const std::string cookie = world.cookie;
  world.signIn();
  const auto other = world.open();
  Session session = jar.open(cookie);
  world.fetcher->signOut(session);
  CHECK(client->isClosed(patience));
  other->send("still");
  CHECK(World::receive(*other, 5) == "still");
}

TEST_CASE("without a byte for the idle time both sides are closed") {
  World world(echo, {.idle = 100ms});
  world.signIn();
  const auto client = world.open();
  CHECK(client->isClosed(patience));
  CHECK(world.isQuiet());
}

TEST_CASE("a server that goes, or its transport's context, takes what is open along") {
  for (const bool isSite : {true, false}) {
    CAPTURE(isSite);
    World world(echo, {.checkSession = 20ms});
    world.signIn();
    const auto client = world.open();
    client->send("through");
    CHECK(World::receive(*client, 7) == "through");
    if (isSite) {
      world.site.reset();
      CHECK(client->isClosed(patience));
      CHECK(world.isQuiet());
    } else {
      world.stopLoop();
      client->send("unheard");
    }
  }
}

}  // namespace beast_websocket_test
