// RedisCoordinator: what stands in Redis, under old and new passwords, planted, huge or forgotten.
#include "redis/coordinated.hpp"
#include "redis/records.hpp"

#include <atomic>
#include <thread>

#include <openssl/sha.h>

namespace redis_values_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::EmptyServer;
using support::Held;
using support::Replica;
using support::server;
using support::soon;
using support::tokens;
using support::waitUntilWaiting;

TEST_CASE_FIXTURE(Fixture, "replicas with the old passwords and the new share results both ways (R71)") {
  const Passwords old({{1, support::password}});
  const Passwords both({{2, support::otherPassword}, {1, support::password}});
  const Passwords fresh({{2, support::otherPassword}});
  Replica before(old);
  Replica during(both);
  Replica after(fresh);
  REQUIRE(before.refresh("a", "b"));
  CHECK(during.refresh("a", "x")->tokens == tokens("b"));
  REQUIRE(during.refresh("b", "c"));
  CHECK(before.refresh("b", "x")->tokens == tokens("c"));
  CHECK(after.refresh("b", "x")->tokens == tokens("c"));
  REQUIRE(after.refresh("c", "d"));
  CHECK(Replica(both).refresh("c", "x")->tokens == tokens("d"));
  CHECK(before.calls + during.calls + after.calls == 3);
}

TEST_CASE_FIXTURE(Fixture, "replicas with the old passwords and the new do not ask at the same time (R71)") {
  Replica before(Passwords({{1, support::password}}));
  Replica during(Passwords({{2, support::otherPassword}, {1, support::password}}));
  Held held(before, "a", {.tokens = tokens("b")});
  std::thread second([&] { CHECK(during.refresh("a", "x")->tokens == tokens("b")); });
  waitUntilWaiting(during);
  CHECK(held.end());
  second.join();
  CHECK(during.calls == 0);
}

TEST_CASE_FIXTURE(Fixture, "whoever writes to Redis can neither plant tokens nor sign anybody out") {
  Replica one;
  REQUIRE(one.refresh("a", "b"));
  const std::string bs = server().values().at(0);
  const std::string good = server().command("GET", bs);
  REQUIRE(one.refresh("victim", "v2"));
  std::string victims = server().values().at(0);
  if (victims == bs) victims = server().values().at(1);
  const std::string genuine = server().command("GET", victims);
  int tried = 0;
  for (const std::string& poison : {good, "o" + genuine.substr(1), "d" + genuine.substr(1), std::string("o"),
                                    std::string("d"), std::string("r"), std::string("rij1."), std::string(1000, 'o'),
                                    genuine.substr(0, genuine.size() - 1), genuine + "A", std::string("\0\xff", 2)}) {
    server().command("SET", victims, poison);
    Replica two;
    const auto result = two.refresh("victim", "asked");
    REQUIRE(result);
    CHECK(result->tokens == tokens("asked"));
    CHECK(two.calls == 1);
    ++tried;
  }
  CHECK(tried == 11);
}

