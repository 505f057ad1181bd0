// Redis Sentinel: the master is found, verified and followed.
#include "redis/fake_redis.hpp"
#include "redis/load.hpp"
#include "redis/sentinels.hpp"
#include "redis/watched_replica.hpp"

using namespace ironjar;
using namespace std::chrono_literals;
using support::password;
using support::tokens;
using support::Watched;
using Replica = support::WatchedReplica;

namespace {

Watched& watched() {
  static Watched only;
  return only;
}

// A sentinel that names this server, whatever it is.
support::FakeRedis sentinelThatNames(int port) {
  return support::FakeRedis([port](const std::vector<std::string>& words) -> std::string {
    if (words[0] == "AUTH") return "+OK\r\n";
    if (words[0] == "SUBSCRIBE") return "-ERR\r\n";
    if (words[1] == "sentinels") return "*0\r\n";
    const std::string number = std::to_string(port);
    return "*2\r\n$9\r\n127.0.0.1\r\n$" + std::to_string(number.size()) + "\r\n" + number + "\r\n";
  });
}
std::string addressOf(int port) { return "127.0.0.1:" + std::to_string(port); }

int valuesAt(const support::RedisServer& server) { return std::stoi(Watched::ask(server, "DBSIZE")); }

}  // namespace

TEST_CASE("the master that sentinels name is used, whichever of them answers") {
  RedisOptions options = watched().options(password);
  options.sentinels = {addressOf(support::freePort()), options.sentinels.back()};
  Replica replica(options);
  CHECK(Watched::within([&] { return !replica.redis->stats().degraded; }));
  const int before = valuesAt(*watched().master());
  CHECK(replica.refresh("found", "found'"));
  CHECK(valuesAt(*watched().master()) > before);
}

TEST_CASE("a sentinel that names a replica or nobody is passed over, and nothing is written there") {
  support::RedisServer* replicaServer = nullptr;
  for (const auto& server : watched().servers) {
    if (server.get() != watched().master()) replicaServer = server.get();
  }
  REQUIRE(replicaServer != nullptr);
  Watched::ask(*replicaServer, "CONFIG", "SET", "replica-read-only", "no");
  support::FakeRedis liar = sentinelThatNames(replicaServer->port());
  support::FakeRedis stale = sentinelThatNames(support::freePort());
  RedisOptions options = watched().options(password);
  const auto told = options.sentinels;
  SUBCASE("with one that knows") {
    options.sentinels = {addressOf(liar.port()), addressOf(stale.port()), told[0]};
    Replica replica(options);
    CHECK(replica.refresh("past-liars", "past-liars'"));
    CHECK(Watched::within([&] { return !replica.redis->stats().degraded; }));
  }
  SUBCASE("alone") {
    options.sentinels = {addressOf(liar.port()), addressOf(stale.port())};
    options.failover = 0ms;
    Replica replica(options);
    CHECK(replica.redis->stats().degraded);
    replica.told.waitFor(1);
    CHECK(replica.told.why() == "it is no master");
    CHECK(replica.refresh("with-liars", "with-liars'"));
  }
  CHECK(liar.commands() > 0);
  // What it has is what the master has sent.
  CHECK(Watched::ask(*replicaServer, "INFO", "commandstats").find("cmdstat_eval") == std::string::npos);
  Watched::ask(*replicaServer, "CONFIG", "SET", "replica-read-only", "yes");
}

TEST_CASE("a wrong password of the sentinels is a start-up error") {
  RedisOptions options = watched().options(password);
  options.sentinelPassword = "another";
  CHECK_THROWS_AS(Redis{options}, std::invalid_argument);
}

TEST_CASE("a failover that an operator asks for is followed") {
  support::RedisServer* const before = watched().master();
  REQUIRE(before != nullptr);
  Replica replica(watched().options(password));
  CHECK(replica.refresh("planned", "planned'"));
  REQUIRE(watched().sentinels.front().command("SENTINEL", "failover", "mymaster") == "OK");
  REQUIRE(watched().isReplaced(before));
  const Watched& all = watched();
  CHECK(Watched::within([&] {
    static int n = 0;
    const std::string name = "after-" + std::to_string(++n);
    CHECK(replica.refresh(name, name + "'"));
    return Watched::ask(*all.master(), "INFO", "commandstats").find("cmdstat_eval") != std::string::npos;
  }));
  CHECK(replica.coordinator->redisStats().alone == 0);
}

TEST_CASE("what no replica has yet when its master dies is stored on the next master") {
  Watched servers;
  RedisOptions options = servers.options(password);
  options.timeout = 5s;
  Replica one(options);
  RedisRevocationList denied(one.redis);
  const TimePoint begun = std::chrono::system_clock::now() - 1h;
  REQUIRE(one.refresh("a", "b"));
  support::RedisServer* const first = servers.master();
  REQUIRE(first != nullptr);
  for (const auto& server : servers.servers) {
    if (server.get() != first) Watched::ask(*server, "CONFIG", "SET", "masterauth", "another");
  }
  Watched::ask(*first, "CLIENT", "KILL", "TYPE", "replica");
  one.coordinator->end("c", tokens("b"), nullptr, {.at = std::chrono::system_clock::now(), .begun = begun});
  denied.deny({RevocationList::Mark::Kind::session, "s-1"});
  REQUIRE(one.refresh("d", "e"));
  CHECK_FALSE(one.redis->stats().degraded);
  first->stop();
  REQUIRE(servers.isReplaced(first));
  REQUIRE(one.refresh("f", "g"));  // by then it has been stored again, or is about to be
  const auto isStored = [&] {
    Replica two(options);
    const auto result = two.coordinator->refresh(
        "c", tokens("b"), [&](const TokenSet&) { return RefreshAnswer{.tokens = fail(Errc::refreshFailed)}; },
        support::soon(), {.begun = begun});
    const bool isOut = !result && result.error().end == RefreshEnd::loggedOut;
    const std::vector<RevocationList::Mark> marks = {{RevocationList::Mark::Kind::session, "s-1"}};
    const bool isDenied = RedisRevocationList(two.redis).check(marks, begun) == Revoked::yes;
    const auto shared = two.refresh("d", RefreshAnswer{.tokens = fail(Errc::refreshFailed)});
    return isOut && isDenied && shared && shared->tokens == tokens("e");
  };
  CHECK(Watched::within(isStored));
}

TEST_CASE("a master that is killed or stalls during load costs a call per login at most, and no logout") {
  Watched servers;
  support::Load load(servers.options(password));
  support::RedisServer* const first = servers.master();
  REQUIRE(first != nullptr);
  load.start();
  REQUIRE(load.waitForRounds(3));
  SUBCASE("killed") { first->stop(); }
  SUBCASE("stalls") { first->pause(); }
  REQUIRE(servers.isReplaced(first));
  REQUIRE(load.waitForRounds(5));
  first->resume();
  load.end();
  load.check();
}
