// Bodies that flow, both ways, with bounded memory.
#include "client.hpp"

#include <fstream>
#include <mutex>
#include <optional>

namespace curl_stream_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Asked;
using support::Certificate;
using support::curlTransports;
using support::in;
using support::Peer;
using support::RawServer;
using support::readAll;
using support::wordOf;

namespace {

const std::string events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string chunk(const std::string& text) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + text + "\r\n";
}

// What a server does next, when the test says so.
class Steps {
 public:
  void allow() {
    const std::lock_guard lock(mutex_);
    ++allowed_;
    changed_.notify_all();
  }
  // False when it takes too long.
  bool take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 10s, [this] { return allowed_ > 0; })) return false;
    --allowed_;
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int allowed_ = 0;
};

// In KiB. Nothing under AddressSanitizer, which holds back what was freed.
std::size_t residentMemory() {
#if defined(__has_feature)
  if (__has_feature(address_sanitizer)) return 0;
#endif
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stoul(line.substr(6));
  }
  return 0;
}

Request streamed(std::string url) { return {.url = std::move(url), .streamsResponse = true}; }

// A reader of so many bytes, and how many were taken.
BodyReader bytes(std::size_t size, std::atomic<std::size_t>* taken = nullptr) {
  return [left = size, taken]() mutable -> Result<std::string> {
    const std::size_t piece = std::min<std::size_t>(left, 50'000);
    left -= piece;
    if (taken != nullptr) *taken += piece;
    return std::string(piece, 'x');
  };
}
AsyncBodyReader asynchronous(BodyReader reader) {
  return [reader = std::move(reader)](const auto& done) { done(reader()); };
}

// Reads chunks without keeping them; sends back as much as it has read, as it comes.
void echo(Peer& peer) {
  std::string seen = peer.readRequest();
  seen.erase(0, seen.find("\r\n\r\n") + 4);
  if (!peer.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")) return;
  while (seen.find("0\r\n\r\n") == std::string::npos) {
    if (!seen.empty() && !peer.put(chunk(std::string(seen.size(), 'y')))) return;
    const std::string tail = seen.substr(seen.size() > 8 ? seen.size() - 8 : 0);
    seen = peer.get();
    if (seen.empty()) return;
    if ((tail + seen).find("\r\n0\r\n\r\n") != std::string::npos) break;
  }
  peer.put("0\r\n\r\n");
}

}  // namespace

TEST_CASE("a streamed response comes at its head, and each event when it was sent") {
  for (const bool isTls : {false, true}) {
    const Certificate certificate;
    Steps steps;
    const RawServer server(
        [&](Peer& peer) {
          static_cast<void>(peer.readRequest());
          peer.put(events);
          for (int i = 0; i < 3 && steps.take(); ++i) peer.put(chunk("data: " + std::to_string(i) + "\n\n"));
          if (steps.take()) peer.put("0\r\n\r\n");
        },
        isTls ? &certificate : nullptr);
    for (const auto& each : curlTransports({.caCertFile = certificate.file.string()})) {
      const Transport& transport = each.second;
      CAPTURE(each.first);
      const auto response = transport(streamed(server.origin()), in(10s));
      REQUIRE(response);
      REQUIRE(response->bodyReader);
      CHECK(response->status == 200);
      CHECK(findHeader(response->headers, "Content-Type") == "text/event-stream");
      for (int i = 0; i < 3; ++i) {
        steps.allow();
        CHECK(response->bodyReader().value() == "data: " + std::to_string(i) + "\n\n");
      }
      steps.allow();
      CHECK(response->bodyReader().value() == "");
      CHECK(response->bodyReader().value() == "");
    }
  }
}

TEST_CASE("a streamed response that is short, empty or none") {
  struct Case {
    std::string answer;
    std::string body;
  };
  const std::vector<Case> cases = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole", "whole"},
      {"HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
      {"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end", "to the end"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut", "cut|transport"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ncut\r\nx\r\n", "cut|transport"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.answer);
    const RawServer server([&](Peer& peer) {
      static_cast<void>(peer.readRequest());
      peer.put(one.answer);
    });
    for (const auto& each : curlTransports()) {
      const Transport& transport = each.second;
      const auto response = transport(streamed(server.origin()), in(10s));
      REQUIRE(response);
      CHECK(readAll(response->bodyReader) == one.body);
    }
  }
  const RawServer silent([](Peer& peer) { static_cast<void>(peer.readRequest()); });
  for (const auto& each : curlTransports()) {
    const Transport& transport = each.second;
    CHECK(wordOf(transport(streamed(silent.origin()), in(10s))) == "transport");
  }
}

TEST_CASE("a connection serves again when the streamed body was read to its end, and is closed when it was not") {
  const RawServer server([](Peer& peer) {
    while (!peer.readRequest().empty())
      peer.put("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  });
  for (const auto& each : curlTransports({.idleTimeout = 60s})) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    const int before = server.connections();
    const int open = server.open();
    Request request = streamed(server.origin());
    request.connectionGroup = "ada";
    for (int i = 0; i < 2; ++i) CHECK(readAll(transport(request, in(10s))->bodyReader).size() == 100'000);
    CHECK(server.connections() == before + 1);
    CHECK_FALSE(transport(request, in(10s))->bodyReader().value().empty());
    CHECK(support::eventually([&] { return server.open() == open; }));
    CHECK(readAll(transport(request, in(10s))->bodyReader).size() == 100'000);
    CHECK(server.connections() == before + 2);
  }
}

TEST_CASE("the deadline was for the head; a piece that does not come in time is a timeout, and closes the connection") {
  const RawServer server([](Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put(events + chunk("one"));
    peer.waitForHangUp();
  });
  for (const auto& each : curlTransports({.streamIdle = 2500ms})) {
    const Transport& transport = each.second;
    const auto begin = std::chrono::steady_clock::now();
    const auto response = transport(streamed(server.origin()), in(2s));
    REQUIRE(response);
    CHECK(readAll(response->bodyReader) == "one|timeout");
    CHECK(std::chrono::steady_clock::now() - begin >= 2500ms);
    CHECK(support::eventually([&] { return server.open() == 0; }));
  }
}

TEST_CASE("nobody reads: the server is held up, and nothing is collected") {
  constexpr std::size_t size = std::size_t{64} << 20U;
  std::atomic<std::size_t> sent = 0;
  const std::string block(1 << 16, 'x');
  const RawServer server([&](Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
    for (std::size_t at = 0; at < size && peer.put(block); at += block.size()) sent += block.size();
  });
  for (const auto& each : curlTransports()) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    sent = 0;
    const std::size_t before = residentMemory();
    const auto response = transport(streamed(server.origin()), in(10s));
    REQUIRE(response);
    std::size_t seen = 0;
    CHECK(support::eventually([&] { return sent > 0 && seen == std::exchange(seen, sent); }));
    CHECK(sent < size / 2);  // what sockets hold
    std::size_t received = 0;
    for (auto piece = response->bodyReader(); piece && !piece->empty(); piece = response->bodyReader()) {
      received += piece->size();
    }
    CHECK(received == size);
    CHECK(residentMemory() < before + 16 * 1024);
  }
}

TEST_CASE("64 MiB up and 64 MiB down at the same time, with bounded memory") {
  constexpr std::size_t size = std::size_t{64} << 20U;
  const RawServer server(echo);
  for (const auto& each : curlTransports()) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    Request request = streamed(server.origin());
    request.method = "POST";
    request.openBody = [] { return bytes(size); };
    request.openAsyncBody = [] { return asynchronous(bytes(size)); };
    const std::size_t before = residentMemory();
    const auto response = transport(request, in(10s));
    REQUIRE(response);
    std::size_t received = 0;
    auto piece = response->bodyReader();
    for (; piece && !piece->empty(); piece = response->bodyReader()) received += piece->size();
    CHECK(piece.has_value());
    CHECK(received >= size);
    CHECK(residentMemory() < before + 16 * 1024);
  }
}

TEST_CASE("an upload is taken from its reader no faster than the server reads it") {
  const RawServer server([](Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.waitForHangUp();
  });
  Steps steps;
  const RawServer unread([&](Peer& peer) {
    if (peer.get().empty() || !steps.take()) return;
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    peer.waitForHangUp();
  });
  std::atomic<std::size_t> taken = 0;
  Request request{.method = "PUT", .url = unread.origin()};
  request.openAsyncBody = [&] { return asynchronous(bytes(std::size_t{1} << 40U, &taken)); };
  Asked asked;
  const auto transport = asyncCurlTransport();
  transport(request, in(20s), {}, asked.done());
  std::size_t seen = 0;
  CHECK(support::eventually([&] { return taken > 0 && seen == std::exchange(seen, taken); }));
  CHECK(taken < (std::size_t{32} << 20U));
  steps.allow();
  CHECK(wordOf(asked.get()) == "200 ok");  // early, and the rest is not sent
}

TEST_CASE("an upload's pieces may come late, from another thread, or be an error") {
  const RawServer server([](Peer& peer) {
    std::string seen;
    while (seen.find("0\r\n\r\n") == std::string::npos) {
      const std::string more = peer.get();
      if (more.empty()) return;
      seen += more;
    }
    const std::string body = seen.substr(seen.find("\r\n\r\n") + 4);
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  });
  const auto transport = asyncCurlTransport();
  const auto upload = [&](std::vector<Result<std::string>> pieces) {
    std::vector<std::thread> threads;
    Request request{.method = "POST", .url = server.origin()};
    request.openAsyncBody = [&] {
      return [&, next = std::make_shared<std::size_t>(0)](const auto& done) {
        threads.emplace_back([&, next, done] {
          std::this_thread::sleep_for(5ms);
          done(pieces[(*next)++]);
        });
      };
    };
    Asked asked;
    transport(request, in(10s), {}, asked.done());
    const std::string word = wordOf(asked.get());
    for (std::thread& thread : threads) thread.join();
    return word;
  };
  CHECK(upload({std::string("one"), std::string("two"), std::string()}) == "200 3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
  CHECK(upload({std::string("one"), fail(Errc::notAllowed)}) == "notAllowed");
  CHECK(upload({std::string()}) == "200 0\r\n\r\n");
}

TEST_CASE("a stream outlives the transport that is gone as an error, not as a wait") {
  const RawServer server([](Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put(events + chunk("one"));
    peer.waitForHangUp();
  });
  Asked asked;
  const Request request = streamed(server.origin());
  auto transport = asyncCurlTransport();
  transport(request, in(10s), {}, asked.done());
  const auto response = asked.get();
  REQUIRE(response);
  std::atomic<bool> isDropped = false;
  const std::shared_ptr<void> held(nullptr, [&](void*) { isDropped = true; });
  std::promise<std::string> first;
  response->asyncBodyReader([&](auto piece) { first.set_value(piece.value_or("")); });
  CHECK(first.get_future().get() == "one");
  response->asyncBodyReader([held = std::move(const_cast<std::shared_ptr<void>&>(held))](const auto&) {});
  transport = nullptr;
  CHECK(isDropped);
  CHECK(support::eventually([&] { return server.open() == 0; }));
  std::promise<Errc> late;
  response->asyncBodyReader([&](const auto& piece) { late.set_value(piece ? Errc{} : piece.error().code); });
  CHECK(late.get_future().get() == Errc::transport);
}

TEST_CASE("who lets go of the response while it waits for a piece is told so") {
  const RawServer server([](Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put(events);
    peer.waitForHangUp();
  });
  std::promise<Errc> told;
  const Request request = streamed(server.origin());
  const auto transport = asyncCurlTransport();
  transport(request, in(10s), {}, [&](const Result<Response>& response) {
    response->asyncBodyReader([&](const auto& piece) { told.set_value(piece ? Errc{} : piece.error().code); });
  });
  CHECK(told.get_future().get() == Errc::cancelled);
  CHECK(support::eventually([&] { return server.open() == 0; }));
}

}  // namespace curl_stream_test
