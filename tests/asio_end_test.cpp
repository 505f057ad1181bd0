// How requests of asioTransport end before their time: deadlines, stops, and an event loop that goes.
#include "support/asio.hpp"
#include "support/support.hpp"

#include <cstring>
#include <dlfcn.h>
#include <netdb.h>
#include <random>

namespace asio_end_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Answer;
using support::Certificate;
using support::DeafListener;
using support::Loop;
using support::next;
using support::Outcome;
using support::RawServer;
using support::wordOf;

namespace {

// Names under `slow.test` are resolved when that is allowed, and not before.
struct SlowNames {
  std::mutex mutex;
  std::condition_variable changed;
  bool mayGoOn = true;
  int waiting = 0;
  void hold() {
    const std::lock_guard lock(mutex);
    mayGoOn = false;
  }
  void release() {
    const std::lock_guard lock(mutex);
    mayGoOn = true;
    changed.notify_all();
  }
} slowNames;

}  // namespace

// The program's own, before the C library's.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  if (host != nullptr && std::strstr(host, "slow.test") != nullptr) {
    std::unique_lock lock(slowNames.mutex);
    ++slowNames.waiting;
    slowNames.changed.notify_all();
    slowNames.changed.wait(lock, [] { return slowNames.mayGoOn; });
    return EAI_NONAME;
  }
  static const auto libc = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return libc(host, service, hints, found);
}

namespace {

// A request for each stage that it can wait in, for ever.
struct Stages {
  Certificate certificate = Certificate();
  DeafListener deaf = DeafListener();
  std::atomic<int> heard = 0;        // connections where something has come
  std::atomic<bool> drains = false;  // a hang-up is not seen before what was sent
  RawServer silent{[this](support::Peer& peer) {
    if (peer.get().empty()) return;
    ++heard;
    peer.waitForHangUp();
  }};
  RawServer full{[this](support::Peer& peer) {
    static_cast<void>(peer.readRequest());
    ++heard;
    drains.wait(false);
    peer.waitForHangUp();
  }};
  RawServer half{[this](support::Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab");
    ++heard;
    peer.waitForHangUp();
  }};

  struct Stage {
    std::string name;
    Request request;
    bool isSent;  // so that the deadline is Errc::timeout
    bool isProxied = false;
    bool isHeard = true;  // by a server
  };
  std::vector<Stage> all() {
    const std::string port = std::to_string(silent.port());
    Request pieces{.method = "POST", .url = silent.origin()};
    pieces.openAsyncBody = [] { return [](const std::function<void(Result<std::string>)>&) {}; };
    return {
        {"resolving", {.url = "https://slow.test/"}, false, false, false},
        {"connecting", {.url = "http://127.0.0.1:" + std::to_string(deaf.port())}, false, false, false},
        {"the proxy's answer", {.url = "https://localhost/"}, false, true},
        {"the TLS handshake", {.url = "https://localhost:" + port}, false},
        {"writing", {.method = "POST", .url = full.origin(), .body = std::string(32'000'000, 'x')}, true},
        {"a piece of the body", pieces, true},
        {"reading the head", {.url = silent.origin()}, true},
        {"reading the body", {.url = half.origin()}, true},
    };
  }
  AsyncTransport transport(Loop& loop, bool isProxied) const {
    TransportOptions options{.connectTimeout = 20s, .caCertFile = certificate.file.string()};
    if (isProxied) options.proxy = silent.origin();
    return asioTransport(loop.executor(), options);
  }
  // Until the stage has been reached.
  void wait(const Stage& stage, int heardBefore) {
    const auto end = support::in(5s);
    while (stage.isHeard && heard == heardBefore && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(1ms);
    }
    if (stage.name == "resolving") {
      std::unique_lock lock(slowNames.mutex);
      slowNames.changed.wait_for(lock, 5s, [] { return slowNames.waiting > 0; });
    }
  }
  [[nodiscard]] bool isClosed() {
    drains = true;
    drains.notify_all();
    const auto end = support::in(5s);
    while (silent.open() + full.open() + half.open() > 0 && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(1ms);
    }
    return silent.open() + full.open() + half.open() == 0;
  }
};

}  // namespace

TEST_CASE("a stop is honoured at every stage, and closes the connection") {
  Stages stages;
  for (const Stages::Stage& stage : stages.all()) {
    CAPTURE(stage.name);
    slowNames.hold();
    Loop loop;
    const auto transport = stages.transport(loop, stage.isProxied);
    std::stop_source stop;
    const int before = stages.heard;
    const Answer answer = support::ask(transport, stage.request, 20s, stop.get_token());
    stages.wait(stage, before);
    CHECK_FALSE(answer.isThere());
    const auto begin = std::chrono::steady_clock::now();
    stop.request_stop();
    CHECK(wordOf(answer.wait()) == "cancelled");
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
    CHECK(stages.isClosed());
    CHECK(answer.calls() == 1);
    CHECK(wordOf(support::ask(transport, stage.request, 20s, stop.get_token()).wait()) == "cancelled");
    CHECK(stages.isClosed());
    slowNames.release();
  }
}

