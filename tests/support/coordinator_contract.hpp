// What every RefreshCoordinator keeps to, looked at with two that share what they know; they may be one and the same.
#pragma once

#include "asker.hpp"
#include "gate.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace support {

// Counts the revocations of these tokens; those of others count for a hundred.
inline ironjar::RevokeCall counting(std::atomic<int>& revoked, const std::string& name) {
  return [&revoked, expected = tokens(name)](const ironjar::TokenSet& last) { revoked += last == expected ? 1 : 100; };
}

namespace contract {

using namespace ironjar;
using namespace std::chrono_literals;

inline void manyAskOnce(const Coordinators& c) {
  Held held(c.one, "a", {.tokens = tokens("b")});
  std::atomic<int> followers = 0;
  std::vector<std::thread> threads;
  const auto follow = [&](const Asker& asker) {
    threads.emplace_back([&] {
      const auto result = asker.refresh("a", "x");
      followers += result && result->by == RefreshedBy::follower && result->tokens == tokens("b");
    });
  };
  for (int i = 0; i < 4; ++i) follow(c.one);
  for (int i = 0; i < 5; ++i) follow(c.other);
  CHECK(c.areWaiting(10));
  c.waitUntilOtherLooks();
  const auto leader = held.end();
  for (std::thread& thread : threads) thread.join();
  REQUIRE(leader);
  CHECK(leader->by == RefreshedBy::self);
  CHECK(leader->tokens == tokens("b"));
  CHECK(followers == 9);
  CHECK(c.calls() == 1);
}

inline void aDeadlineEndsTheWaitingAlone(const Coordinators& c) {
  Gate gate;
  const auto leader = [&](Deadline deadline) {
    return errorOf(c.one.refresh("a", gate.ask({.tokens = tokens("b")}), deadline));
  };
  CHECK(leaveHeld(gate, leader) == Errc::refreshFailed);
  const auto shortly = std::chrono::steady_clock::now() + 100ms;
  CHECK(errorOf(c.other.refresh("a", gate.ask({.tokens = tokens("x")}), shortly)) == Errc::refreshFailed);
  gate.open();
  const auto next = c.other.refresh("a", "x");
  REQUIRE(next);
  CHECK(next->tokens == tokens("b"));
  CHECK(c.calls() == 1);
}

inline void aFailureIsTheSameForAllThatWait(const Coordinators& c) {
  Held held(c.one, "a", {.tokens = fail(Errc::refreshFailed), .retryAfter = 1s});
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 9; ++i) {
    threads.emplace_back([&, asker = i % 2 == 0 ? &c.one : &c.other] {
      failed += asker->failing("a", RefreshEnd::invalidGrant) == Errc::refreshFailed;
    });
  }
  CHECK(c.areWaiting(10));
  c.waitUntilOtherLooks();
  CHECK(errorOf(held.end()) == Errc::refreshFailed);
  for (std::thread& thread : threads) thread.join();
  CHECK(failed == 9);
  CHECK(c.calls() == 1);
  c.time.advance(1s);
  const auto next = c.other.refresh("a", "b");
  REQUIRE(next);
  CHECK(next->by == RefreshedBy::self);
}

inline void aCallThatThrowsIsAFailure(const Coordinators& c) {
  const auto throwing = [](const TokenSet&) -> RefreshAnswer { throw 42; };
  CHECK(errorOf(c.one.refresh("a", throwing)) == Errc::refreshFailed);
  c.time.advance(1s);
  CHECK(c.other.refresh("a", "b"));
}

inline void lateRequestsGetTheChainsEnd(const Coordinators& c) {
  REQUIRE(c.one.refresh("a", "b"));
  REQUIRE(c.one.refresh("b", "c"));
  CHECK(c.one.newest("a") == "c");
  CHECK(c.one.newest("b") == "c");
  CHECK(c.one.newest("c") == "");
  CHECK(c.one.newest("d") == "");
  for (const Asker& asker : {c.other, c.one}) {
    const auto late = asker.refresh("a", "x");
    REQUIRE(late);
    CHECK(late->by == RefreshedBy::chain);
    CHECK(late->tokens == tokens("c"));
    CHECK(asker.newest("a") == "c");
  }
  CHECK(c.calls() == 2);
}

