// What nodes of a cluster say of themselves and of others, and how little of it is believed.
#include "redis/fake_redis.hpp"
#include "redis/scripts.hpp"
#include "redis/slots.hpp"
#include "redis/watched_replica.hpp"
#include "support/raw_server.hpp"

namespace redis_slots_test {

using namespace ironjar;
using namespace std::chrono_literals;
using detail::Redirection;
using detail::RedisEndpoint;
using detail::Reply;
using detail::SlotMap;
using support::password;
using Replica = support::WatchedReplica;

namespace {

const RedisEndpoint self{"10.0.0.1", 7000};

Reply number(long long value) { return {.kind = Reply::Kind::number, .number = value}; }
Reply text(const std::string& value) { return {.kind = Reply::Kind::text, .text = value}; }
Reply array(std::vector<Reply> items) { return {.kind = Reply::Kind::array, .items = std::move(items)}; }
Reply range(long long first, long long last, const std::string& host, long long port = 7000) {
  return array({number(first), number(last), array({text(host), number(port), text("id")})});
}
Reply error(const std::string& words) { return {.kind = Reply::Kind::error, .text = words}; }
bool isRefused(const Reply& reply) {
  const auto map = SlotMap::read(reply, self);
  return !map && map.error().code == Errc::malformed;
}

std::string bulk(const std::string& value) { return "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n"; }
// A node that says that it has all slots.
std::string allSlotsAt(const std::string& host, int port) {
  return "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n" + bulk(host) + ":" + std::to_string(port) + "\r\n" + bulk("id");
}
bool isProbe(const std::vector<std::string>& words) {
  return words.size() > 3 && words[3].starts_with("ironjar:probe:{");
}
RedisOptions optionsOf(int port) {
  return {.passwords = password,
          .clusterNodes = {"127.0.0.1:" + std::to_string(port)},
          .failover = 0ms,
          .timeout = 2s,
          .pause = 1h};
}

}  // namespace

TEST_CASE("a cluster's description says who has which slot") {
  const auto map = SlotMap::read(array({range(0, 99, "a"), range(100, 100, ""), range(200, 16383, "b", 1)}), self);
  REQUIRE(map);
  CHECK(map->ownerOf(0) == RedisEndpoint{"a", 7000});
  CHECK(map->ownerOf(99) == RedisEndpoint{"a", 7000});
  CHECK(map->ownerOf(100) == RedisEndpoint{"10.0.0.1", 7000});
  CHECK_FALSE(map->ownerOf(101));
  CHECK(map->ownerOf(16383) == RedisEndpoint{"b", 1});
  CHECK(map->nodes().size() == 3);
}

TEST_CASE("a description that cannot be is refused") {
  CHECK(isRefused(array({})));
  CHECK(isRefused(text("slots")));
  CHECK(isRefused(array({text("slots")})));
  CHECK(isRefused(array({range(0, 16384, "a")})));
  CHECK(isRefused(array({range(-1, 5, "a")})));
  CHECK(isRefused(array({range(6, 5, "a")})));
  CHECK(isRefused(array({range(0, 5, "a"), range(5, 6, "b")})));
  CHECK(isRefused(array({range(0, 5, "a", 0)})));
  CHECK(isRefused(array({range(0, 5, "a", 65536)})));
  CHECK(isRefused(array({array({number(0), number(5), array({text("a")})})})));
  CHECK(isRefused(array({array({number(0), number(5)})})));
  std::vector<Reply> many;
  for (int i = 0; i < 1001; ++i) many.push_back(range(i, i, "host" + std::to_string(i)));
  CHECK(isRefused(array(many)));
  const auto unknown = SlotMap::read(array({range(0, 5, "?"), range(6, 7, "a\r\nb")}), self);
  REQUIRE(unknown);
  CHECK_FALSE(unknown->ownerOf(5));
  CHECK_FALSE(unknown->ownerOf(6));
}

TEST_CASE("a redirection names a slot and a node") {
  const auto moved = detail::redirectionIn(error("MOVED 3999 127.0.0.1:6381"), self);
  REQUIRE(moved);
  CHECK(moved->kind == Redirection::Kind::moved);
  CHECK(moved->slot == 3999);
  CHECK(moved->to == RedisEndpoint{"127.0.0.1", 6381});
  const auto ask = detail::redirectionIn(error("ASK 1 ::1:6381"), self);
  REQUIRE(ask);
  CHECK(ask->kind == Redirection::Kind::ask);
  CHECK(ask->to == RedisEndpoint{"::1", 6381});
  CHECK(detail::redirectionIn(error("MOVED 1 :6381"), self)->to == RedisEndpoint{"10.0.0.1", 6381});
  for (const char* words : {"MOVED", "MOVED 1", "MOVED x a:1", "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED 1 a",
                            "MOVED 1 a:0", "MOVED 1 a:65536", "MOVED 1 a b:1", "MOVED 1 a:1 x", "MOVED 01 a:1",
                            "MOVED 1 ?:1", "MOVED 1 a\n:1", "ERR 1 a:1", "ASKING 1 a:1", ""}) {
    CAPTURE(words);
    CHECK_FALSE(detail::redirectionIn(error(words), self));
  }
  CHECK_FALSE(detail::redirectionIn(text("MOVED 1 a:1"), self));
}

TEST_CASE("redirections without end are followed a few times") {
  std::atomic<int> scripts = 0;
  std::atomic<int> port = 0;
  for (const char* kind : {"MOVED", "ASK"}) {
    CAPTURE(kind);
    scripts = 0;
    support::FakeRedis liar([&](const std::vector<std::string>& words) -> std::string {
      if (words[0] == "CLUSTER") return allSlotsAt("127.0.0.1", port);
      if (words[0] == "ASKING") return "+OK\r\n";
      if (isProbe(words)) return "*1\r\n$6\r\nstored\r\n";
      if (words[0] != "EVAL") return "-NOPERM\r\n";
      ++scripts;
      return std::string("-") + kind + " " + std::to_string(detail::slotOf(words.at(3))) +
             " 127.0.0.1:" + std::to_string(port) + "\r\n";
    });
    port = liar.port();
    RedisOptions options = optionsOf(liar.port());
    options.failures = 1;
    Replica replica(options);
    REQUIRE_FALSE(replica.redis->stats().degraded);
    CHECK(replica.refresh("a", "b")->tokens == support::tokens("b"));
    CHECK(scripts > 1);
    CHECK(scripts <= 20);
    CHECK(replica.redis->stats().degraded);
  }
}

TEST_CASE("ASKING goes right in front of the command, on its connection") {
  std::mutex mutex;
  std::vector<std::string> seen;
  support::FakeRedis importing([&](const std::vector<std::string>& words) -> std::string {
    const std::lock_guard lock(mutex);
    seen.push_back(words[0]);
    if (words[0] == "ASKING") return "+OK\r\n";
    if (words[0] != "EVAL") return "-NOPERM\r\n";
    return words.at(1).find("'mine'") != std::string::npos ? "*1\r\n$4\r\nmine\r\n" : "*1\r\n$6\r\nstored\r\n";
  });
  std::atomic<int> port = 0;
  support::FakeRedis migrating([&](const std::vector<std::string>& words) -> std::string {
    if (words[0] == "CLUSTER") return allSlotsAt("", port);
    if (isProbe(words)) return "*1\r\n$6\r\nstored\r\n";
    if (words[0] != "EVAL") return "-NOPERM\r\n";
    return "-ASK " + std::to_string(detail::slotOf(words.at(3))) + " 127.0.0.1:" + std::to_string(importing.port()) +
           "\r\n";
  });
  port = migrating.port();
  Replica replica(optionsOf(migrating.port()));
  CHECK(replica.refresh("a", "b"));
  CHECK_FALSE(replica.redis->stats().degraded);
  const std::lock_guard lock(mutex);
  REQUIRE(seen.size() >= 4);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen[i] == "EVAL") CHECK((i > 0 && seen[i - 1] == "ASKING"));
  }
}

