// Redis Sentinel: the master is found, verified and followed.
#include "redis/fake_redis.hpp"
#include "redis/load.hpp"
#include "redis/sentinels.hpp"
#include "redis/watched_replica.hpp"
#include "support/asker.hpp"
#include "support/gate.hpp"
#include "support/raw_server.hpp"

#include <atomic>
#include <mutex>

namespace redis_sentinel_test {

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
support::FakeRedis sentinelThatNames(const std::atomic<int>& port) {
  return support::FakeRedis([&port](const std::vector<std::string>& words) -> std::string {
    if (words[0] == "AUTH") return "+OK\r\n";
    if (words[0] == "SUBSCRIBE") return "-ERR\r\n";
    if (words[1] == "sentinels") return "*0\r\n";
    const std::string number = std::to_string(port);
    return "*2\r\n$9\r\n127.0.0.1\r\n$" + std::to_string(number.size()) + "\r\n" + number + "\r\n";
  });
}
std::string addressOf(int port) { return "127.0.0.1:" + std::to_string(port); }

// No replica is told anything any more.
void cutOff(const Watched& servers, const support::RedisServer& master) {
  for (const auto& server : servers.servers) {
    if (server.get() != &master) Watched::ask(*server, "CONFIG", "SET", "masterauth", "another");
  }
  Watched::ask(master, "CLIENT", "KILL", "TYPE", "replica");
}

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
  const std::atomic<int> replicaPort = replicaServer->port();
  const std::atomic<int> nobody = support::freePort();
  support::FakeRedis liar = sentinelThatNames(replicaPort);
  support::FakeRedis stale = sentinelThatNames(nobody);
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

TEST_CASE("sentinels and servers over TLS, each asked as a user of its ACL, are followed through a failover") {
  const support::Certificate certificate;
  Watched servers(certificate.file.string());
  for (const auto& server : servers.servers) {
    REQUIRE(Watched::ask(*server, "ACL", "SETUSER", "app", "on", ">of-the-app", "~ironjar:*", "&ironjar:*", "+eval",
                         "+evalsha", "+script|load", "+get", "+set", "+strlen", "+del", "+unlink", "+pttl", "+pexpire",
                         "+publish", "+subscribe", "+unsubscribe", "+role") == "OK");
  }
  for (const support::Sentinel& sentinel : servers.sentinels) {
    REQUIRE(sentinel.command("ACL", "SETUSER", "watcher", "on", ">of-the-watcher", "&+switch-master",
                             "+sentinel|get-master-addr-by-name", "+sentinel|sentinels", "+subscribe") == "OK");
  }
  RedisOptions options = servers.options(password);
  options.user = "app";
  options.password = "of-the-app";
  options.sentinelUser = "watcher";
  options.sentinelPassword = "of-the-watcher";
  options.timeout = 5s;
  Replica one(options);
  Replica two(options);
  REQUIRE(one.refresh("a", "b"));
  CHECK(two.refresh("a", "x")->tokens == tokens("b"));
  support::RedisServer* const first = servers.master();
  REQUIRE(first != nullptr);
  first->stop();
  REQUIRE(servers.isReplaced(first));
  REQUIRE(one.refresh("c", "d"));
  CHECK(two.refresh("c", "x")->tokens == tokens("d"));
  CHECK(two.calls == 0);
  CHECK(one.coordinator->redisStats().alone == 0);
  // Whoever is told by neither certificate nor password gets nothing.
  RedisOptions plain = options;
  plain.tls = false;
  plain.caCertFile = {};
  CHECK(Redis(plain).stats().degraded);
  RedisOptions another = options;
  another.caCertFile = {};
  CHECK(Redis(another).stats().degraded);
  RedisOptions wrong = options;
  wrong.sentinelUser = "app";
  CHECK_THROWS_AS(Redis{wrong}, std::invalid_argument);
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
  cutOff(servers, *first);
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

TEST_CASE("what was stored lately is stored on the next master by a process that nobody calls") {
  support::RedisServer first;
  support::RedisServer second;
  std::atomic<int> named = first.port();
  support::FakeRedis sentinel = sentinelThatNames(named);
  RedisOptions options{.passwords = password,
                       .sentinels = {addressOf(sentinel.port())},
                       .masterName = "mymaster",
                       .timeout = 5s,
                       .pause = 100ms};
  Replica one(options);
  REQUIRE(one.refresh("a", "b"));
  named = second.port();  // without a word: the sentinel refuses subscriptions
  REQUIRE(Watched::within([&] { return !second.values().empty(); }));
  Replica two(options);
  CHECK(two.refresh("a", "x")->tokens == tokens("b"));
  CHECK(two.calls == 0);
}

TEST_CASE("a result that is stored again after a logout is revoked, and its login stays ended") {
  support::RedisServer first;
  support::RedisServer second;
  std::atomic<int> toldOne = first.port();
  std::atomic<int> toldTwo = first.port();
  support::FakeRedis ofOne = sentinelThatNames(toldOne);
  support::FakeRedis ofTwo = sentinelThatNames(toldTwo);
  RedisOptions options{.passwords = password,
                       .sentinels = {addressOf(ofOne.port())},
                       .masterName = "mymaster",
                       .failover = 60s,
                       .timeout = 5s,
                       .pause = 200ms};
  const TimePoint begun = std::chrono::system_clock::now() - 1h;
  Replica one(options);
  options.sentinels = {addressOf(ofTwo.port())};
  Replica two(options);
  REQUIRE(one.refresh("a", "b"));
  first.stop();  // with that result
  toldTwo = second.port();
  REQUIRE(two.refresh("y", "y'"));
  std::mutex mutex;
  std::vector<TokenSet> revoked;
  const auto revoke = [&](const TokenSet& last) {
    const std::lock_guard lock(mutex);
    revoked.push_back(last);
  };
  two.coordinator->end("c", tokens("a"), revoke, {.at = std::chrono::system_clock::now(), .begun = begun});
  REQUIRE(Watched::within([&] { return second.values().size() == 2; }));
  toldOne = second.port();
  REQUIRE(one.refresh("z", "z'"));
  const auto isEnded = [&](Replica& replica, const std::string& name) {
    const auto result = replica.coordinator->refresh(
        "c", tokens(name), [&](const TokenSet&) { return RefreshAnswer{.tokens = fail(Errc::refreshFailed)}; },
        support::soon(), {.begun = begun});
    return !result && result.error().end == RefreshEnd::loggedOut;
  };
  CHECK(Watched::within([&] { return isEnded(one, "b"); }));
  CHECK(isEnded(two, "b"));
  CHECK(isEnded(two, "a"));
  CHECK(Watched::within([&] {
    const std::lock_guard lock(mutex);
    return !revoked.empty();
  }));
  CHECK(revoked == std::vector<TokenSet>{tokens("b")});
}

TEST_CASE("a lock that died with its master is the next one's before anybody else can have it") {
  support::RedisServer first;
  support::RedisServer second;
  std::atomic<int> named = first.port();
  support::FakeRedis sentinel = sentinelThatNames(named);
  const RedisOptions options{.passwords = password,
                             .sentinels = {addressOf(sentinel.port())},
                             .masterName = "mymaster",
                             .failover = 60s,
                             .timeout = 5s};
  Replica one(options);
  Replica two(options);
  support::Gate gate;
  std::thread leading([&] {
    const auto result = one.coordinator->refresh("c", tokens("a"), gate.ask({.tokens = tokens("b")}), support::soon());
    CHECK((result && result->tokens == tokens("b")));
  });
  gate.waitUntilEntered();
  std::thread waiting([&] {
    const auto result = two.refresh("a", "x");
    CHECK((result && result->tokens == tokens("b")));
  });
  CHECK(Watched::within([&] { return two.coordinator->redisStats().waiting == 1; }));
  first.stop();
  named = second.port();
  CHECK_FALSE(support::within(3s, [&] { return two.calls > 0; }));
  gate.open();
  leading.join();
  waiting.join();
  CHECK(two.calls == 0);
}

TEST_CASE("a strict provider ends the logins alone whose lock died with its master") {
  Watched servers;
  support::Load load(servers.options(password), support::Load::Provider::strict, 100ms);
  support::RedisServer* const first = servers.master();
  REQUIRE(first != nullptr);
  load.start();
  REQUIRE(load.waitForRounds(2));
  cutOff(servers, *first);
  REQUIRE(load.waitForRounds(1));
  load.lose(
      4, [&] { first->stop(); }, [&] { CHECK(servers.isReplaced(first)); });
  REQUIRE(load.waitForRounds(3));
  load.end();
  load.check();
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

}  // namespace redis_sentinel_test
