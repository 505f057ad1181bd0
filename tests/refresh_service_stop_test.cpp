// RefreshService among threads and callbacks: asked, stopped and destroyed at any moment.
#include "support/served.hpp"
#include "support/upstream.hpp"

#include <atomic>
#include <thread>

namespace refresh_service_stop_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::Served;
using Told = std::vector<std::string>;
using support::errorOf;
using support::Times;
using support::tokens;
using support::Upstream;

namespace {

// A coordinator of somebody else's, that fails in a way of its own.
class Refusing final : public RefreshCoordinator {
 public:
  Result<std::optional<TokenSet>> newest(std::string_view, const TokenSet&, From from_,
                                         const RefreshContext&) override {
    from = from_;
    return std::optional<TokenSet>();
  }
  void startRefresh(std::string_view, const TokenSet&, const RefreshCall&, Deadline deadline_, const RefreshContext&,
                    RefreshHandler) override {
    deadline = deadline_;
    throw std::runtime_error("no connection");
  }
  void end(std::string_view, const TokenSet&, const RevokeCall&, const Logout&) override {}
  CoordinatorStats stats() const override { return {}; }

  From from = From::cookie;
  Deadline deadline;
};

}  // namespace

TEST_CASE("stopping in the middle of a wait takes no time") {
  Fixture f;
  auto options = f.options();
  options.interval = 24h;
  RefreshService service(f.source(), f.endingIn(24h), options);
  service.start();
  f.waits.waitForReal();
  service.stop();  // or the test times out
  service.stop();
  CHECK(errorOf(service.refreshNow()) == Errc::refreshFailed);
  CHECK(f.endpoint.calls() == 0);
}

TEST_CASE("stopping and everything else inside a callback is fine") {
  Fixture f;
  auto options = f.options();
  std::unique_ptr<RefreshService> service;
  support::Failure inside;
  options.onRefresh = [&](bool, const TokenSet& now) {
    CHECK(service->tokens() == now);
    inside = errorOf(service->refreshNow());
    service->start();
    service->stop();
    service->stop();
  };
  service = std::make_unique<RefreshService>(f.source(), tokens("0"), options);
  service->start();
  f.waitForEnd(*service);
  CHECK(inside == Errc::refreshFailed);
  CHECK(f.endpoint.calls() == 1);
  CHECK(f.waits.times().empty());
}

TEST_CASE("a callback may destroy the service") {
  Fixture f;
  f.endpoint.hang();
  f.endpoint.answer({loginOver(RefreshEnd::invalidGrant)});
  std::atomic<bool> gone = false;
  struct Guard {
    std::atomic<bool>& gone;
    ~Guard() { gone = true; }
  };
  std::unique_ptr<RefreshService> service;
  {
    auto options = f.options();
    options.onExpired = [&service, guard = std::make_shared<Guard>(Guard{gone})] { service.reset(); };
    gone = false;
    service = std::make_unique<RefreshService>(f.source(), tokens("0"), std::move(options));
  }
  service->start();
  f.endpoint.answerNow();
  while (!gone) std::this_thread::yield();
  CHECK(service == nullptr);
}

TEST_CASE("R53 stopping while a call hangs does not wait for it; what it brings is not lost, and nobody is called") {
  Fixture f;
  f.endpoint.hang();
  RefreshService service(f.source(), tokens("0"), f.options());
  service.start();
  f.endpoint.waitForCall();
  service.stop();
  service.stop();
  CHECK(service.tokens() == tokens("0"));
  CHECK(errorOf(service.refreshNow()) == Errc::refreshFailed);
  f.endpoint.answerNow();
  while (service.tokens() == tokens("0")) std::this_thread::yield();
  CHECK(service.tokens().refreshToken == "rt-1");
  service.stop();
  CHECK(f.heard().empty());
  CHECK(f.coordinator->newest("c", tokens("0"), RefreshCoordinator::From::memory).value() == service.tokens());
}

TEST_CASE("no refresh begins after stop(), however late in a look it comes") {
  Fixture f;
  std::unique_ptr<RefreshService> service;
  TokenSource source = f.source();
  source.now = [&] {
    service->stop();
    return f.clock.wallNow();
  };
  service = std::make_unique<RefreshService>(source, f.endingIn(1min), f.options());
  CHECK(errorOf(service->refreshNow()) == Errc::refreshFailed);
  service.reset();
  CHECK(f.endpoint.calls() == 0);
  CHECK(f.heard().empty());
}

