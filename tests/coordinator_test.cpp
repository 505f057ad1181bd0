#include "support/fake_provider.hpp"
#include "support/support.hpp"

#include <algorithm>
#include <thread>

using namespace ironjar;
using support::errorOf;
using support::FakeProvider;
using support::fetchOptions;

namespace {

Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds{20}; }

// Time that stands still, for what is remembered.
struct StillTime {
  std::shared_ptr<std::chrono::steady_clock::time_point> now =
      std::make_shared<std::chrono::steady_clock::time_point>();
  std::chrono::steady_clock::time_point operator()() const { return *now; }
};

TokenSet tokens(const std::string& name) { return {.accessToken = "at-" + name, .refreshToken = "rt-" + name}; }

RefreshCoordinator::Ask answering(const TokenSet& fresh, int& calls) {
  return [&calls, fresh](const TokenSet&) -> Result<TokenSet> {
    ++calls;
    return fresh;
  };
}

}  // namespace

TEST_CASE("100 requests at once with one spent token: one call, and every one gets its result (C16)") {
  FakeProvider provider;
  const Fetcher fetcher(fetchOptions(provider));
  const TokenSet old = provider.login();
  provider.expireAccessTokens();
  provider.hold();
  std::vector<Session> sessions(100);
  std::vector<std::optional<Result<Response>>> responses(100);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    sessions[i].setTokens(old);
    threads.emplace_back(
        [&, i] { responses[i] = fetcher.performFetch(sessions[i], {.url = std::string(FakeProvider::api) + "/"}); });
  }
  provider.waitForTokenCalls(1);
  provider.release();
  for (std::thread& thread : threads) thread.join();
  int leaders = 0;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    REQUIRE(*responses[i]);
    CHECK((*responses[i])->status == 200);
    CHECK(sessions[i].tokens() == sessions[0].tokens());
    CHECK(sessions[i].changed());
    leaders += (*responses[i])->trace.refreshedBy == RefreshedBy::self;
  }
  CHECK(leaders == 1);
  CHECK(provider.tokenCalls() == 1);
  CHECK(provider.reuses() == 0);
}

TEST_CASE("two logins refresh side by side, each with its own result (C17)") {
  FakeProvider provider;
  const Fetcher fetcher(fetchOptions(provider));
  Session ada;
  Session bob;
  ada.setTokens(provider.login());
  bob.setTokens(provider.login());
  provider.expireAccessTokens();
  provider.hold();
  std::string adas;
  std::string bobs;
  const Request request{.url = std::string(FakeProvider::api) + "/"};
  std::thread first([&] { adas = fetcher.performFetch(ada, request).value().body; });
  std::thread second([&] { bobs = fetcher.performFetch(bob, request).value().body; });
  provider.waitForTokenCalls(2);  // both are under way at once
  provider.release();
  first.join();
  second.join();
  CHECK(adas == "login 1");
  CHECK(bobs == "login 2");
}

TEST_CASE("followers of a call that fails get its error, and no call of their own (C20)") {
  FakeProvider provider;
  const Fetcher fetcher(fetchOptions(provider));
  const TokenSet old = provider.login();
  provider.expireAccessTokens();
  provider.answerTokenCalls({Response{.status = 503}});
  provider.hold();
  std::vector<std::optional<Errc>> errors(20);
  std::vector<std::thread> threads;
  std::atomic<int> started = 0;
  for (auto& error : errors) {
    threads.emplace_back([&] {
      Session session;
      session.setTokens(old);
      ++started;
      error = errorOf(fetcher.refresh(session));
    });
  }
  provider.waitForTokenCalls(1);
  while (started < 20) std::this_thread::yield();
  provider.release();
  for (std::thread& thread : threads) thread.join();
  const auto failed = std::count(errors.begin(), errors.end(), std::optional(Errc::refreshFailed));
  CHECK(failed >= 1);
  // A thread that came only after the call had failed asked again, and the provider was well by then.
  CHECK(provider.tokenCalls() <= 2);
  CHECK(provider.reuses() == 0);
}

TEST_CASE("a result serves late requests for a minute and is then forgotten") {
  const StillTime time;
  LocalCoordinator coordinator({.now = time});
  int calls = 0;
  REQUIRE(coordinator.refresh("c", tokens("a"), answering(tokens("b"), calls), soon()));
  *time.now += std::chrono::seconds{59};
  CHECK(coordinator.newest("c", tokens("a")) == tokens("b"));
  const auto late = coordinator.refresh("c", tokens("a"), answering(tokens("x"), calls), soon());
  CHECK(late->by == RefreshedBy::chain);
  CHECK(late->tokens == tokens("b"));
  CHECK(calls == 1);
  *time.now += std::chrono::seconds{1};
  CHECK_FALSE(coordinator.newest("c", tokens("a")));
  CHECK(coordinator.refresh("c", tokens("a"), answering(tokens("x"), calls), soon())->by == RefreshedBy::self);
  CHECK(calls == 2);
}

