// What every RefreshCoordinator keeps to towards those who do not block.
#pragma once

#include "asker.hpp"
#include "coordinator_contract.hpp"

#include <future>
#include <stop_token>
#include <string>
#include <vector>

namespace support {

// Somebody who is told once; each further time is counted.
class Completed {
 public:
  [[nodiscard]] ironjar::RefreshHandler handler() const {
    return [state = state_](ironjar::Result<ironjar::NewTokens> result) {
      if (state->times++ == 0) state->promise.set_value(std::move(result));
    };
  }
  [[nodiscard]] int times() const { return state_->times; }
  [[nodiscard]] bool isTold() const { return times() > 0; }
  [[nodiscard]] ironjar::Result<ironjar::NewTokens> wait() const {
    if (state_->result.wait_for(std::chrono::seconds{20}) != std::future_status::ready) return ironjar::fail(hangs);
    return state_->result.get();
  }

 private:
  static constexpr auto hangs = ironjar::Errc::malformed;  // which no coordinator says
  struct State {
    std::atomic<int> times = 0;
    std::promise<ironjar::Result<ironjar::NewTokens>> promise = {};
    std::shared_future<ironjar::Result<ironjar::NewTokens>> result = promise.get_future().share();
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// An asynchronous call that is answered when a test says so.
class Answering {
 public:
  [[nodiscard]] ironjar::AsyncRefresh call() {
    return [this](const ironjar::TokenSet&, std::function<void(ironjar::RefreshAnswer)> done) {
      const std::lock_guard lock(mutex_);
      begun_.push_back(std::move(done));
    };
  }
  [[nodiscard]] std::size_t begun() {
    const std::lock_guard lock(mutex_);
    return begun_.size();
  }
  [[nodiscard]] bool waitUntilBegun(std::size_t count = 1) {
    return within(std::chrono::seconds{10}, [&] { return begun() >= count; });
  }
  void answer(ironjar::RefreshAnswer answer) { takeFirst()(std::move(answer)); }
  void drop() { takeFirst() = nullptr; }

