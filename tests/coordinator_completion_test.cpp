#include "support/completions.hpp"
#include "support/instrumented.hpp"
#include "support/support.hpp"

#include <malloc.h>

namespace coordinator_completion_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Answering;
using support::Asker;
using support::Completed;
using support::Coordinators;
using support::errorOf;
using support::tokens;

namespace {

Asker local(const LocalCoordinatorOptions& options = {}) { return {std::make_shared<LocalCoordinator>(options)}; }

Coordinators both() {
  const Asker only = local();
  return {.time = testing::VirtualClock(), .one = only, .other = only};
}

// A coordinator that tells twice.
class Twice final : public RefreshCoordinator {
 public:
  Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& held, From from,
                                         const RefreshContext& context) override {
    return inner_.newest(client, held, from, context);
  }
  void startRefresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call, Deadline deadline,
                    const RefreshContext& context, RefreshHandler done) override {
    inner_.startRefresh(client, rejected, call, deadline, context,
                        [done](const Result<NewTokens>& result) { done(result), done(result); });
  }
  void end(std::string_view client, const TokenSet& held, const RevokeCall& revoke, const Logout& logout) override {
    inner_.end(client, held, revoke, logout);
  }
  [[nodiscard]] CoordinatorStats stats() const override { return inner_.stats(); }

 private:
  LocalCoordinator inner_;
};

}  // namespace

TEST_CASE("LocalCoordinator tells those who do not block") { support::checkCompletions(both); }

TEST_CASE("a coordinator that tells twice does not keep to the contract" * doctest::should_fail()) {
  const Asker twice{std::make_shared<Twice>()};
  support::contract::eachIsToldOnceWhateverComes({.time = testing::VirtualClock(), .one = twice, .other = twice});
}

TEST_CASE("no more asynchronous calls are made at once than may be, and no thread for any") {
  Answering provider;
  const Asker asker = local({.maxCalls = 3});
  std::vector<Completed> all;
  for (int i = 0; i < 10; ++i) all.push_back(support::start(asker, std::to_string(i), provider.call()));
  CHECK(provider.begun() == 3);
  provider.answer({.tokens = tokens("x")});
  CHECK(provider.begun() == 3);
  CHECK(all[0].wait().has_value());
  for (int i = 1; i < 10; ++i) provider.answer({.tokens = tokens("y" + std::to_string(i))});
  for (const Completed& told : all) CHECK(told.wait().has_value());
}

