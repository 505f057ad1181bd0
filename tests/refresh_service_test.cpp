// RefreshService: when it looks, when it refreshes, what it tells, and that it stops at any moment.
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

using namespace ironjar;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using support::errorOf;
using support::FakeClock;
using support::Upstream;

namespace {

using Times = std::vector<milliseconds>;

TokenSet tokens(const std::string& name) { return {.accessToken = "at-" + name, .refreshToken = "rt-" + name}; }

// A token endpoint that answers as told, then with new tokens; it can be made to hang.
class Endpoint {
 public:
  explicit Endpoint(FakeClock clock) : clock_(std::move(clock)) {}

  RefreshCall ask() {
    return [this](const TokenSet&) {
      std::unique_lock lock(mutex_);
      times_.push_back(std::chrono::duration_cast<milliseconds>(clock_() - begin_));
      changed_.notify_all();
      changed_.wait(lock, [this] { return !hangs_; });
      if (!answers_.empty()) {
        const Errc code = answers_.front();
        answers_.pop_front();
        if (code != Errc{}) return RefreshAnswer{.tokens = fail(code)};
      }
      TokenSet fresh = tokens(std::to_string(times_.size()));
      if (lifetime) fresh.expiresAt = clock_() + *lifetime;
      return RefreshAnswer{.tokens = fresh};
    };
  }
  void answer(std::deque<Errc> codes) { answers_ = std::move(codes); }  // Errc{}: new tokens
  void hang() { hangs_ = true; }
  void waitForCall() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !times_.empty(); });
  }
  void answerNow() {
    {
      const std::lock_guard lock(mutex_);
      hangs_ = false;
    }
    changed_.notify_all();
  }
  Times times() {
    const std::lock_guard lock(mutex_);
    return times_;
  }
  std::size_t calls() { return times().size(); }

  std::optional<Seconds> lifetime = 1800s;

 private:
  FakeClock clock_;
  const TimePoint begin_ = clock_();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hangs_ = false;
  std::deque<Errc> answers_;
  Times times_;
};

// Waits that take no time but move the clock, as many as allowed; the next one is real.
class Waits {
 public:
  explicit Waits(FakeClock clock) : clock_(std::move(clock)) {}

  bool hasPassed(milliseconds time) {
    const std::lock_guard lock(mutex_);
    times_.push_back(time);
    changed_.notify_all();
    if (times_.size() > allowed) return false;
    clock_.advance(time);
    return true;
  }
  // The service has done all that it does until then.
  void waitForReal() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return times_.size() > allowed; });
  }
  Times times() {
    const std::lock_guard lock(mutex_);
    return times_;
  }

  std::size_t allowed = 0;

 private:
  FakeClock clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Times times_;
};

struct Fixture {
  RefreshServiceOptions options(TokenSet held = tokens("0")) {
    return {.tokens = std::move(held),
            .coordinator = coordinator,
            .client = "c",
            .call = endpoint.ask(),
            .onRefresh =
                [this](bool success, const TokenSet& now) {
                  const std::lock_guard lock(mutex);
                  told.push_back((success ? "+" : "-") + now.refreshToken);
                },
            .onExpired =
                [this] {
                  const std::lock_guard lock(mutex);
                  told.emplace_back("expired");
                },
            .now = clock,
            .hasPassed = [this](milliseconds time) { return waits.hasPassed(time); }};
  }
  // Lets so many waits pass, and stops it.
  void run(RefreshServiceOptions with, std::size_t allowed) {
    waits.allowed = allowed;
    RefreshService service(std::move(with));
    service.start();
    waits.waitForReal();
    service.stop();
  }
  // Until it has stopped by itself.
  static void waitForEnd(RefreshService& service) {
    while (errorOf(service.refreshNow()) == std::nullopt) std::this_thread::yield();
    service.stop();
  }
  TokenSet endingIn(milliseconds time, const std::string& name = "0") const {
    TokenSet held = tokens(name);
    held.expiresAt = clock() + time;
    return held;
  }
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex);
    return told;
  }

  FakeClock clock;
  Endpoint endpoint{clock};
  Waits waits{clock};
  std::mutex mutex;
  std::vector<std::string> told;
  std::shared_ptr<LocalCoordinator> coordinator = std::make_shared<LocalCoordinator>(LocalCoordinatorOptions{
      .now = [this] { return std::chrono::steady_clock::time_point(clock().time_since_epoch()); }});
};

