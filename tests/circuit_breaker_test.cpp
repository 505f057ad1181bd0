// CircuitBreaker: each cell of its table.
#include "refresh/circuit_breaker.hpp"

#include "support/support.hpp"

namespace circuit_breaker_test {

using namespace ironjar;
using namespace std::chrono_literals;
using detail::CircuitBreaker;
using detail::TokenKey;
using Token = CircuitBreaker::Token;

namespace {

struct Fixture {
  bool admits(Token token = Token::unknown) { return !breaker.refusal(time.monotonicNow(), token); }
  void call(unsigned char token, EndpointState outcome, std::optional<Seconds> retryAfter = std::nullopt) {
    breaker.ended(breaker.begin(Token::unknown, time.monotonicNow()), TokenKey{token}, outcome, retryAfter,
                  time.monotonicNow());
  }
  void openWith(EndpointState outcome, std::optional<Seconds> retryAfter = std::nullopt) {
    for (int token = 1; token <= 3; ++token) call(static_cast<unsigned char>(token), outcome, retryAfter);
  }
  // How long from now until a call may start, but for the head start of tokens that have not failed.
  Seconds pause() {
    const auto refusal = breaker.refusal(time.monotonicNow(), Token::hasFailed);
    return refusal ? std::chrono::ceil<Seconds>(*refusal) - 1s : 0s;
  }