TEST_CASE("the deadline holds at every stage; until something is sent the host was not reached") {
  Stages stages;
  for (const Stages::Stage& stage : stages.all()) {
    CAPTURE(stage.name);
    slowNames.hold();
    Loop loop;
    const auto begin = std::chrono::steady_clock::now();
    const auto time = stage.isSent ? 1000ms : 200ms;
    const Answer answer = support::ask(stages.transport(loop, stage.isProxied), stage.request, time);
    CHECK(wordOf(answer.wait()) == (stage.isSent ? "timeout" : "unreachable"));
    CHECK(std::chrono::steady_clock::now() - begin >= time);
    CHECK(std::chrono::steady_clock::now() - begin < 6s);
    CHECK(stages.isClosed());
    slowNames.release();
  }
}

TEST_CASE("an event loop that goes drops what waits, at every stage; the transport may outlive it") {
  Stages stages;
  for (const Stages::Stage& stage : stages.all()) {
    CAPTURE(stage.name);
    slowNames.hold();
    std::stop_source stop;
    AsyncTransport transport;
    Answer answer;
    {
      Loop loop;
      transport = stages.transport(loop, stage.isProxied);
      const int before = stages.heard;
      answer = support::ask(transport, stage.request, 20s, stop.get_token());
      stages.wait(stage, before);
      loop.stop();
      slowNames.release();  // a context waits for its resolver
    }
    CHECK(answer.isDropped());
    CHECK(answer.calls() == 0);
    CHECK(stages.isClosed());
    stop.request_stop();
    CHECK(support::ask(transport, stage.request).isDropped());
    CHECK(wordOf(blocking(transport)(stage.request, support::in(10s))) == "transport");
  }
}

TEST_CASE("an event loop that goes drops streams and kept connections; their readers may outlive it") {
  Stages stages;
  const RawServer server([](support::Peer& peer) {
    while (!peer.readRequest().empty()) peer.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  AsyncBodyReader paused;
  AsyncBodyReader asked;
  Outcome<std::string> piece;
  AsyncTransport transport;
  {
    Loop loop;
    transport = asioTransport(loop.executor());
    const Request request{.url = stages.half.origin(), .streamsResponse = true};
    paused = support::ask(transport, request).wait()->asyncBodyReader;
    asked = support::ask(transport, request).wait()->asyncBodyReader;
    CHECK(wordOf(next(asked).wait()) == "ab");
    piece = next(asked);
    REQUIRE(support::ask(transport, {.url = server.origin(), .connectionGroup = "ada"}).wait());
    CHECK(server.open() == 1);
  }
  CHECK(stages.isClosed());
  CHECK(piece.isDropped());
  CHECK(piece.calls() == 0);
  CHECK(next(paused).isDropped());
  paused = nullptr;
}

TEST_CASE("the last copy of a transport may go while requests are on their way, also in a completion") {
  std::promise<void> go;
  const RawServer server([&, mayGo = go.get_future().share()](support::Peer& peer) {
    while (!peer.readRequest().empty()) {
      mayGo.wait_for(5s);
      peer.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  Loop loop;
  auto transport = std::make_shared<AsyncTransport>(asioTransport(loop.executor()));
  Answer last;
  const Request request{.url = server.origin(), .connectionGroup = "ada"};
  (*transport)(request, support::in(10s), {}, [own = transport, done = last.done()](Result<Response> response) {
    *own = nullptr;
    done(std::move(response));
  });
  const Answer other = support::ask(*transport, request);
  transport = nullptr;
  go.set_value();
  CHECK(wordOf(last.wait()) == "200 ok");
  CHECK(wordOf(other.wait()) == "200 ok");
  const auto end = support::in(5s);
  while (server.open() > 0 && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  CHECK(server.open() == 0);
}

TEST_CASE("whatever is stopped when: each request is completed once, with its own answer") {
  const RawServer server([](support::Peer& peer) {
    for (std::string head = peer.readRequest(); !head.empty(); head = peer.readRequest()) {
      const std::string path = head.substr(4, head.find(" HTTP/") - 4);
      const std::string size = std::to_string(path.size());
      if (!peer.put("HTTP/1.1 200 OK\r\nContent-Length: " + size + "\r\n\r\n" + path)) return;
    }
  });
  Loop loop(3);
  const auto transport = asioTransport(loop.executor());
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  std::atomic<int> right = 0;
  std::atomic<int> cancelled = 0;
  for (unsigned user = 0; user < 4; ++user) {
    threads.emplace_back([&, user] {
      std::mt19937 random(user);
      for (int i = 0; i < 300; ++i) {
        const std::string path = "/" + std::to_string(user) + "/" + std::to_string(i);
        Request request{.url = server.origin() + path, .connectionGroup = std::to_string(user)};
        request.streamsResponse = random() % 2 == 0;
        std::stop_source stop;
        const Answer answer = support::ask(transport, request, 10s, stop.get_token());
        const auto pause = std::chrono::microseconds(random() % 1000);
        if (random() % 2 == 0) std::this_thread::sleep_for(pause), stop.request_stop();
        Result<Response> response = answer.wait();
        std::string word = wordOf(response);
        if (response && response->asyncBodyReader && random() % 4 != 0) {
          word = "200 ";
          while (true) {
            const auto piece = next(response->asyncBodyReader).wait();
            if (!piece) word = wordOf(piece);
            if (!piece || piece->empty()) break;
            word += *piece;
          }
        } else if (response && response->asyncBodyReader) {
          word = "200 " + path;
        }
        (word == "200 " + path ? right : word == "cancelled" ? cancelled : wrong) += answer.calls();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(right + cancelled == 1200);
  CHECK(right > 0);
}

}  // namespace asio_end_test