TEST_CASE("calls that are answered at once do not nest") {
  const Asker asker = local({.maxCalls = 1, .maxWaiters = 100'000});
  std::vector<std::function<void(RefreshAnswer)>> first;
  const AsyncRefresh waits = [&](const TokenSet&, std::function<void(RefreshAnswer)> done) {
    first.push_back(std::move(done));
  };
  const Completed held = support::start(asker, "first", waits);
  int depth = 0;
  int deepest = 0;
  const AsyncRefresh atOnce = [&](const TokenSet& spent, const std::function<void(RefreshAnswer)>& done) {
    deepest = std::max(deepest, ++depth);
    done({.tokens = tokens(spent.refreshToken + "'")});
    --depth;
  };
  std::vector<Completed> all;
  for (int i = 0; i < 20'000; ++i) all.push_back(support::start(asker, std::to_string(i), atOnce));
  CHECK_FALSE(all.front().isTold());
  first.front()({.tokens = tokens("second")});
  for (const Completed& told : all) CHECK(told.times() == 1);
  CHECK(deepest == 1);
}

TEST_CASE("a coordinator that goes completes what has not begun, and later what has") {
  Answering provider;
  auto asker = local({.maxCalls = 1});
  const Completed begun = support::start(asker, "a", provider.call());
  const Completed queued = support::start(asker, "b", provider.call());
  REQUIRE(provider.begun() == 1);
  asker.coordinator.reset();
  CHECK(errorOf(queued.wait()) == Errc::overloaded);
  CHECK_FALSE(begun.isTold());
  SUBCASE("when its call is answered") {
    provider.answer({.tokens = tokens("a2")});
    CHECK(begun.wait()->tokens == tokens("a2"));
  }
  SUBCASE("when its call is dropped") {
    provider.drop();
    CHECK(errorOf(begun.wait()) == Errc::refreshFailed);
  }
  CHECK(begun.times() == 1);
  CHECK(queued.times() == 1);
}

TEST_CASE("blocking calls that are queued are completed, too") {
  support::Gate gate;
  auto asker = local({.threads = 1});
  const Completed begun = support::start(asker, "a", gate.ask({.tokens = tokens("a2")}));
  gate.waitUntilEntered();
  const Completed queued = support::start(asker, "b", gate.ask({.tokens = tokens("b2")}));
  std::optional<support::Failure> toldFirst;
  {
    const std::jthread opens([&] {
      toldFirst = errorOf(queued.wait());
      gate.open();
    });
    asker.coordinator.reset();
  }
  CHECK(toldFirst == Errc::overloaded);
  CHECK(begun.wait()->tokens == tokens("a2"));
}

TEST_CASE("who is told may destroy the coordinator") {
  for (const char* how : {"by a call", "by the deadline", "at once", "by a blocking call", "by a stop"}) {
    CAPTURE(how);
    Answering provider;
    auto coordinator = std::make_shared<LocalCoordinator>();
    const Completed told;
    const auto destroy = [&](Result<NewTokens> result) {
      coordinator.reset();
      told.handler()(std::move(result));
    };
    const std::string by = how;
    std::stop_source leaving;
    const RefreshCall blocks = [](const TokenSet&) { return RefreshAnswer{.tokens = tokens("b")}; };
    const Deadline deadline = by == "by the deadline" ? support::in(5ms) : support::soon();
    if (by == "at once") static_cast<void>(coordinator->refresh("c", tokens("a"), blocks, deadline).has_value());
    const RefreshCall call = by == "by a blocking call" ? blocks : provider.call();
    coordinator->startRefresh("c", tokens("a"), call, deadline, {.stop = leaving.get_token()}, destroy);
    if (by == "by a call") provider.answer({.tokens = tokens("b")});
    if (by == "by a stop") leaving.request_stop();
    static_cast<void>(told.wait().has_value());
    CHECK(told.times() == 1);
    CHECK_FALSE(coordinator);
  }
}

TEST_CASE("an answer that comes after its login has ended is revoked by a call that does not block") {
  Answering provider;
  std::promise<TokenSet> revoked;
  auto asker = local();
  const Completed told = support::start(asker, "a", provider.call());
  asker.end("a", [&](const TokenSet& last) { revoked.set_value(last); });
  provider.answer({.tokens = tokens("b")});
  CHECK(errorOf(told.wait()) == RefreshEnd::loggedOut);
  CHECK(revoked.get_future().get() == tokens("b"));
}

TEST_CASE("a hundred thousand wait in less than 100 MiB on one token, and in 150 MiB each on their own" *
          doctest::skip(support::isInstrumented)) {
  for (const bool isOneToken : {true, false}) {
    Answering provider;
    const Asker asker = local({.maxWaiters = 100'000, .maxWaitersPerToken = 100'000});
    std::atomic<int> told = 0;
    const RefreshHandler count = [&told](const Result<NewTokens>& result) {
      told += result.has_value() ? 1 : 1'000'000;
    };
    const RefreshCall call = provider.call();
    const auto before = mallinfo2().uordblks;
    for (int i = 0; i < 100'000; ++i) {
      const TokenSet held = tokens(isOneToken ? "a" : std::to_string(i));
      asker.coordinator->startRefresh("c", held, call, support::in(1h), {}, count);
    }
    const auto bytes = mallinfo2().uordblks - before;
    CHECK(bytes <= std::size_t{isOneToken ? 100U : 150U} * 1024 * 1024);
    CHECK(asker.coordinator->stats().waiters == 100'000);
    for (int i = 0; provider.begun() > 0; ++i) provider.answer({.tokens = tokens("new-" + std::to_string(i))});
    CHECK(told == 100'000);
  }
}

}  // namespace coordinator_completion_test
