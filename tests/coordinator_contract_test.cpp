// LocalCoordinator keeps to the contract of RefreshCoordinator, and the contract notices who does not.
#include "support/coordinator_contract.hpp"

#include <atomic>
#include <memory>

namespace coordinator_contract_test {

using namespace ironjar;
using support::Coordinators;

namespace {

Coordinators local() {
  const testing::VirtualClock time;
  const support::Asker only{std::make_shared<LocalCoordinator>(LocalCoordinatorOptions{.now = time.monotonic()})};
  return {.time = time, .one = only, .other = only};
}

// A coordinator with a fault.
class Faulty final : public RefreshCoordinator {
 public:
  enum class Fault { asksForEach, forgetsLogouts, endsAllSessions, revokesTheGiven };
  explicit Faulty(Fault fault) : fault_(fault) {}

  Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& tokens, From from,
                                         const RefreshContext& context) override {
    return inner_.newest(client, tokens, from, context);
  }
  void startRefresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call, Deadline deadline,
                    const RefreshContext& context, RefreshHandler done) override {
    const std::string own = fault_ == Fault::asksForEach ? std::to_string(++count_) : "";
    inner_.startRefresh(std::string(client) + own, rejected, call, deadline, context, std::move(done));
  }
  void end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke, const Logout& logout) override {
    if (fault_ == Fault::forgetsLogouts) return;
    const auto given = [revoke, tokens](const TokenSet&) { revoke(tokens); };
    const bool changes = fault_ == Fault::revokesTheGiven && revoke;
    inner_.end(client, tokens, changes ? RevokeCall(given) : revoke,
               fault_ == Fault::endsAllSessions ? Logout{} : logout);
  }
  [[nodiscard]] CoordinatorStats stats() const override { return inner_.stats(); }

 private:
  const Fault fault_;
  std::atomic<int> count_ = 0;
  LocalCoordinator inner_;
};

void check(Faulty::Fault fault, void (*rule)(const Coordinators&)) {
  const support::Asker only{std::make_shared<Faulty>(fault)};
  rule({.time = testing::VirtualClock(), .one = only, .other = only});
}

}  // namespace

TEST_CASE("V07 V24 LocalCoordinator keeps to the contract (R18 R20 R27 R34 R42 R43 R44 R47 R56 R72 R74)") {
  support::checkCoordinators(local);
}

// The contract's controls.
TEST_CASE("a coordinator that asks for each request does not" * doctest::should_fail()) {
  check(Faulty::Fault::asksForEach, support::contract::aDeadlineEndsTheWaitingAlone);
}
TEST_CASE("a coordinator that asks for a late request does not" * doctest::should_fail()) {
  check(Faulty::Fault::asksForEach, support::contract::lateRequestsGetTheChainsEnd);
}
TEST_CASE("a coordinator that forgets logouts does not" * doctest::should_fail()) {
  check(Faulty::Fault::forgetsLogouts, support::contract::aLogoutIsForSessionsThatBeganBefore);
}
TEST_CASE("a coordinator whose logout ends later sessions, too, does not" * doctest::should_fail()) {
  check(Faulty::Fault::endsAllSessions, support::contract::aLogoutIsForSessionsThatBeganBefore);
}
TEST_CASE("a coordinator that revokes what it was given in place of the last tokens does not" *
          doctest::should_fail()) {
  check(Faulty::Fault::revokesTheGiven, support::contract::aLogoutEndsTheWholeChain);
}

}  // namespace coordinator_contract_test