using Told = std::vector<std::string>;

// A coordinator of somebody else's, that fails in a way of its own.
class Refusing final : public RefreshCoordinator {
 public:
  Result<std::optional<TokenSet>> newest(std::string_view, const TokenSet&, From from_,
                                         const RefreshContext&) override {
    from = from_;
    return std::optional<TokenSet>();
  }
  Result<NewTokens> refresh(std::string_view, const TokenSet&, const RefreshCall&, Deadline deadline_,
                            const RefreshContext&) override {
    deadline = deadline_;
    throw std::runtime_error("no connection");
  }
  void end(std::string_view, const TokenSet&, const RevokeCall&, const Logout&) override {}
  CoordinatorStats stats() const override { return {}; }

  From from = From::cookie;
  Deadline deadline;
};

class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { ::unsetenv(name_); }

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("it looks when it starts and every 5 minutes, and refreshes with less than 10 minutes left") {
  Fixture f;
  f.run(f.options(f.endingIn(30min)), 11);
  CHECK(f.endpoint.times() == Times{25min, 50min});
  CHECK(f.waits.times() == Times(12, 5min));
  CHECK(f.heard() == Told{"+rt-1", "+rt-2"});
}

TEST_CASE("less than the threshold means less") {
  for (const auto& [left, calls] : {std::pair<milliseconds, std::size_t>{42s, 0}, {42s - 1ms, 1}, {-1s, 1}}) {
    Fixture f;
    auto options = f.options(f.endingIn(left));
    options.threshold = 42s;
    f.run(options, 0);
    CHECK(f.endpoint.calls() == calls);
  }
}

TEST_CASE("tokens of unknown expiry are refreshed at every look") {
  Fixture f;
  f.endpoint.lifetime.reset();
  auto options = f.options();
  options.interval = 70ms;
  f.run(options, 3);
  CHECK(f.endpoint.times() == Times{0ms, 70ms, 140ms, 210ms});
  CHECK(f.heard() == Told{"+rt-1", "+rt-2", "+rt-3", "+rt-4"});
}

TEST_CASE("what fails for now is tried again after 1, 2 and 4 s, or when the token may be, then at the next interval") {
  for (const Errc code : {Errc::refreshFailed, Errc::overloaded}) {
    Fixture f;
    f.endpoint.answer(std::deque<Errc>(8, code));
    f.run(f.options(), 8);
    CHECK(f.waits.times() == Times{1s, 2s, 4s, 300s, 16s, 32s, 60s, 300s, 300s});
    CHECK(f.endpoint.calls() == 9);
    CHECK(f.heard() == Told{"-rt-0", "-rt-0", "+rt-9"});
  }
}

TEST_CASE("a retry that succeeds is a success, and the next failure begins with 1 s again") {
  Fixture f;
  f.endpoint.lifetime.reset();
  f.endpoint.answer({Errc::refreshFailed, Errc::refreshFailed, Errc{}, Errc::refreshFailed});
  f.run(f.options(), 4);
  CHECK(f.waits.times() == Times{1s, 2s, 300s, 1s, 300s});
  CHECK(f.heard() == Told{"+rt-3", "+rt-5"});
}

TEST_CASE("retries double without end, but wait no longer than the interval") {
  Fixture f;
  f.endpoint.answer(std::deque<Errc>(40, Errc::refreshFailed));
  auto options = f.options();
  options.retries = 40;
  f.run(options, 39);
  CHECK(f.waits.times()[8] == 256s);
  CHECK(f.waits.times()[9] == 300s);
  CHECK(f.waits.times()[39] == 300s);
  CHECK(f.heard().empty());
}

