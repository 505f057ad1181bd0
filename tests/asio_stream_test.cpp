// Bodies that asioTransport streams, down and up.
#include "support/asio.hpp"
#include "support/support.hpp"

#include <numeric>

namespace asio_stream_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Certificate;
using support::Loop;
using support::next;
using support::Outcome;
using support::RawServer;
using support::wordOf;

namespace {

constexpr std::size_t mebibyte = 1024 * 1024;

// A body of so many pieces, which are asked for one by one; counts them.
AsyncBodyReader piecesOf(std::size_t count, std::size_t size, std::shared_ptr<std::atomic<std::size_t>> given) {
  return [=](const std::function<void(Result<std::string>)>& done) {
    if (*given == count) return done(std::string());
    ++*given;
    done(std::string(size, 'x'));
  };
}

Response responseOf(const support::Answer& answer) {
  auto response = answer.wait();
  REQUIRE(response);
  REQUIRE(response->asyncBodyReader);
  return *response;
}

std::string restOf(const AsyncBodyReader& reader) {
  std::string body;
  while (true) {
    const auto piece = next(reader).wait();
    if (!piece || piece->empty()) return body + (piece ? "" : "|" + wordOf(piece));
    body += *piece;
  }
}

bool becomes(const std::function<bool()>& isSo) {
  const auto end = support::in(5s);
  while (!isSo() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  return isSo();
}

}  // namespace

TEST_CASE("each event arrives before the next one is sent") {
  const Certificate certificate;
  for (const bool overTls : {false, true}) {
    std::promise<void> seen[3];
    const RawServer server(
        [&](support::Peer& peer) {
          static_cast<void>(peer.readRequest());
          peer.put("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
          for (auto& each : seen) {
            peer.put("9\r\ndata: x\n\n\r\n");
            if (each.get_future().wait_for(5s) != std::future_status::ready) return;
          }
          peer.put("0\r\n\r\n");
          peer.waitForHangUp();
        },
        overTls ? &certificate : nullptr);
    Loop loop;
    const auto transport = asioTransport(loop.executor(), {.caCertFile = certificate.file.string()});
    const Request request{.url = server.origin(), .streamsResponse = true};
    const Response response = responseOf(support::ask(transport, request));
    CHECK(response.status == 200);
    CHECK(findHeader(response.headers, "Content-Type") == "text/event-stream");
    for (auto& each : seen) {
      CHECK(wordOf(next(response.asyncBodyReader).wait()) == "data: x\n\n");
      each.set_value();
    }
    CHECK(wordOf(next(response.asyncBodyReader).wait()) == "");
    CHECK(wordOf(next(response.asyncBodyReader).wait()) == "");  // and again
  }
}

TEST_CASE("a body that nobody asks for stays with its server") {
  constexpr std::size_t size = 64 * mebibyte;
  std::atomic<std::size_t> written = 0;
  const RawServer server([&](support::Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
    const std::string block(64 * 1024, 'x');
    while (written < size && peer.put(block)) written += block.size();
    static_cast<void>(peer.readRequest());
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
  });
  Loop loop;
  const auto transport = asioTransport(loop.executor());
  const Request request{.url = server.origin(), .streamsResponse = true, .connectionGroup = "ada"};
  const Response response = responseOf(support::ask(transport, request));
  // What the two sockets hold; then the server waits.
  std::size_t before = 1;
  while (before != written || written == 0) {
    before = written;
    std::this_thread::sleep_for(100ms);
  }
  const std::size_t ahead = written;
  CHECK(ahead < size / 2);
  std::size_t read = 0;
  std::size_t most = 0;
  while (true) {
    const auto piece = next(response.asyncBodyReader).wait();
    REQUIRE(piece);
    if (piece->empty()) break;
    CHECK(piece->size() <= 32 * 1024);
    read += piece->size();
    most = std::max(most, written - std::min<std::size_t>(written, read));
  }
  CHECK(read == size);
  MESSAGE("the server was at most ", most, " bytes ahead, ", ahead, " at first");
  CHECK(most < size / 2);
  CHECK(wordOf(support::ask(transport, {.url = server.origin(), .connectionGroup = "ada"}).wait()) == "200 next");
  CHECK(server.connections() == 1);
}

TEST_CASE("who lets a body go before its end closes the connection") {
  const RawServer server([&](support::Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    peer.waitForHangUp();
  });
  Loop loop;
  const auto transport = asioTransport(loop.executor());
  const Request request{.url = server.origin(), .streamsResponse = true, .connectionGroup = "ada"};
  Response response = responseOf(support::ask(transport, request));
  CHECK(wordOf(next(response.asyncBodyReader).wait()) == "x");
  AsyncBodyReader copy = response.asyncBodyReader;
  response = {};
  std::this_thread::sleep_for(20ms);
  CHECK(server.open() == 1);
  copy = nullptr;
  CHECK(becomes([&] { return server.open() == 0; }));
  static_cast<void>(support::ask(transport, request).wait());  // and its response with it
  CHECK(becomes([&] { return server.open() == 0; }));
}

TEST_CASE("a streamed body that is cut, stops or is stopped says so; what came before can be read") {
  std::promise<void> end;
  const RawServer server([&, isOver = end.get_future().share()](support::Peer& peer) {
    const std::string head = peer.readRequest();
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    if (head.starts_with("GET /cut")) return;
    peer.waitForHangUp();
  });
  Loop loop;
  const auto patient = asioTransport(loop.executor());
  const auto impatient = asioTransport(loop.executor(), {.streamIdle = 100ms});
  const auto ask = [&](const std::string& path, const std::stop_token& stop = {}) {
    const auto& transport = path == "/idle" ? impatient : patient;
    return responseOf(support::ask(transport, {.url = server.origin() + path, .streamsResponse = true}, 10s, stop));
  };
  CHECK(restOf(ask("/cut").asyncBodyReader) == "ab|transport");
  const Response idle = ask("/idle");
  std::this_thread::sleep_for(150ms);  // nobody has asked yet: no time runs
  CHECK(restOf(idle.asyncBodyReader) == "ab|timeout");
  CHECK(wordOf(next(idle.asyncBodyReader).wait()) == "timeout");  // and again
  std::stop_source stop;
  const Response stopped = ask("/stopped", stop.get_token());
  CHECK(wordOf(next(stopped.asyncBodyReader).wait()) == "ab");
  const auto waiting = next(stopped.asyncBodyReader);
  stop.request_stop();
  CHECK(wordOf(waiting.wait()) == "cancelled");
  std::stop_source before;
  const Response unread = ask("/stopped", before.get_token());
  before.request_stop();
  CHECK(restOf(unread.asyncBodyReader) == "ab|cancelled");
  CHECK(becomes([&] { return server.open() == 0; }));
}

TEST_CASE("the deadline is for the head; a body has no limit but memory's") {
  const RawServer server([&](support::Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    std::this_thread::sleep_for(2200ms);
    for (int i = 0; i < 100; ++i) peer.put(std::string(1000, 'x'));
    peer.waitForHangUp();
  });
  Loop loop;
  const auto transport = asioTransport(loop.executor(), {.maxBodySize = 10});
  const Request request{.url = server.origin(), .streamsResponse = true};
  CHECK(restOf(responseOf(support::ask(transport, request, 2s)).asyncBodyReader).size() == 100'000);
}

TEST_CASE("a streamed body that is empty has its end at once, and its connection is kept") {
  const RawServer server([&](support::Peer& peer) {
    while (!peer.readRequest().empty()) peer.put("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  Loop loop;
  const auto transport = asioTransport(loop.executor());
  for (int i = 0; i < 3; ++i) {
    const Request request{.url = server.origin(), .streamsResponse = true, .connectionGroup = "ada"};
    CHECK(restOf(responseOf(support::ask(transport, request)).asyncBodyReader) == "");
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("a body of pieces goes up as its server reads it") {
  std::promise<void> go;
  std::atomic<std::size_t> read = 0;
  const RawServer server([&, mayGo = go.get_future().share()](support::Peer& peer) {
    static_cast<void>(peer.readRequest());
    mayGo.wait_for(5s);
    std::string last;
    while (last.find("0\r\n\r\n") == std::string::npos) {
      const std::string more = peer.get();
      if (more.empty()) return;
      read += more.size();
      last = (last + more).substr(last.size() + more.size() > 100 ? last.size() + more.size() - 100 : 0);
    }
    peer.put("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
  });
  Loop loop;
  const auto transport = asioTransport(loop.executor());
  const auto given = std::make_shared<std::atomic<std::size_t>>(0);
  int opened = 0;
  const Request request{.method = "POST",
                        .url = server.origin(),
                        .openBody = []() -> BodyReader { throw std::runtime_error("is not asked"); },
                        .openAsyncBody = [&] { return ++opened, piecesOf(1024, 64 * 1024, given); }};
  const auto answer = support::ask(transport, request);
  std::size_t before = 1;
  while (before != *given) {
    before = *given;
    std::this_thread::sleep_for(100ms);
  }
  CHECK(before < 512);  // what the two sockets hold
  go.set_value();
  CHECK(wordOf(answer.wait()) == "201 ok");
  CHECK(read > 64 * mebibyte);
  CHECK(opened == 1);
}

TEST_CASE("an upload that its server answers early ends, streamed or not") {
  for (const bool streams : {false, true}) {
    const RawServer server([](support::Peer& peer) {
      static_cast<void>(peer.readRequest());
      peer.put("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
      peer.waitForHangUp();
    });
    Loop loop;
    const auto transport = asioTransport(loop.executor());
    const auto given = std::make_shared<std::atomic<std::size_t>>(0);
    Outcome<std::string> never;
    Request request{.method = "POST", .url = server.origin(), .streamsResponse = streams, .connectionGroup = "ada"};
    request.openAsyncBody = [&] {
      return [&, pieces = piecesOf(2, 1000, given)](const std::function<void(Result<std::string>)>& done) {
        if (*given < 2) pieces(done);
      };  // and then nothing
    };
    auto response = support::ask(transport, request).wait();
    REQUIRE(response);
    CHECK(response->status == 413);
    CHECK((streams ? restOf(response->asyncBodyReader) : response->body) == "no");
    CHECK(becomes([&] { return server.open() == 0; }));  // a request that was not sent whole cannot be followed by one
  }
}

TEST_CASE("a stream that begins while the request is being sent is given when that is over") {
  const RawServer server([](support::Peer& peer) {
    std::string text = peer.readRequest();
    peer.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    while (text.find("0\r\n\r\n") == std::string::npos) text += peer.get();
    peer.put("3\r\ntwo\r\n0\r\n\r\n");
    peer.waitForHangUp();
  });
  Loop loop;
  const auto transport = asioTransport(loop.executor());
  std::promise<std::function<void(Result<std::string>)>> asked;
  Request request{.method = "POST", .url = server.origin(), .streamsResponse = true};
  request.openAsyncBody = [&] {
    return [&](const std::function<void(Result<std::string>)>& done) { asked.set_value(done); };
  };
  const auto answer = support::ask(transport, request);
  const auto give = asked.get_future().get();
  std::this_thread::sleep_for(50ms);
  CHECK_FALSE(answer.isThere());
  give(std::string());
  CHECK(restOf(responseOf(answer).asyncBodyReader) == "onetwo");
}

TEST_CASE("an asynchronous body that fails, throws or cannot be begun ends the request with its error") {
  const RawServer server([](support::Peer& peer) { peer.waitForHangUp(); });
  Loop loop;
  const auto transport = asioTransport(loop.executor());
  const auto ask = [&](std::function<AsyncBodyReader()> open) {
    return wordOf(support::ask(transport, {.method = "POST", .url = server.origin(), .openAsyncBody = open}).wait());
  };
  using Done = std::function<void(Result<std::string>)>;
  CHECK(ask([] { return [](const Done& done) { done(fail(Errc::notAllowed)); }; }) == "notAllowed");
  CHECK(ask([] { return [](const Done&) { throw std::runtime_error("theirs"); }; }) == "malformed");
  CHECK(ask([]() -> AsyncBodyReader { throw std::runtime_error("theirs"); }) == "malformed");
  CHECK(ask([] { return AsyncBodyReader(); }) == "malformed");
}

}  // namespace asio_stream_test
