#include "refresh/token_states.hpp"

#include "refresh/in_flight.hpp"
#include "support/support.hpp"

using namespace ironjar;
using namespace ironjar::detail;
using namespace std::chrono_literals;
using support::FakeSteadyClock;

namespace {

TokenKey keyOf(std::uint32_t number) {
  TokenKey key{};
  for (std::size_t i = 0; i < 4; ++i) key[i] = static_cast<unsigned char>(number >> (8 * i));
  return key;
}

// A refresh of n that has brought n + 1.
void rotate(TokenStates& states, std::uint32_t n, MonotonicTime now) {
  states.begin(keyOf(n), std::make_shared<InFlightRefresh>());
  states.rotate(keyOf(n), {.accessToken = "access", .refreshToken = "refresh"}, keyOf(n + 1), now);
}

}  // namespace

TEST_CASE("memory is back where it was after a million rotations") {
  const LocalCoordinatorOptions options;
  const FakeSteadyClock time;
  TokenStates states(options);
  std::size_t most = 0;
  for (std::uint32_t n = 0; n < 1'000'000; ++n) {  // one login, refreshed every ten seconds
    time.advance(10s);
    states.age(time());
    states.confirm(keyOf(n), time());
    states.begin(keyOf(n), std::make_shared<InFlightRefresh>());
    states.rotate(keyOf(n), {.accessToken = "access", .refreshToken = "refresh"}, keyOf(n + 1), time());
    most = std::max(most, states.size());
  }
  CHECK(most < 100);
  for (int hour = 0; hour < 2; ++hour) {  // the last successors, then the marks that they were spent
    time.advance(1h);
    states.age(time());
  }
  CHECK(states.size() == 0);
  CHECK(states.bytes() == 0);
}

TEST_CASE("what is under way is never pushed out") {
  LocalCoordinatorOptions options;
  options.maxEntries = 3;
  const FakeSteadyClock time;
  TokenStates states(options);
  states.begin(keyOf(0), std::make_shared<InFlightRefresh>());
  for (std::uint32_t n = 1; n < 50; ++n) {
    states.begin(keyOf(n), std::make_shared<InFlightRefresh>());
    states.endGrant(keyOf(n), time());
  }
  REQUIRE(states.find(keyOf(0)));
  CHECK(states.find(keyOf(0))->state == TokenState::refreshing);
  CHECK(states.size() == 3);
}

TEST_CASE("two chains that meet, and one that bites its tail, are followed and forgotten") {
  const LocalCoordinatorOptions options;
  const FakeSteadyClock time;
  TokenStates states(options);
  for (const auto& [from, to] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{1, 3}, {2, 3}, {3, 4}, {4, 3}, {5, 5}}) {
    states.begin(keyOf(from), std::make_shared<InFlightRefresh>());
    states.rotate(keyOf(from), {}, keyOf(to), time());
  }
  for (const std::uint32_t n : {3U, 4U, 5U}) states.confirm(keyOf(n), time());
  for (int minute = 0; minute < 30; ++minute) {
    time.advance(1min);
    states.age(time());
    for (std::uint32_t n = 1; n <= 5; ++n) states.confirm(keyOf(n), time());
  }
  CHECK(states.size() == 0);
  CHECK(states.bytes() == 0);
}

TEST_CASE("V06 of a long chain the last links lead on, and the others stay known as spent") {
  const LocalCoordinatorOptions options;
  const FakeSteadyClock time;
  TokenStates states(options);
  for (std::uint32_t n = 0; n < 500; ++n) rotate(states, n, time());
  unsigned leading = 0;
  unsigned retired = 0;
  for (std::uint32_t n = 0; n < 500; ++n) {
    const auto* entry = states.find(keyOf(n));
    REQUIRE(entry);
    leading += entry->state == TokenState::rotated;
    retired += entry->state == TokenState::retired && entry->tokens == TokenSet();
  }
  CHECK(leading == 16);
  CHECK(retired == 500 - 16);
  CHECK(states.find(keyOf(499))->state == TokenState::rotated);
}