TEST_CASE("a client that the provider refuses is not tried again before the next interval") {
  Fixture f;
  f.endpoint.answer({Errc::notAllowed});
  f.run(f.options(), 0);
  CHECK(f.waits.times() == Times{300s});
  CHECK(f.heard() == Told{"-rt-0"});
}

TEST_CASE("when the login is over it says so once and stops by itself") {
  Fixture f;
  f.endpoint.answer({Errc::expired});
  RefreshService service(f.options());
  service.start();
  f.waitForEnd(service);
  service.start();
  CHECK(errorOf(service.refreshNow()) == Errc::expired);
  CHECK(f.heard() == Told{"expired"});
  CHECK(f.endpoint.calls() == 1);
  CHECK(f.waits.times().empty());
  CHECK(service.tokens() == tokens("0"));
}

TEST_CASE("when somebody has signed out it stops, without a call") {
  Fixture f;
  f.coordinator->end("c", tokens("0"), nullptr);
  RefreshService service(f.options());
  service.start();
  f.waitForEnd(service);
  CHECK(errorOf(service.refreshNow()) == Errc::loginRequired);
  CHECK(f.heard() == Told{"expired"});
  CHECK(f.endpoint.calls() == 0);
}

TEST_CASE("tokens that a request has brought are taken without a call") {
  Fixture f;
  const TokenSet brought = f.endingIn(30min, "brought");
  const auto byRequest = [&](const TokenSet&) { return RefreshAnswer{.tokens = brought}; };
  REQUIRE(f.coordinator->refresh("c", tokens("0"), byRequest, std::chrono::steady_clock::now() + 20s));
  RefreshService service(f.options(f.endingIn(1min)));
  service.start();
  f.waits.waitForReal();
  CHECK(service.tokens() == brought);
  service.stop();
  CHECK(f.heard() == Told{"+rt-brought"});
  CHECK(f.endpoint.calls() == 0);
}

TEST_CASE("tokens that a request has brought are refreshed when they end soon too, and kept when that fails") {
  Fixture f;
  const auto byRequest = [&](const TokenSet&) { return RefreshAnswer{.tokens = f.endingIn(1min, "brought")}; };
  REQUIRE(f.coordinator->refresh("c", tokens("0"), byRequest, std::chrono::steady_clock::now() + 20s));
  f.endpoint.answer({Errc::notAllowed});
  f.run(f.options(), 1);
  CHECK(f.heard() == Told{"-rt-brought", "+rt-2"});
}

TEST_CASE("stopping in the middle of a wait takes no time") {
  Fixture f;
  auto options = f.options(f.endingIn(24h));
  options.interval = 24h;
  RefreshService service(options);
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
  std::optional<Errc> inside;
  options.onRefresh = [&](bool, const TokenSet& now) {
    CHECK(service->tokens() == now);
    inside = errorOf(service->refreshNow());
    service->start();
    service->stop();
    service->stop();
  };
  service = std::make_unique<RefreshService>(options);
  service->start();
  f.waitForEnd(*service);
  CHECK(inside == Errc::refreshFailed);
  CHECK(f.endpoint.calls() == 1);
  CHECK(f.waits.times().empty());
}

TEST_CASE("a callback may destroy the service") {
  Fixture f;
  f.endpoint.hang();
  f.endpoint.answer({Errc::expired});
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
    service = std::make_unique<RefreshService>(std::move(options));
  }
  service->start();
  f.endpoint.answerNow();
  while (!gone) std::this_thread::yield();
  CHECK(service == nullptr);
}

