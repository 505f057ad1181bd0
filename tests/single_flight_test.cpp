// SingleFlight by itself: no thread runs, the test makes each call when it likes.
#include "refresh/single_flight.hpp"

#include "support/support.hpp"

namespace single_flight_test {

using namespace ironjar;
using namespace std::chrono_literals;
using detail::SingleFlight;
using support::errorOf;
using testing::VirtualClock;
using From = RefreshCoordinator::From;

namespace {

TokenSet tokens(const std::string& name) { return {.accessToken = "at-" + name, .refreshToken = "rt-" + name}; }

struct Fixture {
  explicit Fixture(LocalCoordinatorOptions options = {}) : flights(options) {}

  // A request that is not answered at once has its place in `answers`, filled when it is.
  SingleFlight::Decision request(const std::string& with, RefreshCause cause = RefreshCause::ended) {
    const std::size_t place = answers.size();
    answers.emplace_back();
    return flights.request(
        "c", tokens(with), {.cause = cause},
        [this, place](Result<NewTokens> result) { answers[place] = std::move(result); }, time.monotonicNow());
  }
  SingleFlight::Waiting waiting(const std::string& with) {
    auto decision = request(with);
    REQUIRE(std::holds_alternative<SingleFlight::Waiting>(decision));
    return std::get<SingleFlight::Waiting>(decision);
  }
  std::optional<Errc> refusal(const std::string& with) {
    auto decision = request(with);
    const auto* known = std::get_if<Result<NewTokens>>(&decision);
    return known ? errorOf(*known) : std::nullopt;
  }
  void rotate(const std::string& from, const std::string& to) {
    const auto waiting = this->waiting(from);
    REQUIRE(waiting.leads);
    REQUIRE(flights.start(waiting.call, time.monotonicNow()));
    answer(waiting, {.tokens = tokens(to)});
  }
  void answer(const SingleFlight::Waiting& waiting, RefreshAnswer answer) {
    CHECK_FALSE(flights.complete(waiting.call, std::move(answer), time.monotonicNow()));
  }
  // "" for nothing newer, "over" for an ended login.
  std::string newest(const std::string& with) {
    const auto found = flights.newest("c", tokens(with), From::cookie, {}, time.monotonicNow());
    if (!found) return "over";
    return *found ? (*found)->refreshToken.substr(3) : "";
  }

