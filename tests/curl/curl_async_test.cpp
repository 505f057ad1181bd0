// asyncCurlTransport: one thread for any number of requests, each of which is answered once or dropped with it.
#include "client.hpp"
#include "curl/setup.hpp"

#include <memory>
#include <mutex>
#include <optional>

namespace curl_async_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Asked;
using support::Certificate;
using support::in;
using support::Peer;
using support::RawServer;
using support::wordOf;

namespace {

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// A name server that answers when it is told to.
struct SlowNames {
  std::promise<void> answers;
  std::shared_future<void> isAnswered = answers.get_future();
  [[nodiscard]] detail::Lookup lookup() const {
    return [waits = isAnswered](const std::string&) {
      waits.wait();
      return detail::Addresses{"127.0.0.1"};
    };
  }
};

// A body of which nothing comes, though somebody may still bring it.
AsyncBodyReader silent() {
  using Completion = std::function<void(Result<std::string>)>;
  const auto waiting = std::make_shared<std::vector<Completion>>();
  return [waiting](const Completion& done) { waiting->push_back(done); };
}

}  // namespace

TEST_CASE("a stop is answered at once, wherever the request is, and its connection is closed") {
  SlowNames names;
  const Certificate certificate;
  const support::DeafListener deaf;
  const RawServer mute([](Peer& peer) { peer.waitForHangUp(); });
  const RawServer half([](Peer& peer) {
    static_cast<void>(peer.readRequest());
    peer.put("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.waitForHangUp();
  });
  const std::string mutePort = std::to_string(mute.port());
  const std::vector<std::pair<std::string, Request>> stages = {
      {"resolving", {.url = "http://nowhere.example/"}},
      {"connecting", {.url = "http://127.0.0.1:" + std::to_string(deaf.port())}},
      {"in the TLS handshake", {.url = "https://127.0.0.1:" + mutePort}},
      {"waiting for the response", {.url = mute.origin()}},
      {"sending", {.method = "POST", .url = mute.origin(), .openAsyncBody = silent}},
      {"reading the body", {.url = half.origin()}}};
  const auto transport = detail::makeAsyncCurlTransport({}, names.lookup());
  for (const auto& each : stages) {
    const Request& request = each.second;
    CAPTURE(each.first);
    std::stop_source stop;
    Asked asked;
    transport(request, in(20s), stop.get_token(), asked.done());
    CHECK_FALSE(asked.isThere(50ms));
    const auto begin = std::chrono::steady_clock::now();
    stop.request_stop();
    CHECK(wordOf(asked.get()) == "cancelled");
    CHECK(std::chrono::steady_clock::now() - begin < 2s);
    CHECK(support::eventually([&] { return mute.open() + half.open() == 0; }));
    CHECK(asked.calls() == 1);
  }
  Asked late;
  std::stop_source stopped;
  stopped.request_stop();
  transport({.url = mute.origin()}, in(20s), stopped.get_token(), late.done());
  CHECK(wordOf(late.get()) == "cancelled");
  names.answers.set_value();
}

TEST_CASE("the deadline holds at every stage; before anything was sent it is unreachable") {
  SlowNames names;
  const support::DeafListener deaf;
  const RawServer mute([](Peer& peer) { peer.waitForHangUp(); });
  const auto async = detail::makeAsyncCurlTransport({}, names.lookup());
  const auto waits = detail::makeCurlTransport({}, names.lookup());
  for (const Transport& transport : {blocking(async), waits}) {
    const auto ask = [&](const std::string& url, std::chrono::milliseconds time = 100ms) {
      const auto begin = std::chrono::steady_clock::now();
      const std::string word = wordOf(transport({.url = url}, in(time)));
      CHECK(std::chrono::steady_clock::now() - begin < 5s);
      return word;
    };
    CHECK(ask("http://nowhere.example/") == "unreachable");
    CHECK(ask("http://127.0.0.1:" + std::to_string(deaf.port())) == "unreachable");
    CHECK(ask("https://127.0.0.1:" + std::to_string(mute.port())) == "unreachable");
    CHECK(ask(mute.origin(), 1s) == "timeout");
  }
  names.answers.set_value();
}

TEST_CASE("a transport that goes drops what is in flight, promptly, and what waits for a name") {
  SlowNames names;
  const RawServer mute([](Peer& peer) { peer.waitForHangUp(); });
  const std::vector<Request> requests = {{.url = mute.origin()}, {.url = "http://nowhere.example/"}};
  const auto held = std::make_shared<int>(0);
  std::atomic<int> called = 0;
  auto begin = std::chrono::steady_clock::now();
  {
    const auto transport = detail::makeAsyncCurlTransport({}, names.lookup());
    for (const Request& request : requests) {
      for (int i = 0; i < 10; ++i) transport(request, in(60s), {}, [held, &called](const auto&) { ++called; });
    }
    CHECK(support::eventually([&] { return mute.open() == 10; }));
    begin = std::chrono::steady_clock::now();
  }
  CHECK(std::chrono::steady_clock::now() - begin < 3s);
  CHECK(called == 0);
  CHECK(held.use_count() == 1);
  CHECK(support::eventually([&] { return mute.open() == 0; }));
  names.answers.set_value();
}

TEST_CASE("a transport may go within a completion, and be used there") {
  const RawServer server([](Peer& peer) {
    while (!peer.readRequest().empty()) peer.put(ok);
  });
  std::promise<std::string> second;
  const Request request{.url = server.origin()};
  auto transport = std::make_unique<AsyncTransport>(asyncCurlTransport());
  (*transport)(request, in(10s), {}, [&](const auto&) {
    (*transport)(request, in(10s), {}, [&](const auto& response) {
      transport.reset();
      second.set_value(wordOf(response));
    });
  });
  CHECK(second.get_future().get() == "200 ok");
}

TEST_CASE("what a completion throws is nobody's, and the next one comes") {
  const RawServer server([](Peer& peer) {
    while (!peer.readRequest().empty()) peer.put(ok);
  });
  const Request request{.url = server.origin()};
  const auto transport = asyncCurlTransport();
  transport(request, in(10s), {}, [](const auto&) { throw std::runtime_error("theirs"); });
  Asked asked;
  transport(request, in(10s), {}, asked.done());
  CHECK(wordOf(asked.get()) == "200 ok");
}

TEST_CASE("1,000 requests at a time cost one thread, and no descriptor afterwards") {
  constexpr std::size_t many = 1000;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t waiting = 0;
  bool isOpen = false;
  std::optional<RawServer> server(std::in_place, [&](Peer& peer) {
    if (peer.readRequest().empty()) return;
    {
      std::unique_lock lock(mutex);
      if (++waiting == many) changed.notify_all();  // not each time: all would wake to wait on
      changed.wait(lock, [&] { return isOpen; });
    }
    peer.put(ok);
  });
  const std::size_t before = support::descriptors();
  {
    const auto transport = asyncCurlTransport();
    const std::size_t threadsBefore = support::threads();
    std::vector<Asked> asked(many);
    const Request request{.url = server->origin()};
    for (Asked& each : asked) transport(request, in(60s), {}, each.done());
    {
      std::unique_lock lock(mutex);
      CHECK(changed.wait_for(lock, 60s, [&] { return waiting == many; }));
    }
    CHECK(support::threads() < threadsBefore + many + 10);  // the server's; of earlier tests some may have been ending
    {
      const std::lock_guard lock(mutex);
      isOpen = true;
      changed.notify_all();
    }
    std::size_t answered = 0;
    for (const Asked& each : asked) answered += wordOf(each.get()) == "200 ok" ? 1U : 0U;
    CHECK(answered == many);
  }
  CHECK(support::eventually([&] { return server->open() == 0; }));
  CHECK(support::eventually([&] { return support::descriptors() <= before; }));
}

TEST_CASE("10,000 requests that are cancelled, late or dropped at random are answered once or not at all") {
  constexpr int many = 10'000;
  const RawServer server([](Peer& peer) {
    for (std::string head = peer.readRequest(); !head.empty(); head = peer.readRequest()) {
      if (head.find("GET /mute") == 0) return peer.waitForHangUp();
      if (head.find("GET /gone") == 0) return;
      peer.put(ok);
    }
  });
  std::atomic<int> once = 0;
  std::atomic<int> more = 0;
  std::vector<Request> requests;
  for (const char* target : {"/", "/1", "/2", "/mute", "/gone"}) {
    for (const char* group : {"", "ada", "bob"}) {
      requests.push_back({.url = server.origin() + target, .connectionGroup = group});
    }
  }
  for (int round = 0; round < many / 100; ++round) {
    auto transport = asyncCurlTransport({.maxIdle = 8});
    std::vector<std::stop_source> stops(100);
    std::vector<std::shared_ptr<std::atomic<int>>> calls;
    for (int i = 0; i < 100; ++i) {
      calls.push_back(std::make_shared<std::atomic<int>>(0));
      const Request& request = requests[static_cast<std::size_t>(i) % requests.size()];
      const auto time = std::chrono::milliseconds(i % 7 == 0 ? 1 : 10'000);
      transport(request, in(time), stops[static_cast<std::size_t>(i)].get_token(),
                [count = calls.back()](const auto&) { ++*count; });
      if (i % 4 == 0) stops[static_cast<std::size_t>(i / 2)].request_stop();
    }
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(round % 5));
    transport = nullptr;
    for (const auto& count : calls) {
      once += *count == 1 ? 1 : 0;
      more += *count > 1 ? 1 : 0;
    }
  }
  CHECK(once > 0);
  CHECK(more == 0);
}

}  // namespace curl_async_test