TEST_CASE("R53 stopping while a call hangs does not wait for it; what it brings is not lost, and nobody is called") {
  Fixture f;
  f.endpoint.hang();
  RefreshService service(f.options());
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
  auto options = f.options(f.endingIn(1min));
  std::unique_ptr<RefreshService> service;
  options.now = [&] {
    service->stop();
    return f.clock();
  };
  service = std::make_unique<RefreshService>(options);
  CHECK(errorOf(service->refreshNow()) == Errc::refreshFailed);
  service.reset();
  CHECK(f.endpoint.calls() == 0);
  CHECK(f.heard().empty());
}

TEST_CASE("it waits for a refresh as long as the timeout says, and no longer for one that throws") {
  Fixture f;
  const auto coordinator = std::make_shared<Refusing>();
  auto options = f.options();
  options.coordinator = coordinator;
  options.timeout = 1234s;
  const auto begin = std::chrono::steady_clock::now();
  f.run(options, 4);
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
  RefreshService service(options);
  service.start();
  while (rounds < 20) std::this_thread::yield();
  service.stop();
  stopped = true;
  CHECK(late == 0);
}

TEST_CASE("starting twice is starting once") {
  Fixture f;
  f.waits.allowed = 3;
  RefreshService service(f.options());
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
  RefreshService service(f.options(f.endingIn(24h)));
  CHECK(service.refreshNow()->refreshToken == "rt-1");
  CHECK(service.refreshNow()->refreshToken == "rt-2");
  f.endpoint.answer({Errc::refreshFailed});
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
  f.endpoint.answer({Errc::refreshFailed});
  RefreshService service(f.options());
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
  RefreshService service(fetcher.serviceOptions(upstream.provider.login()));
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

TEST_CASE("a service and requests with the login's cookie do not get in each other's way") {
  Upstream upstream;
  const Fetcher fetcher(support::fetchOptions(upstream));
  const SessionJar jar({.cookieName = "sid", .passwords = support::password, .commitHooks = fetcher.commitHooks()});
  Session session = jar.open("");
  session.setTokens(upstream.provider.login());
  RefreshService service(fetcher.serviceOptions(*session.tokens()));
  REQUIRE(service.refreshNow());
  upstream.provider.expireAccessTokens();
  const Request items{.url = std::string(support::api) + "/items"};
  CHECK(fetcher.performFetch(session, items)->status == 200);
  const TokenSet held = service.tokens();
  CHECK(session.tokens()->refreshToken != held.refreshToken);
  CHECK(service.refreshNow()->refreshToken == session.tokens()->refreshToken);  // the request has just brought them
  CHECK(upstream.provider.counts().tokenCalls == 2);
  CHECK(upstream.provider.counts().reuses == 0);
}

TEST_CASE("R53 two services of one login make one call, and both stop when somebody signs out") {
  Upstream upstream;
  const Fetcher fetcher(support::fetchOptions(upstream));
  const TokenSet login = upstream.provider.login();
  RefreshService first(fetcher.serviceOptions(login));
  RefreshService second(fetcher.serviceOptions(login));
  upstream.provider.hold();
  std::thread early([&] { CHECK(first.refreshNow()); });
  upstream.provider.waitForTokenCalls(1);
  std::thread late([&] { CHECK(second.refreshNow()); });
  while (fetcher.options().coordinator->stats().waiters < 2) std::this_thread::yield();
  upstream.provider.release();
  early.join();
  late.join();
  CHECK(first.tokens() == second.tokens());
  CHECK(upstream.provider.counts().tokenCalls == 1);
  Session session;
  session.setTokens(first.tokens());
  fetcher.signOut(session);
  for (RefreshService* service : {&first, &second}) CHECK(errorOf(service->refreshNow()) == Errc::loginRequired);
  CHECK(upstream.provider.counts().tokenCalls == 1);
}

TEST_CASE("what a service does is told to the observer") {
  Upstream upstream;
  std::vector<std::string> lines;
  FetchOptions options = support::fetchOptions(upstream);
  options.observer = [&](const Event& event) { lines.push_back(toLine(event).substr(0, toLine(event).find(" took"))); };
  const Fetcher fetcher(options);
  RefreshService service(fetcher.serviceOptions(upstream.provider.login()));
  REQUIRE(service.refreshNow());
  upstream.provider.answerTokenCalls({Response{.status = 503}});
  REQUIRE_FALSE(service.refreshNow());
  CHECK(lines == std::vector<std::string>{
                     "event=refresh_started trigger=service", "event=tokens_answered trigger=service",
                     "event=refreshed role=self trigger=service", "event=refresh_started trigger=service",
                     "event=tokens_answered trigger=service", "event=refresh_failed role=self trigger=service"});
}

TEST_CASE("a callback that throws ends nothing") {
  Fixture f;
  f.endpoint.lifetime.reset();
  auto options = f.options();
  options.onRefresh = [](bool, const TokenSet&) { throw std::runtime_error("callback"); };
  f.run(options, 2);
  CHECK(f.endpoint.calls() == 3);
}

TEST_CASE("what cannot be is refused at once, saying what to change") {
  Fixture f;
  const auto refused = [&](const char* word, void (*change)(RefreshServiceOptions&)) {
    auto options = f.options();
    change(options);
    CHECK_THROWS_WITH_AS(RefreshService{options}, doctest::Contains(word), std::invalid_argument);
  };
  refused("tokens", [](auto& o) { o.tokens.refreshToken.clear(); });
  refused("coordinator", [](auto& o) { o.coordinator.reset(); });
  refused("client", [](auto& o) { o.client.clear(); });
  refused("call", [](auto& o) { o.call = nullptr; });
  refused("now", [](auto& o) { o.now = nullptr; });
  refused("interval", [](auto& o) { o.interval = 0s; });
  refused("interval", [](auto& o) { o.interval = milliseconds::max(); });
  refused("threshold", [](auto& o) { o.threshold = -1ms; });
  refused("threshold", [](auto& o) { o.threshold = milliseconds::max(); });
  refused("timeout", [](auto& o) { o.timeout = 0s; });
  refused("timeout", [](auto& o) { o.timeout = Seconds::max(); });
}

TEST_CASE("the environment sets interval and threshold in milliseconds; what is not set stays") {
  RefreshServiceOptions options;
  applyEnvironment(options);
  CHECK(options.interval == 300s);
  CHECK(options.threshold == 600s);
  const Environment interval("TOKEN_REFRESH_INTERVAL", "1500");
  applyEnvironment(options);
  CHECK(options.interval == 1500ms);
  CHECK(options.threshold == 600s);
  const Environment threshold("TOKEN_REFRESH_THRESHOLD", "2592000000");
  applyEnvironment(options);
  CHECK(options.threshold == 24h * 30);
}

TEST_CASE("garbage in the environment is refused by its name, and changes nothing (G12 unknown-option)") {
  int refused = 0;
  for (const char* name : {"TOKEN_REFRESH_INTERVAL", "TOKEN_REFRESH_THRESHOLD"}) {
    const Environment other(refused == 0 ? "TOKEN_REFRESH_THRESHOLD" : "TOKEN_REFRESH_INTERVAL", "7");
    for (const char* value : {"", " ", "0", "-1", "+5", "5m", "300s", "1e3", "1.5", " 5", "5 ", "0x10", "2592000001",
                              "9223372036854775807", "99999999999999999999"}) {
      const Environment garbage(name, value);
      RefreshServiceOptions options;
      CHECK_THROWS_WITH_AS(applyEnvironment(options), doctest::Contains(name), std::invalid_argument);
      CHECK(options.interval == 300s);
      CHECK(options.threshold == 600s);
      ++refused;
    }
  }
  CHECK(refused == 30);
}

TEST_CASE("100 services are started, asked and stopped by threads at any moment") {
  Fixture f;
  f.endpoint.lifetime.reset();
  f.waits.allowed = SIZE_MAX;
  for (int i = 0; i < 100; ++i) {
    auto options = f.options(tokens("login" + std::to_string(i)));
    auto service = std::make_unique<RefreshService>(options);
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