TEST_CASE("it waits for a refresh as long as the timeout says, and no longer for one that throws") {
  Fixture f;
  const auto coordinator = std::make_shared<Refusing>();
  TokenSource source = f.source();
  source.coordinator = coordinator;
  auto options = f.options();
  options.timeout = 1234s;
  const auto begin = std::chrono::steady_clock::now();
  f.run(source, tokens("0"), options, 4);
  CHECK(coordinator->from == RefreshCoordinator::From::memory);
  CHECK(coordinator->deadline - begin >= 1234s);
  CHECK(coordinator->deadline - std::chrono::steady_clock::now() <= 1234s);
  CHECK(f.waits.times() == Times{1s, 2s, 4s, 300s, 1s});
  CHECK(f.heard() == Told{"-rt-0"});
}

TEST_CASE("no callback begins after stop() has returned") {
  Fixture f;
  std::atomic<bool> stopped = false;
  std::atomic<int> late = 0;
  std::atomic<int> rounds = 0;
  f.endpoint.lifetime.reset();
  f.waits.allowed = SIZE_MAX;
  auto options = f.options();
  options.onRefresh = [&](bool, const TokenSet&) {
    late += stopped.load();
    ++rounds;
  };
  RefreshService service(f.source(), tokens("0"), options);
  service.start();
  while (rounds < 20) std::this_thread::yield();
  service.stop();
  stopped = true;
  CHECK(late == 0);
}

TEST_CASE("starting twice is starting once") {
  Fixture f;
  f.waits.allowed = 3;
  RefreshService service(f.source(), tokens("0"), f.options());
  service.start();
  service.start();
  f.waits.waitForReal();
  service.start();
  service.stop();
  service.start();
  CHECK(f.waits.times() == Times(4, 300s));
  CHECK(f.endpoint.calls() == 1);
}

TEST_CASE("refreshNow() works before the start, which then looks at once") {
  Fixture f;
  RefreshService service(f.source(), f.endingIn(24h), f.options());
  CHECK(service.refreshNow()->refreshToken == "rt-1");
  CHECK(service.refreshNow()->refreshToken == "rt-2");
  f.endpoint.answer({fail(Errc::refreshFailed)});
  CHECK(errorOf(service.refreshNow()) == Errc::refreshFailed);
  CHECK(service.tokens().refreshToken == "rt-2");
  CHECK(f.waits.times().empty());
  service.start();
  f.waits.waitForReal();
  service.stop();
  CHECK(f.waits.times() == Times{300s});
  CHECK(f.heard() == Told{"+rt-1", "+rt-2", "-rt-2"});
}

TEST_CASE("refreshNow() ends a wait, between intervals as between retries") {
  Fixture f;
  f.endpoint.answer({fail(Errc::refreshFailed)});
  RefreshService service(f.source(), tokens("0"), f.options());
  service.start();
  f.waits.waitForReal();                                 // for the first retry
  CHECK(service.refreshNow().error().retryAfter == 1s);  // the token has its pause
  f.clock.advance(1s);
  CHECK(service.refreshNow()->refreshToken == "rt-2");
  CHECK(service.refreshNow()->refreshToken == "rt-3");
  service.stop();
  CHECK(f.waits.times()[0] == 1s);
  CHECK(f.heard().back() == "+rt-3");
}

TEST_CASE("refreshNow() of many threads: each gets new tokens, no refresh token is spent twice") {
  Upstream upstream;
  const Fetcher fetcher(support::fetchOptions(upstream));
  RefreshService service(fetcher.tokenSource(), upstream.provider.login());
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&] { good += service.refreshNow().has_value(); });
  }
  service.start();
  for (std::thread& thread : threads) thread.join();
  service.stop();
  CHECK(good == 20);
  CHECK(upstream.provider.counts().reuses == 0);
}

TEST_CASE("a callback that throws ends nothing") {
  Fixture f;
  f.endpoint.lifetime.reset();
  auto options = f.options();
  options.onRefresh = [](bool, const TokenSet&) { throw std::runtime_error("callback"); };
  f.run(f.source(), tokens("0"), options, 2);
  CHECK(f.endpoint.calls() == 3);
}

TEST_CASE("100 services are started, asked and stopped by threads at any moment") {
  Fixture f;
  f.endpoint.lifetime.reset();
  f.waits.allowed = SIZE_MAX;
  for (int i = 0; i < 100; ++i) {
    auto options = f.options();
    auto service = std::make_unique<RefreshService>(f.source(), tokens("login" + std::to_string(i)), options);
    std::vector<std::thread> threads;
    threads.emplace_back([&] { service->start(); });
    threads.emplace_back([&] { static_cast<void>(service->refreshNow()); });
    threads.emplace_back([&] { CHECK_FALSE(service->tokens().refreshToken.empty()); });
    threads.emplace_back([&] { service->stop(); });
    if (i % 2 == 0) service->stop();
    for (std::thread& thread : threads) thread.join();
    service.reset();
  }
  CHECK(f.heard().size() <= f.endpoint.calls());
}

}  // namespace refresh_service_stop_test