inline void aChainIsFollowedWhoeverHasMadeIt(const Coordinators& c) {
  REQUIRE(c.one.refresh("a", "b"));
  REQUIRE(c.other.refresh("b", "c"));
  REQUIRE(c.one.refresh("c", "d"));
  CHECK(c.other.refresh("a", "x")->tokens == tokens("d"));
  CHECK(c.calls() == 3);
}

inline void everythingOfATokenSetArrives(const Coordinators& c) {
  const TokenSet whole{.accessToken = "at",
                       .refreshToken = "rt",
                       .expiresAt = at(1'900'000'000'123),
                       .scope = "mail profile",
                       .lifetime = 3600s,
                       .subject = "ada",
                       .cookies = "sso=1; x=2",
                       .extra = {{"instance", "https://eu7.example"}, {"zone", ""}},
                       .dpopKey = "key",
                       .resource = "https://api.example"};
  REQUIRE(c.one.refresh(tokens("a"), {.tokens = whole}));
  CHECK(c.other.refresh("a", "x")->tokens == whole);
  CHECK(c.calls() == 1);
}

inline void whatALaterAnswerLeavesOutStays(const Coordinators& c) {
  TokenSet first = tokens("a");
  first.scope = "mail";
  first.subject = "ada";
  first.extra = {{"instance", "eu7"}, {"zone", "1"}};
  TokenSet second = tokens("b");
  second.extra = {{"zone", "2"}};
  REQUIRE(c.one.refresh(first, {.tokens = second}));
  const auto late = c.other.refresh("a", "x");
  REQUIRE(late);
  CHECK(late->tokens.scope == "mail");
  CHECK(late->tokens.subject == "ada");
  CHECK(late->tokens.extra == std::map<std::string, std::string>{{"instance", "eu7"}, {"zone", "2"}});
}

inline void withoutRotationEachExpiryIsAskedAboutOnce(const Coordinators& c) {
  const auto access = [](const std::string& name, std::int64_t end) {
    return TokenSet{.accessToken = name, .refreshToken = "rt-a", .expiresAt = at(end)};
  };
  const auto ask = [&](const Asker& asker, const TokenSet& rejected, const TokenSet& fresh) {
    return asker.refresh(rejected, {.tokens = fresh})->tokens;
  };
  CHECK(ask(c.one, access("1", 1000), access("2", 2000)) == access("2", 2000));
  CHECK(ask(c.other, access("1", 1000), access("x", 9000)) == access("2", 2000));
  CHECK(ask(c.other, access("2", 2000), access("3", 3000)) == access("3", 3000));
  CHECK(ask(c.one, access("2", 2000), access("x", 9000)) == access("3", 3000));
  CHECK(c.calls() == 2);
}

inline void clientsShareNothing(const Coordinators& c) {
  CHECK(c.one.refresh(tokens("a"), {.tokens = tokens("b")}, {}, "one")->tokens == tokens("b"));
  CHECK(c.other.refresh(tokens("a"), {.tokens = tokens("c")}, {}, "two")->tokens == tokens("c"));
  CHECK_FALSE(c.one.coordinator->newest("three", tokens("a"), RefreshCoordinator::From::cookie).value());
  CHECK(errorOf(c.one.refresh(tokens("x"), {.tokens = fail(Errc::refreshFailed)}, {}, "one")) == Errc::refreshFailed);
  CHECK(c.one.refresh(tokens("x"), {.tokens = tokens("y")}, {}, "two"));
  c.one.coordinator->end("one", tokens("k"), nullptr);
  CHECK(c.one.refresh(tokens("k"), {.tokens = tokens("l")}, {}, "two"));
}