  VirtualClock time;
  std::vector<std::optional<Result<NewTokens>>> answers;
  SingleFlight flights;
};

std::string numbered(int n) { return std::to_string(n); }

}  // namespace

TEST_CASE("one leads, the others wait for the same call, and each is completed once") {
  Fixture f;
  const auto leader = f.waiting("a");
  CHECK(leader.leads);
  for (int i = 0; i < 3; ++i) CHECK_FALSE(f.waiting("a").leads);
  CHECK(f.flights.stats(f.time.monotonicNow()).waiters == 4);
  REQUIRE(f.flights.start(leader.call, f.time.monotonicNow()));
  CHECK_FALSE(f.answers[0]);
  f.answer(leader, {.tokens = tokens("b")});
  CHECK(f.answers[0]->value().by == RefreshedBy::self);
  for (int i = 1; i < 4; ++i) CHECK(f.answers[static_cast<std::size_t>(i)]->value().by == RefreshedBy::follower);
  CHECK(f.flights.stats(f.time.monotonicNow()).waiters == 0);
  CHECK_FALSE(f.flights.leave(leader));
}

TEST_CASE("who leaves is not completed; a call that nobody waits for any more is not begun") {
  Fixture f;
  const auto leader = f.waiting("a");
  const auto follower = f.waiting("a");
  CHECK(f.flights.leave(leader));
  CHECK_FALSE(f.flights.leave(leader));
  CHECK(f.flights.leave(follower));
  CHECK_FALSE(f.flights.start(leader.call, f.time.monotonicNow()));
  CHECK(f.waiting("a").leads);
  CHECK_FALSE(f.answers[0]);
  CHECK_FALSE(f.answers[1]);
}

TEST_CASE("a call that was cancelled is an error for all who wait, and says nothing of the token") {
  Fixture f;
  const auto leader = f.waiting("a");
  static_cast<void>(f.waiting("a"));
  f.flights.cancel(leader.call, f.time.monotonicNow());
  for (int i = 0; i < 2; ++i) CHECK(errorOf(*f.answers[static_cast<std::size_t>(i)]) == Errc::overloaded);
  CHECK(f.waiting("a").leads);
}

TEST_CASE("a login that ends before its call begins, or during it, is nobody's afterwards") {
  Fixture f;
  const auto queued = f.waiting("a");
  CHECK_FALSE(f.flights.end("c", tokens("a"), nullptr, {}, f.time.monotonicNow()));
  CHECK_FALSE(f.flights.start(queued.call, f.time.monotonicNow()));
  CHECK(errorOf(*f.answers[0]) == Errc::loginRequired);
  const auto called = f.waiting("x");
  REQUIRE(f.flights.start(called.call, f.time.monotonicNow()));
  CHECK_FALSE(f.flights.end("c", tokens("x"), nullptr, {}, f.time.monotonicNow()));
  CHECK(f.flights.complete(called.call, {.tokens = tokens("y")}, f.time.monotonicNow()) ==
        tokens("y"));  // to be revoked
  CHECK(errorOf(*f.answers[1]) == Errc::loginRequired);
  CHECK(f.newest("x") == "over");
  CHECK(f.newest("y") == "");
}

TEST_CASE("a call that takes longer than a logout is remembered: its token is spent, and nobody's") {
  Fixture f;
  const auto called = f.waiting("x");
  REQUIRE(f.flights.start(called.call, f.time.monotonicNow()));
  CHECK_FALSE(f.flights.end("c", tokens("x"), nullptr, {}, f.time.monotonicNow()));
  f.time.advance(601s);
  CHECK(f.refusal("x") == Errc::refreshFailed);
  CHECK(f.flights.complete(called.call, {.tokens = tokens("y")}, f.time.monotonicNow()) == tokens("y"));
  CHECK(f.refusal("x") == Errc::loginRequired);
  f.time.advance(599s);
  CHECK(f.refusal("x") == Errc::loginRequired);
}

TEST_CASE("a logout is known of every token of the chain, longer than the chain would have been") {
  Fixture f;
  f.rotate("a", "b");
  f.rotate("b", "c");
  f.time.advance(500s);
  CHECK(f.flights.end("c", tokens("a"), nullptr, {}, f.time.monotonicNow()) == tokens("c"));
  f.time.advance(150s);
  for (const char* token : {"a", "b", "c"}) CHECK(f.refusal(token) == Errc::loginRequired);
}

TEST_CASE("V06 of a long chain the last links lead on, others are known as spent, the oldest not at all") {
  for (const std::size_t entries : {std::size_t{1000}, std::size_t{100'000}}) {  // in one part, and in many
    Fixture f({.maxEntries = entries});
    for (int n = 0; n < 500; ++n) f.rotate(numbered(n), numbered(n + 1));
    int leading = 0;
    int spent = 0;
    for (int n = 0; n < 500; ++n) {
      const std::string found = f.newest(numbered(n));
      leading += found == "500";
      spent += found == "over";
      if (n >= 500 - 16) CHECK(found == "500");
    }
    CHECK(leading == 16);
    CHECK(spent == 64 - 16);
    CHECK(f.flights.stats(f.time.monotonicNow()).tokens == 65);  // and the newest
    CHECK(f.flights.stats(f.time.monotonicNow()).evicted == 500 - 64);
  }
}

TEST_CASE("V06 who crowds others out of a full table loses as many of his own") {
  Fixture f({.maxEntries = 100});
  for (int n = 0; n < 100; ++n) f.rotate("user" + numbered(n), "new" + numbered(n));
  const auto others = [&] {
    int known = 0;
    for (int n = 0; n < 100; ++n) known += f.newest("user" + numbered(n)) == "new" + numbered(n);
    return known;
  };
  const int before = others();
  for (int n = 0; n < 40; ++n) f.rotate(numbered(n), numbered(n + 1));
  int own = 0;
  for (int n = 0; n < 40; ++n) own += f.newest(numbered(n)) != "";
  CHECK(own < 25);
  CHECK(before - others() <= 40 - own);
}

TEST_CASE("who brings C confirms the whole way to it, from part to part") {
  for (const Seconds pause : {61s, 601s}) {  // what is not confirmed is not known any more then
    Fixture f;
    for (int n = 0; n < 10; ++n) f.rotate(numbered(n), numbered(n + 1));
    CHECK(f.newest("10") == "");
    f.time.advance(pause);
    for (int n = 0; n < 10; ++n) CHECK(f.newest(numbered(n)) == "over");
  }
}

TEST_CASE("two tokens whose calls bring each other make no circle") {
  Fixture f;
  const auto a = f.waiting("a");
  const auto b = f.waiting("b");
  f.answer(a, {.tokens = tokens("b")});
  f.answer(b, {.tokens = tokens("a")});
  CHECK(f.newest("b") == "a");
  CHECK(f.newest("a") == "");
}

TEST_CASE("a token that was spent and is issued again is good again") {
  Fixture f;
  f.rotate("a", "b");
  CHECK(f.newest("b") == "");
  f.time.advance(61s);
  CHECK(f.newest("a") == "over");
  f.rotate("b", "a");
  CHECK(f.newest("a") == "");
  CHECK(f.newest("b") == "a");
}

TEST_CASE("a token that another process has spent is no login that is over: its cookie is kept") {
  Fixture f;
  for (const RefreshEnd end : {RefreshEnd::superseded, RefreshEnd::invalidGrant}) {
    const auto leader = f.waiting("a");
    f.answer(leader, {.tokens = loginOver(end)});
    auto decision = f.request("a");
    CHECK(std::get<Result<NewTokens>>(decision).error().end == end);
    f.time.advance(601s);
  }
}

TEST_CASE("where tokens do not rotate, what a call has brought is taken by who has older tokens, and by nobody else") {
  Fixture f;
  const auto held = [](const std::string& accessToken, std::int64_t end) {
    return TokenSet{.accessToken = accessToken, .refreshToken = "rt-a", .expiresAt = support::at(end)};
  };
  f.answer(f.waiting("a"), {.tokens = held("brought", 2'000)});
  const auto takesThem = [&f](const TokenSet& rejected, RefreshCause cause) {
    auto decision = f.flights.request(
        "c", rejected, {.cause = cause}, [](const Result<NewTokens>&) {}, f.time.monotonicNow());
    const auto* waiting = std::get_if<SingleFlight::Waiting>(&decision);
    if (waiting) f.flights.cancel(waiting->call, f.time.monotonicNow());
    return waiting == nullptr;
  };
  CHECK_FALSE(takesThem(held("newer", 3'000), RefreshCause::refused));
  f.answer(f.waiting("a"), {.tokens = held("brought", 2'000)});
  CHECK(takesThem(held("older", 1'000), RefreshCause::refused));
  CHECK(takesThem(held("brought", 1'000), RefreshCause::ended));
  CHECK_FALSE(takesThem(held("brought", 1'000), RefreshCause::refused));
}

TEST_CASE("a session that a logout refuses shows nothing of the browser: the chain is kept for the later login") {
  Fixture f;
  f.rotate("a", "b");
  CHECK(f.flights.end("c", tokens("b"), nullptr, {.at = support::at(5'000)}, f.time.monotonicNow()));
  f.rotate("later", "b");
  const auto newest = [&f](const std::string& with, std::int64_t begun) {
    return f.flights.newest("c", tokens(with), From::cookie, {.begun = support::at(begun)}, f.time.monotonicNow());
  };
  CHECK_FALSE(newest("b", 4'000));
  f.time.advance(61s);
  const auto found = newest("later", 9'000);
  REQUIRE(found);
  CHECK(*found == tokens("b"));
}

TEST_CASE("a second logout ends no more and no fewer sessions than the first one, with whichever token of the chain") {
  Fixture f;
  f.rotate("a", "b");
  CHECK(f.flights.end("c", tokens("b"), nullptr, {.at = support::at(5'000)}, f.time.monotonicNow()));
  CHECK_FALSE(f.flights.end("c", tokens("a"), nullptr, {.at = support::at(9'000), .begun = support::at(3'000)},
                            f.time.monotonicNow()));
  const auto passes = [&f](const std::string& with, std::int64_t begun) {
    return f.flights.newest("c", tokens(with), From::cookie, {.begun = support::at(begun)}, f.time.monotonicNow())
        .has_value();
  };
  CHECK_FALSE(passes("a", 4'000));
  CHECK_FALSE(passes("b", 4'000));
  CHECK(passes("a", 6'000));
  CHECK(passes("b", 6'000));
}

TEST_CASE("what waits is bounded, and a place is free again after any end") {
  Fixture f({.maxWaiters = 2});
  for (int round = 0; round < 3; ++round) {
    const auto leader = f.waiting("a");
    const auto other = f.waiting("b");
    CHECK(f.refusal("a") == Errc::overloaded);
    CHECK(f.refusal("c") == Errc::overloaded);
    f.flights.leave(other);
    f.flights.cancel(leader.call, f.time.monotonicNow());
    CHECK_FALSE(f.flights.start(other.call, f.time.monotonicNow()));
  }
  for (const char* user : {"x", "y", "z"}) {
    const auto waiting = f.waiting(user);
    f.answer(waiting, {.tokens = fail(Errc::refreshFailed)});
  }
  CHECK(f.refusal("v") == Errc::refreshFailed);  // the breaker is open, and who it refuses takes no place
  CHECK(f.flights.stats(f.time.monotonicNow()).waiters == 0);
}

TEST_CASE("a call that was put off until the breaker had opened is not made") {
  Fixture f;
  const auto putOff = f.waiting("late");
  for (const char* user : {"x", "y", "z"}) f.answer(f.waiting(user), {.tokens = fail(Errc::refreshFailed)});
  CHECK_FALSE(f.flights.start(putOff.call, f.time.monotonicNow()));
  CHECK(errorOf(*f.answers[0]) == Errc::refreshFailed);
}

TEST_CASE("one token does not take all the places of those who wait") {
  Fixture f({.maxWaiters = 3, .maxWaitersPerToken = 2});
  f.waiting("a");
  f.waiting("a");
  CHECK(f.refusal("a") == Errc::overloaded);
  CHECK(f.waiting("b").leads);
}

TEST_CASE("V06 calls that a 401 has caused count for the login, whatever its token is by then") {
  Fixture f({.refusedBurst = 3});
  for (int n = 0; n < 3; ++n) {
    auto decision = f.request(numbered(n), RefreshCause::refused);
    REQUIRE(std::holds_alternative<SingleFlight::Waiting>(decision));
    const auto& waiting = std::get<SingleFlight::Waiting>(decision);
    REQUIRE(f.flights.start(waiting.call, f.time.monotonicNow()));
    f.answer(waiting, {.tokens = tokens(numbered(n + 1))});
  }
  auto decision = f.request("3", RefreshCause::refused);
  REQUIRE(std::holds_alternative<Result<NewTokens>>(decision));
  CHECK(errorOf(std::get<Result<NewTokens>>(decision)) == Errc::throttled);
}

TEST_CASE("V06 a call that is not begun does not count as one that a 401 has caused") {
  Fixture f;
  for (int i = 0; i < 10; ++i) {
    auto decision = f.request("a", RefreshCause::refused);
    const auto& waiting = std::get<SingleFlight::Waiting>(decision);
    f.flights.cancel(waiting.call, f.time.monotonicNow());
  }
  auto decision = f.request("a", RefreshCause::refused);
  CHECK(std::holds_alternative<SingleFlight::Waiting>(decision));
}

}  // namespace single_flight_test
