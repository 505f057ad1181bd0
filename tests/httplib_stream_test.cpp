// Bodies that flow through httplibTransport.
#include "support/raw_server.hpp"
#include "support/steps.hpp"
#include "support/support.hpp"

#include <atomic>

#include <ironjar/httplib/transport.hpp>

namespace httplib_stream_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Certificate;
using support::errorOf;
using support::Peer;
using support::RawServer;
using support::Steps;

namespace {

constexpr std::size_t mebibyte = 1024 * 1024;

Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

bool becomes(const std::function<bool()>& isSo) {
  const auto end = in(10s);
  while (!isSo() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  return isSo();
}

Request streamed(const RawServer& server, const std::string& target = "/") {
  return {.url = server.origin() + target, .streamsResponse = true, .connectionGroup = "ada"};
}

std::string wordOf(const Result<std::string>& piece) {
  return piece ? *piece : "|" + std::string(nameOf(piece.error().code));
}

// All that a reader gives, and its error.
std::string restOf(const BodyReader& reader) {
  std::string body;
  while (true) {
    const auto piece = reader();
    if (!piece || piece->empty()) return body + wordOf(piece);
    body += *piece;
  }
}

}  // namespace

TEST_CASE("each event arrives before the next one is sent, over TCP and TLS") {
  const Certificate certificate;
  for (const bool overTls : {false, true}) {
    Steps seen;
    const RawServer server(
        [&](Peer& peer) {
          static_cast<void>(peer.readRequest());
          peer.put("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
          for (std::size_t i = 0; i < 3; ++i) {
            peer.put("9\r\ndata: x\n\n\r\n");
            if (!seen.wait(i)) return;
          }
          peer.put("0\r\nX-Trailer: 1\r\n\r\n");
          static_cast<void>(peer.readRequest());
          peer.put("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
          peer.waitForHangUp();
        },
        overTls ? &certificate : nullptr);
    const Transport transport = httplibTransport({.caCertFile = certificate.file.string()});
    const auto response = transport(streamed(server), in(10s));
    REQUIRE(response);
    REQUIRE(response->bodyReader);
    CHECK(response->status == 200);
    CHECK(findHeader(response->headers, "Content-Type") == "text/event-stream");
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(wordOf(response->bodyReader()) == "data: x\n\n");
      seen.allow(i);
    }
    CHECK(wordOf(response->bodyReader()) == "");
    CHECK(wordOf(response->bodyReader()) == "");  // and again
    // The connection serves again.
    CHECK(restOf(transport(streamed(server), in(10s))->bodyReader) == "next");
    CHECK(server.connections() == 1);
  }
}

TEST_CASE("a body is read from its server as it is asked for, whatever its size") {
  constexpr std::size_t size = 64 * mebibyte;
  std::atomic<std::size_t> written = 0;
  const RawServer server([&](Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
    const std::string block(64 * 1024, 'x');
    while (written < size && peer.put(block)) written += block.size();
    peer.waitForHangUp();
  });
  const auto response = httplibTransport({.maxBodySize = mebibyte})(streamed(server), in(10s));
  REQUIRE(response);
  std::size_t read = 0;
  while (true) {
    const auto piece = response->bodyReader();
    REQUIRE(piece);
    if (piece->empty()) break;
    REQUIRE(piece->size() <= 16 * 1024);
    read += piece->size();
    REQUIRE(written <= read + size / 2);  // what two sockets hold
  }
  CHECK(read == size);
}

TEST_CASE("who lets a streamed body go before its end closes the connection") {
  const RawServer server([&](Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    peer.waitForHangUp();
  });
  const Transport transport = httplibTransport();
  auto response = transport(streamed(server), in(10s));
  REQUIRE(response);
  CHECK(wordOf(response->bodyReader()) == "x");
  BodyReader copy = response->bodyReader;
  response = fail(Errc::cancelled);
  CHECK(server.open() == 1);
  copy = nullptr;
  CHECK(becomes([&] { return server.open() == 0; }));
  static_cast<void>(transport(streamed(server), in(10s)));  // and its response with it
  CHECK(becomes([&] { return server.open() == 0; }));
}

TEST_CASE("a streamed body that is cut, malformed or stops is an error, again and again; what came before is read") {
  const RawServer server([](Peer& peer) {
    const std::string head = peer.readRequest();
    if (head.starts_with("GET /malformed")) {
      peer.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nnone\r\n");
    } else {
      peer.put("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    }
    if (!head.starts_with("GET /cut")) peer.waitForHangUp();
  });
  for (const auto& [path, expected] : {std::pair("/cut", "ab|transport"), std::pair("/malformed", "ab|transport"),
                                       std::pair("/stops", "ab|timeout")}) {
    const std::string target = path;  // clang 14 captures no binding
    CAPTURE(target);
    const Transport transport = httplibTransport({.streamIdle = target == "/stops" ? 100ms : 10'000ms});
    const auto response = transport(streamed(server, target), in(10s));
    REQUIRE(response);
    CHECK(restOf(response->bodyReader).ends_with(expected));
    CHECK(wordOf(response->bodyReader()).starts_with("|"));
    CHECK(becomes([&] { return server.open() == 0; }));
  }
}

TEST_CASE("the deadline is for the head of a streamed response") {
  Steps steps;
  const RawServer server([&](Peer& peer) {
    if (peer.readRequest().starts_with("GET /never")) return peer.waitForHangUp();
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
    if (steps.wait(0)) peer.put("b");
    peer.waitForHangUp();
  });
  const Transport transport = httplibTransport();
  CHECK(errorOf(transport(streamed(server, "/never"), in(2s))) == Errc::timeout);
  const Deadline deadline = in(2s);
  const auto response = transport(streamed(server), deadline);
  REQUIRE(response);
  CHECK(wordOf(response->bodyReader()) == "a");
  std::this_thread::sleep_until(deadline);
  steps.allow(0);
  CHECK(restOf(response->bodyReader) == "b");
}

TEST_CASE("a streamed response without a body has its end at once") {
  const RawServer server([](Peer& peer) {
    while (true) {
      const std::string head = peer.readRequest();
      if (head.empty()) return;
      peer.put(head.starts_with("HEAD")  ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
               : head.starts_with("PUT") ? "HTTP/1.1 204 No Content\r\n\r\n"
                                         : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  const Transport transport = httplibTransport();
  for (const char* method : {"GET", "HEAD", "PUT"}) {
    Request request = streamed(server);
    request.method = method;
    const auto response = transport(request, in(10s));
    REQUIRE(response);
    CHECK(restOf(response->bodyReader) == "");
  }
}

TEST_CASE("an upload that is refused early gives the refusal, one that is welcomed goes on to its end") {
  std::atomic<std::size_t> received = 0;
  const RawServer server([&](Peer& peer) {
    std::string head = peer.readRequest();
    const bool refuses = head.starts_with("POST /refused");
    peer.put(refuses ? "HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge"
                     : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    if (refuses) return peer.waitForHangUp();
    received = head.size() - head.find("\r\n\r\n") - 4;
    while (received < 8 * mebibyte) received += peer.get().size();
    peer.put("0\r\n\r\n");
  });
  const Transport transport = httplibTransport();
  for (const std::string target : {"/refused", "/welcomed"}) {
    CAPTURE(target);
    Request request = streamed(server, target);
    request.method = "POST";
    request.bodySize = 8 * mebibyte;
    request.openAsyncBody = [] {
      const auto left = std::make_shared<std::size_t>(8);
      return [left](const std::function<void(Result<std::string>)>& done) {
        done(std::string(*left > 0 ? mebibyte : 0, 'x'));
        if (*left > 0) --*left;
      };
    };
    const auto response = transport(request, in(20s));
    REQUIRE(response);
    CHECK(response->status == (target == "/refused" ? 413 : 200));
    CHECK(restOf(response->bodyReader) == (target == "/refused" ? "large" : "ok"));
  }
  CHECK(received == 8 * mebibyte);
}

TEST_CASE("while a request is being sent, no more of its response is held than maxBodySize") {
  const RawServer server([](Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
    while (peer.put(chunk)) continue;
  });
  Request request = streamed(server);
  request.method = "POST";
  request.body = std::string(16 * mebibyte, 'x');
  CHECK(errorOf(httplibTransport({.maxBodySize = mebibyte})(request, in(10s))) == Errc::tooLarge);
}

}  // namespace httplib_stream_test
