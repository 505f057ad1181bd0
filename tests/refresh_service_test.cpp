// RefreshService: when it looks, when it refreshes, what it tells, and what it refuses.
#include "support/served.hpp"
#include "support/upstream.hpp"

#include <cstdlib>
#include <thread>

namespace refresh_service_test {

using namespace ironjar;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Fixture = support::Served;
using Told = std::vector<std::string>;
using support::errorOf;
using support::soon;
using support::Times;
using support::tokens;
using support::Upstream;

namespace {

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
  f.run(f.source(), f.endingIn(30min), f.options(), 11);
  CHECK(f.endpoint.times() == Times{25min, 50min});
  CHECK(f.waits.times() == Times(12, 5min));
  CHECK(f.heard() == Told{"+rt-1", "+rt-2"});
}

TEST_CASE("less than the threshold means less") {
  for (const auto& [left, calls] : {std::pair<milliseconds, std::size_t>{42s, 0}, {42s - 1ms, 1}, {-1s, 1}}) {
    Fixture f;
    auto options = f.options();
    options.threshold = 42s;
    f.run(f.source(), f.endingIn(left), options, 0);
    CHECK(f.endpoint.calls() == calls);
  }
}

TEST_CASE("tokens of unknown expiry are refreshed at every look") {
  Fixture f;
  f.endpoint.lifetime.reset();
  auto options = f.options();
  options.interval = 70ms;
  f.run(f.source(), tokens("0"), options, 3);
  CHECK(f.endpoint.times() == Times{0ms, 70ms, 140ms, 210ms});
  CHECK(f.heard() == Told{"+rt-1", "+rt-2", "+rt-3", "+rt-4"});
}

TEST_CASE("what fails for now is tried again after 1, 2 and 4 s, or when the token may be, then at the next interval") {
  for (const Errc code : {Errc::refreshFailed, Errc::overloaded}) {
    Fixture f;
    f.endpoint.answer(std::deque<std::optional<Error>>(8, fail(code)));
    f.run(f.source(), tokens("0"), f.options(), 8);
    CHECK(f.waits.times() == Times{1s, 2s, 4s, 300s, 16s, 32s, 60s, 300s, 300s});
    CHECK(f.endpoint.calls() == 9);
    CHECK(f.heard() == Told{"-rt-0", "-rt-0", "+rt-9"});
  }
}

TEST_CASE("a retry that succeeds is a success, and the next failure begins with 1 s again") {
  Fixture f;
  f.endpoint.lifetime.reset();
  f.endpoint.answer({fail(Errc::refreshFailed), fail(Errc::refreshFailed), std::nullopt, fail(Errc::refreshFailed)});
  f.run(f.source(), tokens("0"), f.options(), 4);
  CHECK(f.waits.times() == Times{1s, 2s, 300s, 1s, 300s});
  CHECK(f.heard() == Told{"+rt-3", "+rt-5"});
}

TEST_CASE("retries double without end, but wait no longer than the interval") {
  Fixture f;
  f.endpoint.answer(std::deque<std::optional<Error>>(40, fail(Errc::refreshFailed)));
  auto options = f.options();
  options.retries = 40;
  f.run(f.source(), tokens("0"), options, 39);
  CHECK(f.waits.times()[8] == 256s);
  CHECK(f.waits.times()[9] == 300s);
  CHECK(f.waits.times()[39] == 300s);
  CHECK(f.heard().empty());
}

TEST_CASE("a client that the provider refuses is not tried again before the next interval") {
  Fixture f;
  f.endpoint.answer({fail(Errc::notAllowed)});
  f.run(f.source(), tokens("0"), f.options(), 0);
  CHECK(f.waits.times() == Times{300s});
  CHECK(f.heard() == Told{"-rt-0"});
}

TEST_CASE("when the login is over it says so once and stops by itself") {
  Fixture f;
  f.endpoint.answer({loginOver(RefreshEnd::invalidGrant)});
  RefreshService service(f.source(), tokens("0"), f.options());
  service.start();
  f.waitForEnd(service);
  service.start();
  CHECK(errorOf(service.refreshNow()) == RefreshEnd::invalidGrant);
  CHECK(f.heard() == Told{"expired"});
  CHECK(f.endpoint.calls() == 1);
  CHECK(f.waits.times().empty());
  CHECK(service.tokens() == tokens("0"));
}

TEST_CASE("when somebody has signed out it stops, without a call") {
  Fixture f;
  f.coordinator->end("c", tokens("0"), nullptr);
  RefreshService service(f.source(), tokens("0"), f.options());
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
  RefreshService service(f.source(), f.endingIn(1min), f.options());
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
  f.endpoint.answer({fail(Errc::notAllowed)});
  f.run(f.source(), tokens("0"), f.options(), 1);
  CHECK(f.heard() == Told{"-rt-brought", "+rt-2"});
}

TEST_CASE("a service and requests with the login's cookie do not get in each other's way") {
  Upstream upstream;
  const Fetcher fetcher(support::fetchOptions(upstream));
  const SessionJar jar({.cookieName = "sid", .passwords = support::password, .commitHooks = fetcher.commitHooks()});
  Session session = jar.open("");
  session.setTokens(upstream.provider.login());
  RefreshService service(fetcher.tokenSource(), *session.tokens());
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
  RefreshService first(fetcher.tokenSource(), login);
  RefreshService second(fetcher.tokenSource(), login);
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
  RefreshService service(fetcher.tokenSource(), upstream.provider.login());
  REQUIRE(service.refreshNow());
  upstream.provider.answerTokenCalls({Response{.status = 503}});
  REQUIRE_FALSE(service.refreshNow());
  CHECK(lines == std::vector<std::string>{
                     "event=refresh_started trigger=service", "event=tokens_answered trigger=service",
                     "event=refreshed role=self trigger=service", "event=refresh_started trigger=service",
                     "event=tokens_answered trigger=service", "event=refresh_failed role=self trigger=service"});
}

TEST_CASE("what cannot be is refused at once, saying what to change") {
  Fixture f;
  const auto refusedWith = [](const char* word, const TokenSource& source, const TokenSet& held,
                              const RefreshServiceOptions& options) {
    CHECK_THROWS_WITH_AS((RefreshService{source, held, options}), doctest::Contains(word), std::invalid_argument);
  };
  const auto refused = [&](const char* word, void (*change)(RefreshServiceOptions&)) {
    auto options = f.options();
    change(options);
    refusedWith(word, f.source(), tokens("0"), options);
  };
  const auto refusedSource = [&](const char* word, void (*change)(TokenSource&)) {
    TokenSource source = f.source();
    change(source);
    refusedWith(word, source, tokens("0"), f.options());
  };
  refusedWith("tokens", f.source(), {.accessToken = "at"}, f.options());
  refusedSource("coordinator", [](auto& s) { s.coordinator.reset(); });
  refusedSource("client", [](auto& s) { s.client.clear(); });
  refusedSource("call", [](auto& s) { s.call = {}; });
  refusedSource("now", [](auto& s) { s.now = nullptr; });
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

}  // namespace refresh_service_test