TEST_CASE("a dead token is remembered, so that it is not asked again") {
  const StillTime time;
  LocalCoordinator coordinator({.now = time});
  int calls = 0;
  const auto dead = [&](const TokenSet&) -> Result<TokenSet> { return ++calls, fail(Errc::expired); };
  CHECK(errorOf(coordinator.refresh("c", tokens("a"), dead, soon())) == Errc::expired);
  CHECK(errorOf(coordinator.refresh("c", tokens("a"), dead, soon())) == Errc::expired);
  CHECK(calls == 1);
  *time.now += std::chrono::seconds{60};
  CHECK(errorOf(coordinator.refresh("c", tokens("a"), dead, soon())) == Errc::expired);
  CHECK(calls == 2);
}

TEST_CASE("a failure is not remembered") {
  LocalCoordinator coordinator;
  int calls = 0;
  const auto failing = [&](const TokenSet&) -> Result<TokenSet> { return ++calls, fail(Errc::refreshFailed); };
  CHECK(errorOf(coordinator.refresh("c", tokens("a"), failing, soon())) == Errc::refreshFailed);
  CHECK(coordinator.refresh("c", tokens("a"), answering(tokens("b"), calls), soon()));
  CHECK(calls == 2);
}

TEST_CASE("issuers and clients do not share results") {
  LocalCoordinator coordinator;
  int calls = 0;
  CHECK(coordinator.refresh("one", tokens("a"), answering(tokens("b"), calls), soon())->tokens == tokens("b"));
  CHECK(coordinator.refresh("two", tokens("a"), answering(tokens("c"), calls), soon())->tokens == tokens("c"));
  CHECK_FALSE(coordinator.newest("three", tokens("a")));
}

TEST_CASE("entries are bounded; the oldest go first") {
  LocalCoordinator coordinator({.maxEntries = 10});
  int calls = 0;
  for (int i = 0; i < 30; ++i) {
    const std::string n = std::to_string(i);
    REQUIRE(coordinator.refresh("c", tokens(n), answering(tokens("new" + n), calls), soon()));
  }
  int known = 0;
  for (int i = 0; i < 30; ++i) known += coordinator.newest("c", tokens(std::to_string(i))).has_value();
  CHECK(known == 10);
  CHECK(coordinator.newest("c", tokens("29")));
}

TEST_CASE("a coordinator that goes away waits for the calls under way") {
  FakeProvider provider;
  const TokenSet old = provider.login();
  provider.hold();
  std::optional<Errc> error;
  {
    LocalCoordinator coordinator;
    const auto ask = [&](const TokenSet& spent) -> Result<TokenSet> {
      const auto answer = provider.transport()(refreshRequest({.url = "https://id.example/token"}, spent), soon());
      return readTokenAnswer(*answer, {}, support::at(0));
    };
    error = errorOf(coordinator.refresh("c", old, ask, std::chrono::steady_clock::now()));
    provider.waitForTokenCalls(1);
    provider.release();
  }
  CHECK(error == Errc::refreshFailed);  // the request had no time left
  CHECK(provider.reuses() == 0);
}

TEST_CASE("many threads, many rounds: one call a round") {
  FakeProvider provider;
  const Fetcher fetcher(fetchOptions(provider));
  Session session;
  session.setTokens(provider.login());
  for (int round = 1; round <= 50; ++round) {
    provider.expireAccessTokens();
    std::vector<Session> sessions(8, session);
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (Session& one : sessions) {
      threads.emplace_back([&] {
        const auto response = fetcher.performFetch(one, {.url = std::string(FakeProvider::api) + "/"});
        good += response && response->status == 200;
      });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(good == 8);
    REQUIRE(provider.tokenCalls() == round);
    session = sessions[0];
  }
  CHECK(provider.reuses() == 0);
}

TEST_CASE("impossible options are refused") {
  CHECK_THROWS_AS(LocalCoordinator({.keep = Seconds{0}}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.maxEntries = 0}), std::invalid_argument);
  CHECK_THROWS_AS(LocalCoordinator({.threads = 0}), std::invalid_argument);
}
