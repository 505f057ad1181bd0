// Redis over TLS: who is verified, and what is said to whom is not.
#include "redis/fake_redis.hpp"
#include "redis/link.hpp"
#include "redis/watched_replica.hpp"
#include "support/raw_server.hpp"

#include <atomic>
#include <future>

namespace redis_tls_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::RedisServer;
using support::tokens;
using Replica = support::WatchedReplica;

namespace {

// A redis-server with a certificate of its own for `localhost`, and a port for TLS beside the plain one.
struct TlsServer {
  explicit TlsServer(const std::string& wantsClients) : server(arguments(wantsClients)) {
    server.command("PING");  // it listens on both ports by then
  }

  std::vector<std::string> arguments(const std::string& wantsClients) const {
    return {"--tls-port", std::to_string(port), "--tls-cert-file", file, "--tls-key-file", file, "--tls-ca-cert-file",
            file,         "--tls-auth-clients", wantsClients};
  }
  [[nodiscard]] RedisOptions options(const std::string& host = "localhost") const {
    return {.passwords = support::password,
            .url = "rediss://" + host + ":" + std::to_string(port),
            .caCertFile = file,
            .timeout = 5s,
            .pause = 1h};
  }

  support::Certificate certificate;
  const std::string file = certificate.file.string();
  const int port = support::freePort();
  RedisServer server;
};

bool isLate(const std::string& why) { return why == "connecting took too long" || why == "no answer"; }

// A replica as it is after its start: not one for which the machine was too slow.
std::unique_ptr<Replica> replicaOf(const RedisOptions& options) {
  std::unique_ptr<Replica> replica;
  for (int tries = 0; tries < 20; ++tries) {
    replica = std::make_unique<Replica>(options);
    if (!replica->redis->stats().degraded) return replica;
    replica->told.waitFor(1);
    if (!isLate(replica->told.why())) return replica;
  }
  return replica;
}

// Why it was given up at the start; empty when it was not.
std::string whyNot(const RedisOptions& options) {
  const auto replica = replicaOf(options);
  return replica->redis->stats().degraded ? replica->told.why() : "";
}

}  // namespace

TEST_CASE("replicas share results over TLS, with a server that is verified") {
  TlsServer tls("no");
  const auto one = replicaOf(tls.options());
  const auto two = replicaOf(tls.options());
  REQUIRE_FALSE(one->redis->stats().degraded);
  REQUIRE(one->refresh("a", "b"));
  CHECK(two->refresh("a", "x")->tokens == tokens("b"));
  CHECK(one->redis->stats().failed + two->redis->stats().failed == 0);
}

TEST_CASE("many commands at once are each answered over TLS") {
  TlsServer tls("no");
  RedisOptions options = tls.options();
  options.pause = 50ms;  // should the machine be too slow at the start
  detail::RedisLink link(options);
  const auto deadline = support::soon();
  while (link.stats().degraded && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  constexpr int count = 500;
  std::atomic<int> told = 0;
  std::atomic<int> good = 0;
  std::promise<void> all;
  for (int i = 0; i < count; ++i) {
    const std::string key = "ironjar:" + std::to_string(i);
    tls.server.command("SET", key, key + std::string(5000, 'x'));
    link.start({.script = &detail::lookUpScript(), .keys = {key}, .arguments = {"9999"}},
               [&, key](const Result<detail::Reply>& reply) {
                 good += reply && reply->items.at(0).text.starts_with(key + "x");
                 if (++told == count) all.set_value();
               });
  }
  CHECK(all.get_future().wait_for(20s) == std::future_status::ready);
  CHECK(good == count);
}

TEST_CASE("a server whose certificate leads to another authority, or is another host's, is told nothing") {
  TlsServer tls("no");
  CHECK(whyNot(tls.options("127.0.0.1")) == "its certificate does not verify");
  RedisOptions another = tls.options();
  another.caCertFile = {};  // the system's do not know it
  another.password = "CANARY";
  const auto before = tls.server.command("INFO", "commandstats");
  CHECK(whyNot(another) == "its certificate does not verify");
  CHECK(before.find("cmdstat_auth") == std::string::npos);
  CHECK(tls.server.command("INFO", "commandstats").find("cmdstat_auth") == std::string::npos);
}

TEST_CASE("a server that wants a client certificate gets ours") {
  TlsServer tls("yes");
  CHECK_FALSE(whyNot(tls.options()).empty());
  RedisOptions known = tls.options();
  known.clientCertFile = tls.file;
  known.clientKeyFile = tls.file;
  CHECK(whyNot(known).empty());
}

TEST_CASE("TLS with a server that has none, and none with one that wants it, are a Redis that is away") {
  TlsServer tls("no");
  RedisOptions plain = tls.options();
  plain.url = "redis://localhost:" + std::to_string(tls.port);
  plain.caCertFile = {};
  CHECK(Redis(plain).stats().degraded);
  RedisOptions over = tls.options();
  over.url = "rediss://localhost:" + std::to_string(tls.server.port());
  CHECK(Redis(over).stats().degraded);
}

TEST_CASE("files that cannot be read are an error at the start") {
  RedisOptions options = {.passwords = support::password, .url = "rediss://localhost:1", .caCertFile = "/nonexistent"};
  CHECK_THROWS_WITH_AS(Redis{options}, doctest::Contains("caCertFile"), std::invalid_argument);
  options.caCertFile = {};
  options.clientCertFile = options.clientKeyFile = "/nonexistent";
  CHECK_THROWS_WITH_AS(Redis{options}, doctest::Contains("clientCertFile"), std::invalid_argument);
}

}  // namespace redis_tls_test