TEST_CASE_FIXTURE(Fixture, "keys of another type, huge values and locks for ever are no obstacle") {
  Replica one;
  REQUIRE(one.refresh("a", "b"));
  const std::string value = server().values().at(0);
  const auto spoil = [&](const std::string& key, int how) {
    server().command("DEL", key);
    if (how == 0) server().command("RPUSH", key, "x");
    if (how == 1) server().command("SETRANGE", key, "100000000", "x");
    if (how == 2) server().command("SET", key, "somebody");
    if (how == 3) server().command("HSET", key, "a", "b");
  };
  for (int how = 0; how < 4; ++how) {
    for (const char* suffix : {"", ":lock", ":last"}) {
      spoil(value + suffix, how);
      if (*suffix != '\0') server().command("DEL", value);
      Replica two;
      CHECK(two.refresh("a", "c")->tokens == tokens("c"));
      CHECK_FALSE(two.redis->stats().degraded);
      CHECK(two.redis->stats().failed == 0);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a value of 512 MB is neither read nor waited for, wherever it stands") {
  const auto mebibytes = [](const char* file, const std::string& name) {
    std::ifstream lines(file);
    for (std::string word; lines >> word;) {
      if (long long size = 0; word == name && lines >> size) return size / 1024;
    }
    return 0LL;
  };
  if (mebibytes("/proc/meminfo", "MemAvailable:") < 2048) {
    MESSAGE("SKIPPED: this needs 2 GiB of memory");
    return;
  }
  const auto fill = [](const std::string& key) {
    server().command("DEL", key);
    REQUIRE(server().command("SETRANGE", key, "536870911", "x") == "536870912");
  };
  const auto sent = [] {
    const std::string text = server().command("INFO", "stats");
    const std::string name = "total_net_output_bytes:";
    return std::stoll(text.substr(text.find(name) + name.size()));
  };
  const std::string value = detail::tokenNames(detail::RedisSealer(support::password, "ironjar:"), "c", "rt-a").at(0);
  const auto next = detail::tokenNames(detail::RedisSealer(support::password, "ironjar:"), "c", "rt-b").at(0);
  const auto mark = detail::RedisSealer(support::password, "ironjar:").names("deny", "sid", "0:s").at(0);
  const auto memory = mebibytes("/proc/self/status", "VmHWM:");
  for (const std::string& key : {value, value + ":lock", value + ":last", next + ":orphaned", mark}) {
    CAPTURE(key);
    server().command("FLUSHALL");
    Replica warm;
    REQUIRE(warm.refresh("warm", "up"));  // connections and scripts
    const auto redis = std::make_shared<Redis>(RedisOptions{.passwords = support::password, .port = server().port()});
    RedisCoordinator coordinator(redis);
    RedisRevocationList list(redis);
    fill(key);
    const auto before = sent();
    const auto begin = std::chrono::steady_clock::now();
    const auto fresh = coordinator.refresh(
        "c", tokens("a"), [](const TokenSet&) { return RefreshAnswer{.tokens = tokens("b")}; }, soon());
    CHECK(list.check(std::vector<RevocationList::Mark>{{RevocationList::Mark::Kind::sid, "s"}}, {}) == Revoked::no);
    const auto took = std::chrono::steady_clock::now() - begin;
    REQUIRE(fresh);
    CHECK(fresh->tokens == tokens("b"));
    CHECK(took < 10s + support::overhead);  // Redis frees 512 MB meanwhile; sent() tells the rest
    std::atomic<bool> revoked = false;
    coordinator.end("c", tokens("a"), [&](const TokenSet& last) { revoked = last == tokens("b"); });
    while (!revoked) std::this_thread::yield();
    CHECK(sent() - before < 100'000);
    CHECK(server().command("STRLEN", key) != "536870912");
  }
  server().command("FLUSHALL");
  CHECK(mebibytes("/proc/self/status", "VmHWM:") < memory + 64);
}

TEST_CASE_FIXTURE(Fixture, "tokens that cannot be shared are this replica's alone, and hold up nobody") {
  Replica one;
  const std::string huge(70'000, 'x');
  const auto result = one.refresh("a", RefreshAnswer{.tokens = TokenSet{.accessToken = huge, .refreshToken = "rt-b"}});
  CHECK(result->tokens.accessToken == huge);
  CHECK(server().keys("*:lock").empty());
}

TEST_CASE_FIXTURE(Fixture, "tokens beside which something cannot be shared are known to the others all the same") {
  Replica one;
  Replica other;
  TokenSet odd = tokens("b");
  odd.subject = "J\xfcrgen";
  odd.cookies = "sso=" + std::string(70'000, 'x');
  REQUIRE(one.refresh("a", RefreshAnswer{.tokens = odd}));
  CHECK(other.refresh("a", "never")->tokens == tokens("b"));
  CHECK(other.calls == 0);
}

TEST_CASE_FIXTURE(Fixture, "scripts that the server has forgotten are sent again") {
  Replica one;
  Replica two;
  REQUIRE(one.refresh("a", "b"));
  server().command("SCRIPT", "FLUSH");
  REQUIRE(one.refresh("b", "c"));
  CHECK(two.refresh("b", "x")->tokens == tokens("c"));
  CHECK(one.redis->stats().failed == 0);
}

}  // namespace redis_values_test