inline void anInvalidGrantEndsTheLogin(const Coordinators& c) {
  CHECK(c.one.failing("a", RefreshEnd::invalidGrant) == RefreshEnd::invalidGrant);
  CHECK(c.one.refresh("a", "x").error().end == RefreshEnd::invalidGrant);
  CHECK(c.other.failing("a", Errc::refreshFailed) == RefreshEnd::invalidGrant);
  CHECK(c.calls() == 1);
  CHECK(c.one.refresh("k", "l"));  // nobody else's affair
}

inline void aTokenThatFailedHasALongerPauseEachTime(const Coordinators& c) {
  for (const Seconds pause : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    const int before = c.calls();
    const auto failed =
        c.one.refresh(tokens("a"), {.tokens = fail(Errc::refreshFailed), .endpoint = EndpointState::failing});
    CHECK(errorOf(failed) == Errc::refreshFailed);
    CHECK(failed.error().retryAfter == pause);
    CHECK(c.one.refresh("other" + std::to_string(before), "new"));
    c.time.advance(pause - 1ms);
    const auto refused = c.one.refresh("a", "x");
    CHECK(refused.error().code == Errc::refreshFailed);
    CHECK(refused.error().retryAfter == 1s);
    CHECK(c.calls() == before + 2);
    c.time.advance(1ms);
  }
  CHECK(c.one.refresh("a", "x"));
}

