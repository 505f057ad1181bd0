// TokenPlan: the rows of the table in token_plan.hpp that are about a second try; no transport.
#include "oauth/token_plan.hpp"

#include "support/support.hpp"

#include <atomic>

namespace token_plan_test {

using namespace ironjar;
using namespace std::chrono_literals;
using detail::TokenPlan;
using support::errorOf;

namespace {

const Result<Response> unreachable = fail(Errc::unreachable);
const Result<Response> lost = fail(Errc::timeout);
const Response possiblyUsed{.status = 502};
const Response refused{.status = 400, .body = R"({"error":"invalid_grant"})"};

struct Fixture {
  explicit Fixture(ReplayPolicy replay = {}, bool isDown = false)
      : endpoint{.url = "https://id.example/token", .replay = replay}, isUnreachable(isDown) {
    endpoint.clientAuth = publicClient("web");
    REQUIRE(isSent(plan.begin(time.monotonicNow())));
  }
  static bool isSent(const TokenPlan::Step& step) { return std::holds_alternative<TokenPlan::Send>(step); }
  bool isSentAgain(const Result<Response>& answer) { return isSent(plan.answered(answer, time.monotonicNow())); }
  RefreshAnswer ends(const Result<Response>& answer) {
    auto step = plan.answered(answer, time.monotonicNow());
    REQUIRE(std::holds_alternative<RefreshAnswer>(step));
    return std::get<RefreshAnswer>(std::move(step));
  }

  TokenEndpoint endpoint;
  const TokenSet spent{.accessToken = "at-1", .refreshToken = "rt-1"};
  detail::DpopNonces nonces;
  std::atomic<bool> isUnreachable;
  testing::VirtualClock time;
  const Clock now = [] { return support::at(0); };
  TokenPlan plan{endpoint, spent, nonces, isUnreachable, now};
};

}  // namespace

TEST_CASE(
    "what was never sent is sent once more, whatever the provider; what may have arrived within the grace alone") {
  CHECK(Fixture().isSentAgain(unreachable));
  CHECK(Fixture({.strict = true}).isSentAgain(unreachable));
  for (const auto& answer : {lost, Result<Response>(possiblyUsed)}) {
    CHECK(Fixture({.grace = 5s}).isSentAgain(answer));
    CHECK_FALSE(Fixture().isSentAgain(answer));
    CHECK_FALSE(Fixture({.strict = true}).isSentAgain(answer));
    Fixture late({.grace = 5s});
    late.time.advance(5s);
    CHECK_FALSE(late.isSentAgain(answer));
  }
  CHECK_FALSE(Fixture({.grace = 5s}).isSentAgain(refused));
}

TEST_CASE("an endpoint that two tries have not reached gets one a call, until something reaches it again") {
  for (const auto& first : {unreachable, lost}) {
    Fixture f({.grace = 5s});
    REQUIRE(f.isSentAgain(first));
    static_cast<void>(f.ends(unreachable));
    CHECK(f.isUnreachable);
  }
  CHECK(errorOf(Fixture({}, true).ends(unreachable).tokens) == Errc::refreshFailed);
  CHECK(Fixture({}, true).ends(unreachable).endpoint == EndpointState::unreachable);
  CHECK(Fixture({.grace = 5s}, true).isSentAgain(lost));  // the token may have been spent
  for (const auto& answer : {lost, Result<Response>(possiblyUsed), Result<Response>(refused)}) {
    Fixture f({}, true);
    static_cast<void>(f.ends(answer));
    CHECK_FALSE(f.isUnreachable);
  }
  Fixture f;
  REQUIRE(f.isSentAgain(unreachable));
  CHECK_FALSE(f.isUnreachable);
}

TEST_CASE("a second try says more than the first one, unless it was never sent or its answer was lost") {
  for (const auto& second : {unreachable, lost}) {
    Fixture f({.grace = 5s});
    REQUIRE(f.isSentAgain(possiblyUsed));
    const RefreshAnswer answer = f.ends(second);
    CHECK(errorOf(answer.tokens) == Errc::refreshFailed);
    CHECK(answer.endpoint == EndpointState::failing);
  }
  Fixture f;
  REQUIRE(f.isSentAgain(unreachable));
  CHECK(f.ends(refused).tokens.error().end == RefreshEnd::invalidGrant);
}

TEST_CASE("an answer that a strict provider has lost ends the login, and no other answer does") {
  CHECK(Fixture({.strict = true}).ends(lost).tokens.error().end == RefreshEnd::lost);
  CHECK_FALSE(Fixture({.strict = true}).ends(possiblyUsed).tokens.error().end);
  CHECK_FALSE(Fixture().ends(lost).tokens.error().end);
}

}  // namespace token_plan_test
