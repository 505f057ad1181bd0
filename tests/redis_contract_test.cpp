// RedisCoordinator keeps to the contract of RefreshCoordinator, in one process and between two.
#include "redis/coordinated.hpp"
#include "support/completions.hpp"
#include "support/coordinator_contract.hpp"

namespace redis_contract_test {

using namespace ironjar;
using support::Coordinators;
using support::Replica;

namespace {

RedisCoordinatorOptions withClock(const testing::VirtualClock& time) { return {.local = {.now = time.monotonic()}}; }

Coordinators oneReplica() {
  support::server().command("FLUSHALL");
  const testing::VirtualClock time;
  const support::Asker only{Replica(withClock(time)).coordinator};
  return {.time = time, .one = only, .other = only};
}

Coordinators twoReplicas() {
  support::server().command("FLUSHALL");
  const testing::VirtualClock time;
  const Replica second(withClock(time));
  return {.time = time,
          .one = {Replica(withClock(time)).coordinator},
          .other = {second.coordinator},
          .waitUntilOtherLooks = [coordinator = second.coordinator] { support::waitUntilWaiting(*coordinator); }};
}

}  // namespace

TEST_CASE("V07 V24 RedisCoordinator keeps to the contract (R18 R20 R27 R34 R42 R43 R44 R47 R56 R72 R74)") {
  support::checkCoordinators(oneReplica);
}

TEST_CASE("V07 V24 two replicas keep to the contract (R20 R27 R34 R56 R70 R72 R74)") {
  support::checkCoordinators(twoReplicas);
}

TEST_CASE("RedisCoordinator tells those who do not block, alone and with another") {
  SUBCASE("alone") { support::checkCompletions(oneReplica); }
  SUBCASE("with another") { support::checkCompletions(twoReplicas); }
}

}  // namespace redis_contract_test