  testing::VirtualClock time;
  CircuitBreaker breaker;
};

}  // namespace

TEST_CASE("V07 one broken login, or two, open nothing, however often they fail") {
  Fixture f;
  for (int i = 0; i < 100; ++i) f.call(static_cast<unsigned char>(i % 2), EndpointState::failing);
  CHECK(f.admits());
  CHECK_FALSE(f.breaker.isOpen(f.time.monotonicNow()));
}

TEST_CASE("V07 three different tokens that fail in a row open it, for as long as the failure calls for") {
  const std::vector<std::pair<EndpointState, Seconds>> pauses = {{EndpointState::failing, 4s},
                                                                 {EndpointState::refusing, 60s}};
  for (const auto& [outcome, pause] : pauses) {
    Fixture f;
    f.openWith(outcome);
    CHECK(f.pause() == pause);
    CHECK(f.breaker.isOpen(f.time.monotonicNow()));
  }
}

TEST_CASE("an endpoint that cannot be reached, or refuses the client, opens it at once") {
  const std::vector<std::pair<EndpointState, Seconds>> pauses = {{EndpointState::unreachable, 4s},
                                                                 {EndpointState::refusesClient, 60s}};
  for (const auto& [outcome, pause] : pauses) {
    Fixture f;
    f.call(1, outcome);
    CHECK(f.pause() == pause);
  }
}

TEST_CASE("the longest Retry-After counts, ten minutes at most; one of nothing does not") {
  const std::vector<std::pair<Seconds, Seconds>> pauses = {{30s, 30s}, {1'000'000'000s, 600s}, {0s, 60s}, {1s, 1s}};
  for (const auto& [asked, pause] : pauses) {
    Fixture f;
    f.openWith(EndpointState::refusing, asked);
    CHECK(f.pause() == pause);
  }
}

TEST_CASE("V07 what one token was asked to wait is not what a lost connection costs everybody") {
  Fixture f;
  f.call(1, EndpointState::refusing, 600s);
  f.time.advance(300s);
  f.call(2, EndpointState::unreachable);
  CHECK(f.pause() == 4s);
  f.time.advance(4s);
  f.call(3, EndpointState::failing);  // the probe
  CHECK(f.pause() == 4s);
}

TEST_CASE("a success between them forgets failures") {
  Fixture f;
  for (int round = 0; round < 10; ++round) {
    f.call(1, EndpointState::failing);
    f.call(2, EndpointState::failing, 600s);
    f.call(9, EndpointState::well);
  }
  CHECK(f.admits());
  f.openWith(EndpointState::failing);
  CHECK(f.pause() == 4s);  // what was asked for before is over
}

TEST_CASE("after its pause one call probes; each that succeeds lets twice as many at once") {
  Fixture f;
  f.openWith(EndpointState::failing);
  f.time.advance(4s);
  CHECK_FALSE(f.breaker.isOpen(f.time.monotonicNow()));
  for (unsigned atOnce = 1; atOnce <= 32; atOnce *= 2) {
    std::vector<CircuitBreaker::Permit> permits;
    while (permits.size() < 100 && f.admits())
      permits.push_back(f.breaker.begin(Token::unknown, f.time.monotonicNow()));
    CHECK(permits.size() == atOnce);
    CHECK_FALSE(f.admits());
    f.breaker.ended(permits.back(), TokenKey{9}, EndpointState::well, std::nullopt, f.time.monotonicNow());
    permits.pop_back();
    for (const auto permit : permits) f.breaker.withdrawn(permit);
  }
  for (int i = 0; i < 100; ++i) {
    CHECK(f.admits());  // closed
    CHECK(f.breaker.begin(Token::unknown, f.time.monotonicNow()) == 1);
  }
}

TEST_CASE("a probe that fails opens it again, and what began before says nothing of it") {
  Fixture f;
  const auto old = f.breaker.begin(Token::unknown, f.time.monotonicNow());
  f.openWith(EndpointState::failing);
  f.time.advance(4s);
  f.call(4, EndpointState::failing, 600s);
  CHECK(f.pause() == 4s);
  f.breaker.ended(old, TokenKey{8}, EndpointState::failing, std::nullopt, f.time.monotonicNow());
  f.breaker.ended(old, TokenKey{8}, EndpointState::well, std::nullopt, f.time.monotonicNow());
  CHECK(f.pause() == 4s);
  CHECK_FALSE(f.breaker.isValid(old));
}

TEST_CASE("V07 a probe whose own token is refused says nothing of the endpoint; three say it") {
  Fixture f;
  f.openWith(EndpointState::failing);
  f.time.advance(4s);
  for (const int token : {4, 4, 5}) {
    CHECK(f.admits());
    f.call(static_cast<unsigned char>(token), EndpointState::refusing, token == 4 ? 600s : 30s);
    CHECK(f.pause() == 3s);  // be it another kind of trouble
    f.time.advance(4s);
  }
  f.call(6, EndpointState::refusing);
  CHECK(f.pause() == 600s);
}

TEST_CASE(
    "V07 the fourth token in a row with an error of its own opens it; a success between them forgets the others") {
  Fixture f;
  const auto refuse = [&f](unsigned char token) {
    f.breaker.refusedToken(f.breaker.begin(Token::unknown, f.time.monotonicNow()), TokenKey{token},
                           f.time.monotonicNow());
  };
  for (int i = 0; i < 100; ++i) refuse(static_cast<unsigned char>(i % 3));
  CHECK(f.admits());
  f.call(9, EndpointState::well);
  for (unsigned char token = 0; token < 3; ++token) refuse(token);
  CHECK(f.admits());
  refuse(3);
  CHECK(f.pause() == 60s);
  f.time.advance(61s);
  refuse(8);  // a probe: that proves nothing
  CHECK(f.pause() == 3s);
}

TEST_CASE("V07 a token that has failed is no probe, unless for a second nobody else comes") {
  Fixture f;
  f.openWith(EndpointState::failing);
  f.time.advance(4s);
  CHECK_FALSE(f.admits(Token::hasFailed));
  CHECK(f.pause() == 0s);
  CHECK(f.admits(Token::unknown));
  f.time.advance(1s);
  CHECK(f.admits(Token::hasFailed));
}

TEST_CASE("a call that was not made says nothing, and leaves its place to the next") {
  Fixture f;
  f.openWith(EndpointState::failing);
  f.time.advance(4s);
  f.breaker.withdrawn(f.breaker.begin(Token::unknown, f.time.monotonicNow()));
  CHECK(f.admits());
  f.call(5, EndpointState::notAsked);
  CHECK(f.admits());
  CHECK_FALSE(f.breaker.lastSuccess());
}

TEST_CASE("tokens that another process has got say nothing of the endpoint: what has failed is not forgotten") {
  Fixture f;
  f.call(1, EndpointState::failing);
  f.call(2, EndpointState::failing);
  f.call(9, EndpointState::notAsked);
  f.call(3, EndpointState::failing);
  CHECK(f.pause() == 4s);
}

TEST_CASE("V07 tokens that have not failed probe every ten seconds, whoever else does, unless a pause was asked for") {
  Fixture f;
  f.openWith(EndpointState::refusing);
  CHECK_FALSE(f.admits());
  f.time.advance(10s);
  CHECK(f.admits());
  CHECK_FALSE(f.admits(Token::hasFailed));
  const auto permit = f.breaker.begin(Token::unknown, f.time.monotonicNow());
  f.breaker.ended(permit, TokenKey{7}, EndpointState::refusing, std::nullopt, f.time.monotonicNow());
  CHECK_FALSE(f.admits());
  f.time.advance(10s);
  CHECK(f.admits());
  Fixture asked;
  asked.openWith(EndpointState::refusing, 600s);
  asked.time.advance(599s);
  CHECK_FALSE(asked.admits());
}

TEST_CASE(
    "V07 calls in vain after it has recovered: from the third on, one in three seconds of tokens that have failed") {
  Fixture f;
  f.openWith(EndpointState::failing);
  f.time.advance(4s);
  f.call(9, EndpointState::well);  // two at once from now on
  const auto callInVain = [&f] {
    f.breaker.probedInVain(f.breaker.begin(Token::hasFailed, f.time.monotonicNow()), f.time.monotonicNow());
  };
  for (int i = 0; i < 3; ++i) {
    CHECK(f.admits(Token::hasFailed));
    callInVain();
  }
  CHECK(f.pause() == 2s);
  CHECK(f.admits(Token::unknown));
  f.time.advance(3s);
  CHECK(f.admits(Token::hasFailed));
  callInVain();
  CHECK_FALSE(f.admits(Token::hasFailed));
  f.call(9, EndpointState::well);
  CHECK(f.admits(Token::hasFailed));
}

}  // namespace circuit_breaker_test