 private:
  std::function<void(ironjar::RefreshAnswer)> takeFirst() {
    const std::lock_guard lock(mutex_);
    auto first = std::move(begun_.front());
    begun_.erase(begun_.begin());
    return first;
  }
  std::mutex mutex_;
  std::vector<std::function<void(ironjar::RefreshAnswer)>> begun_;
};

inline Completed start(const Asker& asker, const std::string& name, const ironjar::RefreshCall& call,
                       ironjar::Deadline deadline = soon(), const ironjar::RefreshContext& context = {}) {
  Completed told;
  asker.coordinator->startRefresh("c", tokens(name), call, deadline, context, told.handler());
  return told;
}
inline ironjar::Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

namespace contract {

inline void eachIsToldOnceWhateverComes(const Coordinators& c) {
  const BlockingRefresh answers = [](const TokenSet&) { return RefreshAnswer{.tokens = tokens("b")}; };
  const AsyncRefresh answersTwice = [](const TokenSet&, const std::function<void(RefreshAnswer)>& done) {
    done({.tokens = tokens("d")});
    done({.tokens = tokens("x")});
  };
  const AsyncRefresh throws = [](const TokenSet&, const auto&) { throw std::runtime_error("theirs"); };
  const AsyncRefresh answersAndThrows = [](const TokenSet&, const std::function<void(RefreshAnswer)>& done) {
    done({.tokens = tokens("h")});
    throw std::runtime_error("theirs");
  };
  const AsyncRefresh drops = [](const TokenSet&, const auto&) {};
  const auto nobodyAsks = [](const TokenSet&) -> RefreshAnswer { return {.tokens = fail(Errc::unsupported)}; };

  std::vector<std::pair<Completed, std::string>> all;
  const auto expect = [&](const Completed& told, const std::string& name) {
    const auto result = told.wait();
    CHECK((result ? result->tokens.refreshToken : std::string(nameOf(result.error().code))) == name);
    all.emplace_back(told, name);
  };
  expect(start(c.one, "a", answers), "rt-b");
  expect(start(c.one, "a", nobodyAsks), "rt-b");  // known
  expect(start(c.one, "c", answersTwice), "rt-d");
  expect(start(c.one, "e", throws), "refreshFailed");
  expect(start(c.one, "e", nobodyAsks), "refreshFailed");  // its pause
  expect(start(c.one, "g", answersAndThrows), "rt-h");
  expect(start(c.other, "i", drops), "refreshFailed");
  for (const auto& each : all) CHECK_MESSAGE(each.first.times() == 1, each.second);
}

inline void aStopEndsTheWaitingAlone(const Coordinators& c) {
  Answering provider;
  std::stop_source leaving;
  const Completed leader = start(c.one, "a", provider.call(), soon(), {.stop = leaving.get_token()});
  REQUIRE(provider.waitUntilBegun());
  const Completed follower = start(c.one, "a", provider.call());
  const Completed another = start(c.one, "a", provider.call(), soon(), {.stop = leaving.get_token()});
  leaving.request_stop();
  CHECK(errorOf(leader.wait()) == Errc::cancelled);
  CHECK(errorOf(another.wait()) == Errc::cancelled);
  CHECK_FALSE(follower.isTold());
  CHECK(errorOf(start(c.one, "a", provider.call(), soon(), {.stop = leaving.get_token()}).wait()) == Errc::cancelled);
  provider.answer({.tokens = tokens("b")});
  const auto result = follower.wait();
  REQUIRE(result);
  CHECK(result->tokens == tokens("b"));
  CHECK(provider.begun() == 0);
  for (const Completed& told : {leader, follower, another}) CHECK(told.times() == 1);
  CHECK(c.areWaiting(0));
}

inline void aDeadlineTellsWhoDoesNotBlock(const Coordinators& c) {
  Answering provider;
  const Completed late = start(c.one, "a", provider.call(), in(1s));
  REQUIRE(provider.waitUntilBegun());
  const Completed patient = start(c.one, "a", provider.call());
  CHECK(errorOf(late.wait()) == Errc::refreshFailed);
  CHECK_FALSE(patient.isTold());
  provider.answer({.tokens = tokens("b")});
  CHECK(patient.wait().has_value());
  CHECK(late.times() == 1);
}

// A lock that is held while somebody is told would stop this for ever.
inline void whoIsToldMayUseTheCoordinator(const Coordinators& c) {
  Answering provider;
  const auto coordinator = c.one.coordinator;
  const auto use = [coordinator, &provider](const Completed& told) -> RefreshHandler {
    return [coordinator, &provider, told](Result<NewTokens> result) {
      const auto newest = coordinator->newest("c", tokens("a"), RefreshCoordinator::From::cookie);
      static_cast<void>(newest.has_value());
      static_cast<void>(coordinator->stats());
      coordinator->end("c", tokens("other"), nullptr);
      coordinator->startRefresh("c", tokens("a"), provider.call(), in(10ms), {}, [](const Result<NewTokens>&) {});
      told.handler()(std::move(result));
    };
  };
  const Completed byDeadline, byStop, byCall, atOnce;
  std::stop_source leaving;
  coordinator->startRefresh("c", tokens("a"), provider.call(), in(1s), {}, use(byDeadline));
  REQUIRE(provider.waitUntilBegun());
  coordinator->startRefresh("c", tokens("a"), provider.call(), soon(), {.stop = leaving.get_token()}, use(byStop));
  coordinator->startRefresh("c", tokens("a"), provider.call(), soon(), {}, use(byCall));
  CHECK(errorOf(byDeadline.wait()) == Errc::refreshFailed);
  leaving.request_stop();
  CHECK(errorOf(byStop.wait()) == Errc::cancelled);
  provider.answer({.tokens = tokens("b")});
  CHECK(byCall.wait().has_value());
  coordinator->startRefresh("c", tokens("a"), provider.call(), soon(), {}, use(atOnce));
  CHECK(atOnce.wait().has_value());
  for (const Completed& told : {byDeadline, byStop, byCall, atOnce}) CHECK(told.times() == 1);
}

inline void whoThrowsWhenToldDisturbsNobody(const Coordinators& c) {
  Answering provider;
  const RefreshHandler throws = [](const Result<NewTokens>&) { throw std::runtime_error("theirs"); };
  c.one.coordinator->startRefresh("c", tokens("a"), provider.call(), soon(), {}, throws);
  REQUIRE(provider.waitUntilBegun());
  c.one.coordinator->startRefresh("c", tokens("a"), provider.call(), in(10ms), {}, throws);
  const Completed other = start(c.one, "a", provider.call());
  provider.answer({.tokens = tokens("b")});
  CHECK(other.wait().has_value());
  c.one.coordinator->startRefresh("c", tokens("a"), provider.call(), soon(), {}, throws);  // known
}

}  // namespace contract

inline void checkCompletions(const std::function<Coordinators()>& make) {
  using namespace contract;
  SUBCASE("each is told once, whatever comes") { eachIsToldOnceWhateverComes(make()); }
  SUBCASE("a stop ends the waiting alone") { aStopEndsTheWaitingAlone(make()); }
  SUBCASE("a deadline tells who does not block") { aDeadlineTellsWhoDoesNotBlock(make()); }
  SUBCASE("who is told may use the coordinator") { whoIsToldMayUseTheCoordinator(make()); }
  SUBCASE("who throws when told disturbs nobody") { whoThrowsWhenToldDisturbsNobody(make()); }
}

}  // namespace support