inline void whatTheServerAskedForIsWaited(const Coordinators& c) {
  CHECK(c.one.failing("a", Errc::refreshFailed, 30s) == Errc::refreshFailed);
  c.time.advance(29'999ms);
  CHECK(c.one.failing("a", Errc::refreshFailed) == Errc::refreshFailed);
  CHECK(c.calls() == 1);
  c.time.advance(1ms);
  const auto failed =
      c.one.refresh(tokens("a"), {.tokens = fail(Errc::refreshFailed), .retryAfter = Seconds{1'000'000'000}});
  CHECK(failed.error().retryAfter == 600s);
  c.time.advance(600s);
  CHECK(c.one.refresh("a", "x"));
  for (const Seconds odd : {Seconds{-1}, Seconds{0}, Seconds::min()}) {
    CHECK(c.one.failing("q" + std::to_string(odd.count()), Errc::refreshFailed, odd) == Errc::refreshFailed);
    CHECK(c.one.refresh("b" + std::to_string(odd.count()), "y"));
  }
}

inline void aLogoutEndsTheWholeChain(const Coordinators& c) {
  REQUIRE(c.one.refresh("a", "b"));
  REQUIRE(c.other.refresh("b", "c"));
  std::atomic<int> revoked = 0;
  c.one.end("b", counting(revoked, "c"));
  c.one.end("a", counting(revoked, "c"));  // twice is once
  for (const Asker& asker : {c.one, c.other}) {
    for (const char* name : {"c", "b", "a"}) {  // the other one hears of it when it would ask, with c
      CHECK(asker.failing(name, RefreshEnd::invalidGrant) == RefreshEnd::loggedOut);
      CHECK(asker.newest(name) == "over");
    }
  }
  CHECK(within(30s, [&] { return revoked > 0; }));
  CHECK(c.calls() == 2);
  CHECK(c.one.newest("k") == "");
  CHECK(revoked == 1);
}

// What a login does to the one whose place it takes: `begun` is not known, and later sessions are not meant.
inline void aReplacedLoginIsRevokedFromWhereverItStands(const Coordinators& c) {
  REQUIRE(c.one.refresh("a", "b"));
  std::atomic<int> revoked = 0;
  c.other.end("a", counting(revoked, "b"), {.at = at(10'000'000)});
  CHECK(within(30s, [&] { return revoked > 0; }));
  CHECK(revoked == 1);
  for (const Asker& asker : {c.one, c.other}) {
    CHECK(errorOf(asker.refresh("b", "x", {.begun = at(1'000'000)})) == RefreshEnd::loggedOut);
  }
  CHECK(c.calls() == 1);
}

inline void aLogoutDiscardsWhatIsUnderWay(const Coordinators& c) {
  for (const bool isOther : {false, true}) {
    const Asker& who = isOther ? c.other : c.one;  // signs out
    const std::string name = isOther ? "a" : "k";
    std::atomic<int> revoked = 0;
    Held held(c.one, name, {.tokens = tokens("b")});
    Failure waited;
    std::thread follower([&] { waited = c.other.failing(name, RefreshEnd::invalidGrant); });
    CHECK(c.areWaiting(2));
    c.waitUntilOtherLooks();
    who.end(name, counting(revoked, "b"));
    CHECK(who.newest(name) == "over");
    CHECK(who.failing(name, RefreshEnd::invalidGrant) == RefreshEnd::loggedOut);  // while the call is still under way
    CHECK(errorOf(held.end()) == RefreshEnd::loggedOut);
    follower.join();
    CHECK(waited == RefreshEnd::loggedOut);
    CHECK(within(30s, [&] { return revoked > 0; }));
    CHECK(revoked == 1);
    CHECK(c.other.failing(name, RefreshEnd::invalidGrant) == RefreshEnd::loggedOut);
    CHECK(c.one.newest(name) == "over");
  }
  CHECK(c.calls() == 2);
}

inline void aLogoutIsForSessionsThatBeganBefore(const Coordinators& c) {
  const auto early = at(1'000'000);
  const auto later = at(20'000'000);
  c.one.end("k", nullptr, {at(10'000'000), early});
  CHECK(errorOf(c.other.refresh("k", "x", {.begun = early})) == RefreshEnd::loggedOut);
  REQUIRE(c.one.refresh("k", "b", {.begun = later}));
  REQUIRE(c.one.refresh("b", "d", {.begun = later}));
  // Nor is the early one led to what the later one has brought.
  CHECK(errorOf(c.other.refresh("k", "x", {.begun = early})) == RefreshEnd::loggedOut);
  CHECK(c.other.refresh("k", "x", {.begun = later})->tokens == tokens("d"));
  CHECK(c.calls() == 2);
}

inline void anEarlierLogoutTakesNothingBack(const Coordinators& c) {
  c.one.end("k", nullptr, {at(30'000'000), at(20'000'000)});
  c.other.end("k", nullptr, {at(10'000'000), at(1'000'000)});
  CHECK(errorOf(c.other.refresh("k", "x", {.begun = at(20'000'000)})) == RefreshEnd::loggedOut);
  c.other.end("k", nullptr, {at(90'000'000), at(1'000'000)});  // a session that has ended ends nothing
  CHECK(c.other.refresh("k", "x", {.begun = at(40'000'000)}));
}

inline void devicesWithOneTokenSignOutOneByOne(const Coordinators& c) {
  const auto laptop = at(1'000'000);
  const auto phone = at(2'000'000);
  const TokenSet shared{.accessToken = "at-1", .refreshToken = "rt"};  // it does not rotate
  const auto refresh = [&](TimePoint begun) {
    const auto next = "at-" + std::to_string(c.calls() + 2);
    return errorOf(c.one.refresh(shared, {.tokens = TokenSet{.accessToken = next}}, {.begun = begun}));
  };
  const auto newest = [&](TimePoint begun) {
    return errorOf(c.one.coordinator->newest("c", shared, RefreshCoordinator::From::cookie, {.begun = begun}));
  };
  const auto end = [&](std::int64_t when, TimePoint begun) {
    c.one.coordinator->end("c", shared, nullptr, {at(when), begun});
  };
  REQUIRE_FALSE(refresh(laptop));
  end(1'500'000, laptop);
  CHECK(newest(laptop) == RefreshEnd::loggedOut);
  CHECK(refresh(laptop) == RefreshEnd::loggedOut);
  CHECK_FALSE(newest(phone));
  REQUIRE_FALSE(refresh(phone));
  CHECK(c.calls() == 2);
  // What the phone has brought is not the laptop's.
  CHECK(newest(laptop) == RefreshEnd::loggedOut);
  CHECK(refresh(laptop) == RefreshEnd::loggedOut);
  // Nor does the laptop's cookie, when it signs out once more, end what the phone has.
  end(2'200'000, laptop);
  CHECK_FALSE(newest(phone));
  end(2'500'000, phone);
  CHECK(newest(phone) == RefreshEnd::loggedOut);
  CHECK_FALSE(newest(at(3'000'000)));
}

inline void aRevocationThatThrowsOrTakesLongDisturbsNobody(const Coordinators& c) {
  struct Revocations {
    Gate gate;
    std::atomic<int> begun = 0;
  };
  const auto revocations = std::make_shared<Revocations>();
  for (int i = 0; i < 8; ++i) {
    c.one.end(std::to_string(i), [revocations](const TokenSet& last) {
      ++revocations->begun;
      static_cast<void>(revocations->gate.ask({.tokens = last})(last).tokens.has_value());
      throw 42;
    });
  }
  CHECK(c.one.refresh("a", "b"));
  revocations->gate.open();
  CHECK(within(30s, [&] { return revocations->begun == 8; }));
}

}  // namespace contract

using CoordinatorRule = std::pair<const char*, void (*)(const Coordinators&)>;

inline const std::vector<CoordinatorRule> coordinatorContract = {
    {"many requests at once are one call, whose tokens all get", contract::manyAskOnce},
    {"a deadline ends the waiting, not the call", contract::aDeadlineEndsTheWaitingAlone},
    {"a failure is the same for all who wait", contract::aFailureIsTheSameForAllThatWait},
    {"a call that throws is a failure", contract::aCallThatThrowsIsAFailure},
    {"late requests get the chain's end", contract::lateRequestsGetTheChainsEnd},
    {"a chain is followed, whoever has made it", contract::aChainIsFollowedWhoeverHasMadeIt},
    {"everything of a token set arrives", contract::everythingOfATokenSetArrives},
    {"what a later answer leaves out stays", contract::whatALaterAnswerLeavesOutStays},
    {"without rotation each expiry is asked about once", contract::withoutRotationEachExpiryIsAskedAboutOnce},
    {"issuers and clients share nothing", contract::clientsShareNothing},
    {"an invalid grant ends the login", contract::anInvalidGrantEndsTheLogin},
    {"a token that failed has a pause, longer each time", contract::aTokenThatFailedHasALongerPauseEachTime},
    {"what the server asked for is waited, ten minutes at most", contract::whatTheServerAskedForIsWaited},
    {"a logout ends the whole chain, and revokes its last tokens once", contract::aLogoutEndsTheWholeChain},
    {"a replaced login is revoked, from wherever it stands", contract::aReplacedLoginIsRevokedFromWhereverItStands},
    {"a logout discards and revokes what is under way", contract::aLogoutDiscardsWhatIsUnderWay},
    {"a logout is for sessions that began before", contract::aLogoutIsForSessionsThatBeganBefore},
    {"an earlier logout takes nothing back", contract::anEarlierLogoutTakesNothingBack},
    {"devices with one token sign out one by one", contract::devicesWithOneTokenSignOutOneByOne},
    {"a revocation that throws or takes long disturbs nobody",
     contract::aRevocationThatThrowsOrTakesLongDisturbsNobody}};

// Each rule on coordinators of its own.
inline void checkCoordinators(const std::function<Coordinators()>& make) {
  for (const auto& rule : coordinatorContract) {
    INFO(std::string(rule.first));
    rule.second(make());
  }
}

}  // namespace support