TEST_CASE("nodes that describe no cluster, or redirect for other slots, are given up") {
  std::string answer;
  std::atomic<int> port = 0;
  support::FakeRedis liar([&](const std::vector<std::string>& words) -> std::string {
    if (words[0] == "CLUSTER") return answer.empty() ? allSlotsAt("127.0.0.1", port) : answer;
    if (isProbe(words)) return "*1\r\n$6\r\nstored\r\n";
    if (words[0] != "EVAL") return "-NOPERM\r\n";
    const int other = (detail::slotOf(words.at(3)) + 1) % 16'384;
    return "-MOVED " + std::to_string(other) + " 127.0.0.1:" + std::to_string(port) + "\r\n";
  });
  port = liar.port();
  SUBCASE("another slot") {}
  SUBCASE("no ranges") { answer = "*0\r\n"; }
  SUBCASE("too deep") { answer = "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"; }
  SUBCASE("too many") { answer = "*16385\r\n"; }
  SUBCASE("an error") { answer = "-ERR This instance has cluster support disabled\r\n"; }
  RedisOptions options = optionsOf(liar.port());
  options.failures = 1;
  Replica replica(options);
  CHECK(replica.refresh("a", "b")->tokens == support::tokens("b"));
  CHECK(replica.redis->stats().degraded);
}

// The only node of a cluster, over TLS, with a certificate for `localhost`.
TEST_CASE("over TLS each node's certificate is verified for the host that it is named by") {
  const support::Certificate certificate;
  const std::string file = certificate.file.string();
  const std::string tlsPort = std::to_string(support::freePort());
  support::RedisServer server({"--cluster-enabled",
                               "yes",
                               "--cluster-config-file",
                               "nodes.conf",
                               "--cluster-port",
                               std::to_string(support::freePort()),
                               "--tls-port",
                               tlsPort,
                               "--tls-cert-file",
                               file,
                               "--tls-key-file",
                               file,
                               "--tls-ca-cert-file",
                               file,
                               "--tls-auth-clients",
                               "no",
                               "--tls-cluster",
                               "yes",
                               "--cluster-announce-hostname",
                               "localhost"});
  server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  const auto deadline = support::soon();
  while (server.command("CLUSTER", "INFO").find("cluster_state:ok") == std::string::npos) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::yield();
  }
  RedisOptions options = {.passwords = password,
                          .url = "rediss+cluster://localhost:" + tlsPort,
                          .failover = 0ms,
                          .caCertFile = file,
                          .timeout = 5s,
                          .pause = 1h};
  SUBCASE("its name") {
    server.command("CONFIG", "SET", "cluster-preferred-endpoint-type", "hostname");
    options.pause = 100ms;
    options.failover = 60s;
    Replica replica(options);
    CHECK(replica.refresh("a", "b"));
    CHECK(replica.coordinator->redisStats().alone == 0);
  }
  SUBCASE("an address") {
    server.command("CONFIG", "SET", "cluster-announce-ip", "127.0.0.1");
    std::string why;
    for (int tries = 0; tries < 20 && why != "its certificate does not verify"; ++tries) {
      Replica replica(options);
      REQUIRE(replica.redis->stats().degraded);
      replica.told.waitFor(1);
      why = replica.told.why();
    }
    CHECK(why == "its certificate does not verify");
    CHECK(server.keys("ironjar:*").empty());
  }
}

}  // namespace redis_slots_test
