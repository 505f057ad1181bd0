// TokenStates: each cell of its table, what expires when, and what goes first.
#include "refresh/token_states.hpp"

#include "refresh/single_flight.hpp"
#include "support/support.hpp"

namespace token_states_test {

using namespace ironjar;
using namespace ironjar::detail;
using namespace std::chrono_literals;
using testing::VirtualClock;

namespace {

TokenKey keyOf(std::uint32_t number) {
  TokenKey key{};
  for (std::size_t i = 0; i < 4; ++i) key[i] = static_cast<unsigned char>(number >> (8 * i));
  return key;
}

TokenStates::Options bounded(std::size_t entries) { return {60s, 600s, entries, std::size_t{64} * 1024 * 1024}; }

void begin(TokenStates& states, std::uint32_t n) { states.begin(keyOf(n), std::make_shared<InFlightRefresh>()); }

// A refresh of n that has brought another, or itself.
void rotate(TokenStates& states, std::uint32_t n, std::uint32_t to, MonotonicTime now) {
  begin(states, n);
  if (n != to) states.issue(keyOf(to), keyOf(n), false, now);
  states.rotate(keyOf(n), {.accessToken = "access", .refreshToken = "refresh"}, keyOf(to), now);
}
void rotate(TokenStates& states, std::uint32_t n, MonotonicTime now) { rotate(states, n, n + 1, now); }

// A request's cookie has brought n.
void bring(TokenStates& states, std::uint32_t n, MonotonicTime now) {
  if (!states.find(keyOf(n))) return;
  TokenKey successor = keyOf(n);
  for (auto link = states.bring(successor, now); link;) {
    const auto before = states.confirm(*link, successor, now);
    successor = *link;
    link = before;
  }
}

std::optional<TokenState> stateOf(const TokenStates& states, std::uint32_t n) {
  const auto* entry = states.find(keyOf(n));
  return entry ? std::optional(entry->state) : std::nullopt;
}

constexpr std::uint32_t token = 10;

// The table with the token in a state, or unknown.
struct Fixture {
  explicit Fixture(std::optional<TokenState> state) {
    if (!state) return;
    if (*state == TokenState::issued) states.issue(keyOf(token), keyOf(token - 1), false, time.monotonicNow());
    if (*state == TokenState::issued) return;
    begin(states, token);
    if (*state == TokenState::failing) states.fail(keyOf(token), std::nullopt, std::nullopt, time.monotonicNow());
    if (*state == TokenState::rotated) states.rotate(keyOf(token), {}, keyOf(token + 1), time.monotonicNow());
    if (*state == TokenState::invalidGrant) states.endGrant(keyOf(token), time.monotonicNow());
    if (*state == TokenState::retired) states.retire(keyOf(token), time.monotonicNow());
  }
  [[nodiscard]] std::optional<TokenState> after(Seconds wait) {
    time.advance(wait);
    states.age(time.monotonicNow());
    return stateOf(states, token);
  }