TEST_CASE("V06 one user's traffic pushes out no logout, and each entry that goes early is counted") {
  LocalCoordinatorOptions options;
  options.maxEntries = 1000;
  const FakeSteadyClock time;
  TokenStates states(options);
  for (std::uint32_t n = 0; n < 400; ++n) states.logOut(keyOf(1'000'000 + n), support::at(0), time());
  for (std::uint32_t n = 0; n < 28'000; ++n) rotate(states, n, time());
  for (std::uint32_t n = 0; n < 400; ++n) CHECK(states.isLoggedOut(keyOf(1'000'000 + n), support::at(0)));
  CHECK(states.size() == 1000);
  CHECK(states.evicted() == 28'000 - 600);
}

TEST_CASE("V06 where a token leads to goes first, then that it was spent; what is in flight stays") {
  LocalCoordinatorOptions options;
  options.maxEntries = 4;
  const FakeSteadyClock time;
  TokenStates states(options);
  states.retire(keyOf(1), time());
  states.begin(keyOf(2), std::make_shared<InFlightRefresh>());
  rotate(states, 10, time());
  rotate(states, 20, time());
  states.fail(keyOf(30), std::nullopt, time());
  CHECK_FALSE(states.find(keyOf(10)));
  rotate(states, 40, time());
  rotate(states, 50, time());
  CHECK(states.find(keyOf(1)));
  CHECK(states.find(keyOf(2)));
  for (std::uint32_t n = 60; n < 64; ++n) states.begin(keyOf(n), std::make_shared<InFlightRefresh>());
  CHECK_FALSE(states.find(keyOf(1)));
  CHECK(states.size() == 5);  // all in flight
}

TEST_CASE("logouts fill half of the table at most; of more the earliest goes") {
  LocalCoordinatorOptions options;
  options.maxEntries = 100;
  const FakeSteadyClock time;
  TokenStates states(options);
  for (std::uint32_t n = 0; n < 80; ++n) {
    states.logOut(keyOf(n), support::at(0), time());
    time.advance(1s);
  }
  for (std::uint32_t n = 0; n < 80; ++n) CHECK(states.isLoggedOut(keyOf(n), std::nullopt) == (n >= 30));
  CHECK(states.evicted() == 30);
  time.advance(600s);
  states.age(time());
  CHECK(states.size() == 0);
  CHECK(states.bytes() == 0);
}

TEST_CASE("V24 a logout refuses sessions that began before it, or in its second, and lets later ones pass") {
  const LocalCoordinatorOptions options;
  const FakeSteadyClock time;
  TokenStates states(options);
  states.logOut(keyOf(1), support::at(100'000), time());
  CHECK(states.isLoggedOut(keyOf(1), support::at(99'000)));
  CHECK(states.isLoggedOut(keyOf(1), support::at(100'999)));
  CHECK(states.isLoggedOut(keyOf(1), std::nullopt));
  CHECK_FALSE(states.isLoggedOut(keyOf(1), support::at(101'000)));
  CHECK_FALSE(states.isLoggedOut(keyOf(2), std::nullopt));
  states.logOut(keyOf(1), support::at(50'000), time());  // an earlier one takes nothing back
  CHECK(states.isLoggedOut(keyOf(1), support::at(100'999)));
}

TEST_CASE("V07 a token's pause doubles to a minute, or is what was asked for, and a success ends it") {
  const LocalCoordinatorOptions options;
  const FakeSteadyClock time;
  TokenStates states(options);
  for (const Seconds pause : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    CHECK(states.fail(keyOf(1), std::nullopt, time()) == time() + pause);
  }
  CHECK(states.fail(keyOf(1), 90s, time()) == time() + 90s);
  CHECK(states.fail(keyOf(1), Seconds{1'000'000'000}, time()) == time() + 600s);
  CHECK(states.fail(keyOf(1), Seconds::min(), time()) == time() + 60s);
  states.begin(keyOf(1), std::make_shared<InFlightRefresh>());
  states.withdraw(keyOf(1), time());
  CHECK(states.find(keyOf(1))->failures.count == 11);  // a call that was not made changes nothing
  rotate(states, 1, time());
  CHECK(states.find(keyOf(1))->failures.count == 0);
}
