// Redis Cluster: the contract, resharding and a lost master during load, and nodes that lie.
#include "redis/redis_cluster.hpp"

#include "redis/coordinated.hpp"
#include "redis/fake_redis.hpp"
#include "redis/load.hpp"
#include "redis/records.hpp"
#include "redis/slots.hpp"
#include "redis/watched_replica.hpp"
#include "support/completions.hpp"
#include "support/coordinator_contract.hpp"
#include "support/raw_server.hpp"

namespace redis_cluster_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Coordinators;
using support::password;
using support::RedisCluster;
using support::Replica;
using support::tokens;
using Mark = RevocationList::Mark;

namespace {

RedisCluster& cluster() {
  static RedisCluster only;
  return only;
}
const Passwords& both() {
  static const Passwords passwords({{2, support::otherPassword}, {1, password}});
  return passwords;
}

// Its replica is told nothing any more.
void cutOff(const RedisCluster& servers, std::size_t master) {
  servers.nodes[master + RedisCluster::masters]->command("CONFIG", "SET", "masterauth", "another");
  servers.nodes[master]->command("CLIENT", "KILL", "TYPE", "replica");
}

Replica replicaOf(const testing::VirtualClock& time) {
  return Replica(cluster().options(both()), {.local = {.now = time.monotonic()}});
}

Coordinators oneReplica() {
  cluster().flush();
  const testing::VirtualClock time;
  const support::Asker only{replicaOf(time).coordinator};
  return {.time = time, .one = only, .other = only};
}

Coordinators twoReplicas() {
  cluster().flush();
  const testing::VirtualClock time;
  const Replica second = replicaOf(time);
  return {.time = time,
          .one = {replicaOf(time).coordinator},
          .other = {second.coordinator},
          .waitUntilOtherLooks = [coordinator = second.coordinator] { support::waitUntilWaiting(*coordinator); }};
}

}  // namespace

TEST_CASE("RedisCoordinator keeps to the contract in a cluster, with two passwords") {
  support::checkCoordinators(oneReplica);
}

TEST_CASE("two replicas keep to the contract in a cluster, with two passwords") {
  support::checkCoordinators(twoReplicas);
}

TEST_CASE("RedisCoordinator tells those who do not block in a cluster") { support::checkCompletions(twoReplicas); }

TEST_CASE("slots are those that a server computes") {
  CHECK(detail::slotOf("123456789") == 0x31c3);
  for (const std::string key : {"", "foo", "{}foo", "foo{}{bar}", "foo{{bar}}zap", "{user}.x", "a}b{c", "\xff\x01x",
                                "ironjar:token:{ab}:x:lock"}) {
    CAPTURE(key);
    CHECK(std::to_string(detail::slotOf(key)) == cluster().nodes[0]->command("CLUSTER", "KEYSLOT", key));
  }
}

TEST_CASE("a denial of marks in several slots holds for a process that has one of the passwords") {
  RedisRevocationList one(std::make_shared<Redis>(cluster().options(both())));
  RedisRevocationList two(std::make_shared<Redis>(cluster().options(password)));
  const TimePoint begun = std::chrono::system_clock::now() - 1h;
  const std::vector<Mark> marks = {
      {Mark::Kind::session, "s-1"}, {Mark::Kind::sid, "sid-1"}, {Mark::Kind::sub, "sub-1"}};
  CHECK(two.check(marks, begun) == Revoked::no);
  for (const Mark& mark : marks) {
    one.deny(mark);
    CHECK(two.check(std::vector<Mark>{mark}, begun) == Revoked::yes);
  }
  const std::vector<Mark> others = {{Mark::Kind::session, "s-2"}, {Mark::Kind::sid, "sid-1"}};
  CHECK(two.check(others, begun) == Revoked::yes);
  const std::vector<Mark> neither = {{Mark::Kind::session, "s-2"}, {Mark::Kind::sub, "sub-2"}};
  CHECK(two.check(neither, begun) == Revoked::no);
}

TEST_CASE("resharding and a lost master during load cost a call per login at most, and no logout") {
  RedisCluster servers;
  support::Load load(servers.options(password));
  load.start();
  REQUIRE(load.waitForRounds(2));
  for (int slot = 0; slot < 300; ++slot) servers.move(slot, *servers.nodes[0], *servers.nodes[1]);
  REQUIRE(load.waitForRounds(2));
  CHECK(load.extraCalls() == 0);
  servers.nodes[1]->stop();
  servers.waitUntilWell();
  REQUIRE(load.waitForRounds(4));
  load.end();
  load.check();
}

TEST_CASE("a strict provider ends the logins alone whose lock died with its node of a cluster") {
  RedisCluster servers;
  support::Load load(servers.options(password), support::Load::Provider::strict, 100ms);
  load.start();
  REQUIRE(load.waitForRounds(2));
  cutOff(servers, 1);
  REQUIRE(load.waitForRounds(1));
  load.lose(
      6, [&] { servers.nodes[1]->stop(); }, [&] { servers.waitUntilWell(); });
  REQUIRE(load.waitForRounds(3));
  load.end();
  load.check();
}

TEST_CASE("what no replica has yet when its master dies is stored on the next one by a process that nobody calls") {
  RedisCluster servers;
  Replica one(servers.options(password), {});
  const auto owner = [&](const std::string& name) -> std::size_t {
    const detail::RedisSealer sealer(password, "ironjar:");
    const auto slot = detail::slotOf(detail::tokenNames(sealer, "c", "rt-" + name).at(0));
    return static_cast<std::size_t>(slot) * RedisCluster::masters / RedisCluster::slots;
  };
  const std::size_t lost = owner("a");
  cutOff(servers, lost);
  REQUIRE(one.refresh("a", "b"));
  servers.nodes[lost]->stop();
  servers.waitUntilWell();
  const auto next = [&] { return servers.nodes[lost + RedisCluster::masters]->values().size(); };
  CHECK(support::within(60s, [&] { return next() == 1; }));
  Replica two(servers.options(password), {});
  CHECK(two.refresh("a", "x")->tokens == tokens("b"));
  CHECK(two.calls == 0);
}

}  // namespace redis_cluster_test