  VirtualClock time;
  TokenStates states{bounded(100)};
};

using TokenEvent = void (*)(Fixture&);
void beginning(Fixture& f) { begin(f.states, token); }
void withdrawing(Fixture& f) { f.states.withdraw(keyOf(token), f.time.monotonicNow()); }
void rotating(Fixture& f) { f.states.rotate(keyOf(token), {}, keyOf(token + 1), f.time.monotonicNow()); }
void failing(Fixture& f) { f.states.fail(keyOf(token), std::nullopt, std::nullopt, f.time.monotonicNow()); }
void ending(Fixture& f) { f.states.endGrant(keyOf(token), f.time.monotonicNow()); }
void retiring(Fixture& f) { f.states.retire(keyOf(token), f.time.monotonicNow()); }
void issuing(Fixture& f) { f.states.issue(keyOf(token), keyOf(token - 1), false, f.time.monotonicNow()); }
void loggingOut(Fixture& f) { f.states.logOut(keyOf(token), support::at(0), f.time.monotonicNow()); }

}  // namespace

TEST_CASE("each event leads from each state where the table says") {
  using S = TokenState;
  constexpr std::nullopt_t unknown = std::nullopt;
  struct Row {
    std::optional<S> from;
    TokenEvent event;
    std::optional<S> to;
  };
  const std::vector<Row> rows = {
      {unknown, beginning, S::refreshing},
      {S::issued, beginning, S::refreshing},
      {S::failing, beginning, S::refreshing},
      {S::refreshing, withdrawing, unknown},
      {S::refreshing, rotating, S::rotated},
      {S::refreshing, failing, S::failing},
      {S::refreshing, ending, S::invalidGrant},
      {S::refreshing, retiring, S::retired},
      {S::rotated, retiring, S::retired},
      {unknown, issuing, S::issued},
      {S::issued, issuing, S::issued},
      {S::refreshing, issuing, S::refreshing},
      {S::failing, issuing, S::issued},
      {S::rotated, issuing, S::issued},
      {S::invalidGrant, issuing, S::issued},
      {S::retired, issuing, S::issued},
      {unknown, loggingOut, unknown},
      {S::issued, loggingOut, unknown},
      {S::refreshing, loggingOut, S::refreshing},
      {S::failing, loggingOut, unknown},
      {S::rotated, loggingOut, unknown},
      {S::invalidGrant, loggingOut, S::invalidGrant},
      {S::retired, loggingOut, unknown},
  };
  for (std::size_t row = 0; row < rows.size(); ++row) {
    CAPTURE(row);
    Fixture f(rows[row].from);
    REQUIRE(stateOf(f.states, token) == rows[row].from);
    rows[row].event(f);
    CHECK(stateOf(f.states, token) == rows[row].to);
    CHECK(f.states.isLoggedOut(keyOf(token), std::nullopt) == (rows[row].event == loggingOut));
  }
}

TEST_CASE("each state ends by itself when the table says") {
  using S = TokenState;
  for (const S state : {S::issued, S::failing, S::rotated, S::retired}) {
    CHECK(Fixture(state).after(599s) == state);
    CHECK(Fixture(state).after(600s) == std::nullopt);
  }
  CHECK(Fixture(S::refreshing).after(1'000'000s) == S::refreshing);
  CHECK(Fixture(S::invalidGrant).after(59s) == S::invalidGrant);
  CHECK(Fixture(S::invalidGrant).after(60s) == std::nullopt);
  Fixture confirmed(S::rotated);
  confirmed.states.confirm(keyOf(token), keyOf(token + 1), confirmed.time.monotonicNow());
  CHECK(confirmed.after(59s) == S::rotated);
  CHECK(confirmed.after(1s) == S::retired);
  CHECK(confirmed.after(600s) == std::nullopt);
  CHECK(confirmed.states.size() == 0);
  CHECK(confirmed.states.bytes() == 0);
}

TEST_CASE("a call that was not made leaves a token as it came: issued, or with its failures") {
  Fixture issued(TokenState::issued);
  beginning(issued);
  withdrawing(issued);
  CHECK(stateOf(issued.states, token) == TokenState::issued);
  Fixture failed(TokenState::failing);
  beginning(failed);
  withdrawing(failed);
  CHECK(stateOf(failed.states, token) == TokenState::failing);
}

TEST_CASE("only the successor that a token leads to confirms it, once") {
  Fixture f(TokenState::rotated);
  f.states.issue(keyOf(token + 2), keyOf(token), false, f.time.monotonicNow());
  CHECK_FALSE(f.states.confirm(keyOf(token), keyOf(token + 2), f.time.monotonicNow()));
  CHECK_FALSE(f.states.find(keyOf(token))->isConfirmed);
  f.states.issue(keyOf(token + 1), keyOf(token), false, f.time.monotonicNow());
  CHECK(f.states.bring(keyOf(token + 1), f.time.monotonicNow()) == keyOf(token));
  CHECK_FALSE(f.states.bring(keyOf(token + 1), f.time.monotonicNow()));
}

TEST_CASE("who follows a chain reads no entry of a token that was brought, and is told where a rotated one leads") {
  VirtualClock time;
  TokenStates states(bounded(100));
  const auto look = [&states](std::uint32_t n) { return states.look(keyOf(n)); };
  CHECK_FALSE(look(1).entry);
  rotate(states, 1, time.monotonicNow());
  SUBCASE("one that nobody's call has brought: its cookie confirms nothing") {
    CHECK_FALSE(look(1).entry);
    REQUIRE(look(1).rotated);
    CHECK(look(1).rotated->successor() == keyOf(2));
    CHECK(look(1).successor == hashOf(keyOf(2)));
  }
  SUBCASE("issued, brought, asked about, rotated, spent") {
    CHECK(look(2).entry == states.find(keyOf(2)));
    bring(states, 2, time.monotonicNow());
    CHECK_FALSE(look(2).entry);
    CHECK_FALSE(look(2).rotated);
    begin(states, 2);
    CHECK(look(2).entry);
    states.rotate(keyOf(2), {}, keyOf(3), time.monotonicNow());
    CHECK_FALSE(look(2).entry);
    CHECK(look(2).rotated);
    states.retire(keyOf(2), time.monotonicNow());
    CHECK(look(2).entry);
    CHECK_FALSE(look(2).rotated);
  }
  SUBCASE("rotated before its cookie came, and issued again") {
    rotate(states, 2, time.monotonicNow());
    CHECK(look(2).entry);
    CHECK(look(2).rotated);
    bring(states, 2, time.monotonicNow());
    CHECK_FALSE(look(2).entry);
    states.issue(keyOf(2), keyOf(1), false, time.monotonicNow());
    CHECK(look(2).entry);
    CHECK_FALSE(look(2).rotated);
  }
  SUBCASE("not rotated: it leads to itself, and its cookie still confirms it") {
    rotate(states, 5, 5, time.monotonicNow());
    CHECK(look(5).entry);
    bring(states, 5, time.monotonicNow());
    CHECK_FALSE(look(5).entry);
    CHECK(look(5).rotated->successor() == keyOf(5));
  }
}

TEST_CASE("memory is back where it was after a million rotations") {
  const VirtualClock time;
  TokenStates states(bounded(100'000));
  std::size_t most = 0;
  for (std::uint32_t n = 0; n < 1'000'000; ++n) {  // one login, refreshed every ten seconds
    time.advance(10s);
    states.age(time.monotonicNow());
    bring(states, n, time.monotonicNow());
    rotate(states, n, time.monotonicNow());
    most = std::max(most, states.size());
  }
  CHECK(most < 100);
  for (int hour = 0; hour < 2; ++hour) {  // the last successors, then the marks that they were spent
    time.advance(1h);
    states.age(time.monotonicNow());
  }
  CHECK(states.size() == 0);
  CHECK(states.bytes() == 0);
}

TEST_CASE("what is under way is never pushed out") {
  const VirtualClock time;
  TokenStates states(bounded(3));
  begin(states, 0);
  for (std::uint32_t n = 1; n < 50; ++n) {
    begin(states, n);
    states.endGrant(keyOf(n), time.monotonicNow());
  }
  states.evict(keyOf(0));
  CHECK(stateOf(states, 0) == TokenState::refreshing);
  CHECK(states.size() == 3);
}

TEST_CASE("two chains that meet, and one that bites its tail, are followed and forgotten") {
  const VirtualClock time;
  TokenStates states(bounded(100));
  for (const auto& [from, to] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{1, 3}, {2, 3}, {3, 4}, {4, 3}, {5, 5}}) {
    rotate(states, from, to, time.monotonicNow());
  }
  for (const std::uint32_t n : {3U, 4U, 5U}) bring(states, n, time.monotonicNow());
  for (int minute = 0; minute < 30; ++minute) {
    time.advance(1min);
    states.age(time.monotonicNow());
    for (std::uint32_t n = 1; n <= 5; ++n) bring(states, n, time.monotonicNow());
  }
  CHECK(states.size() == 0);
  CHECK(states.bytes() == 0);
}

TEST_CASE("V06 one user's traffic pushes out no logout, and each entry that goes early is counted") {
  const VirtualClock time;
  TokenStates states(bounded(1000));
  for (std::uint32_t n = 0; n < 400; ++n) states.logOut(keyOf(1'000'000 + n), support::at(0), time.monotonicNow());
  for (std::uint32_t n = 0; n < 28'000; ++n) rotate(states, n, time.monotonicNow());
  for (std::uint32_t n = 0; n < 400; ++n) CHECK(states.isLoggedOut(keyOf(1'000'000 + n), support::at(0)));
  CHECK(states.size() == 1000);
  CHECK(states.evicted() >= 28'000 - 600);
}

TEST_CASE("V06 where a token leads to goes first, of that what would end soonest, then that it was spent") {
  const VirtualClock time;
  TokenStates states(bounded(6));
  begin(states, 1);
  states.retire(keyOf(1), time.monotonicNow());
  begin(states, 2);
  rotate(states, 10, time.monotonicNow());
  rotate(states, 20, time.monotonicNow());
  CHECK(states.size() == 6);  // with 11 and 21, which came of them
  states.confirm(keyOf(20), keyOf(21), time.monotonicNow());
  begin(states, 50);
  CHECK_FALSE(states.find(keyOf(20)));  // would have ended in a minute
  begin(states, 51);
  CHECK_FALSE(states.find(keyOf(11)));  // issued before 10 was rotated to it
  begin(states, 52);
  CHECK_FALSE(states.find(keyOf(10)));
  begin(states, 53);
  CHECK_FALSE(states.find(keyOf(21)));
  CHECK(stateOf(states, 1) == TokenState::retired);
  begin(states, 54);
  CHECK_FALSE(states.find(keyOf(1)));
  CHECK(states.size() == 6);  // all in flight
  begin(states, 55);
  CHECK(states.size() == 7);
}

TEST_CASE("bytes are bounded too") {
  const VirtualClock time;
  TokenStates states({60s, 600s, 1000, 30'000});
  for (std::uint32_t n = 0; n < 100; n += 10) {
    begin(states, n);
    states.rotate(keyOf(n), {.accessToken = std::string(5000, 'x'), .refreshToken = "refresh"}, keyOf(n + 1),
                  time.monotonicNow());
    CHECK(states.bytes() <= 30'000);
  }
  CHECK(states.size() == 5);
}

TEST_CASE("logouts fill half of the table at most; of more the earliest goes") {
  const VirtualClock time;
  TokenStates states(bounded(100));
  for (std::uint32_t n = 0; n < 80; ++n) {
    states.logOut(keyOf(n), support::at(0), time.monotonicNow());
    time.advance(1s);
  }
  for (std::uint32_t n = 0; n < 80; ++n) CHECK(states.isLoggedOut(keyOf(n), std::nullopt) == (n >= 30));
  CHECK(states.evicted() == 30);
  time.advance(600s);
  states.age(time.monotonicNow());
  CHECK(states.size() == 0);
  CHECK(states.bytes() == 0);
}

TEST_CASE("V24 a logout refuses sessions that began before it, or in its second, and lets later ones pass") {
  const VirtualClock time;
  TokenStates states(bounded(100));
  states.logOut(keyOf(1), support::at(100'000), time.monotonicNow());
  CHECK(states.isLoggedOut(keyOf(1), support::at(99'000)));
  CHECK(states.isLoggedOut(keyOf(1), support::at(100'999)));
  CHECK(states.isLoggedOut(keyOf(1), std::nullopt));
  CHECK_FALSE(states.isLoggedOut(keyOf(1), support::at(101'000)));
  CHECK_FALSE(states.isLoggedOut(keyOf(2), std::nullopt));
  states.logOut(keyOf(1), support::at(50'000), time.monotonicNow());  // an earlier one takes nothing back
  CHECK(states.isLoggedOut(keyOf(1), support::at(100'999)));
}

TEST_CASE("V07 a token's pause doubles to a minute, or is what was asked for, and a success ends it") {
  const VirtualClock time;
  TokenStates states(bounded(100));
  const auto fail = [&](std::optional<Seconds> retryAfter) {
    begin(states, 1);
    return states.fail(keyOf(1), retryAfter, std::nullopt, time.monotonicNow()) - time.monotonicNow();
  };
  for (const Seconds pause : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) CHECK(fail(std::nullopt) == pause);
  CHECK(fail(90s) == 90s);
  CHECK(fail(Seconds{1'000'000'000}) == 600s);
  CHECK(fail(Seconds::min()) == 60s);
  begin(states, 1);
  states.withdraw(keyOf(1), time.monotonicNow());
  CHECK(states.find(keyOf(1))->failures.count == 11);  // a call that was not made changes nothing
  rotate(states, 1, time.monotonicNow());
  CHECK(states.find(keyOf(1))->failures.count == 0);
}

TEST_CASE("time that runs backwards stands still") {
  Fixture f(TokenState::invalidGrant);
  f.states.age(f.time.monotonicNow() + 59s);
  f.states.age(f.time.monotonicNow() - 1000s);
  CHECK(stateOf(f.states, token) == TokenState::invalidGrant);
  f.states.age(f.time.monotonicNow() + 60s);
  CHECK_FALSE(stateOf(f.states, token));
}

}  // namespace token_states_test
