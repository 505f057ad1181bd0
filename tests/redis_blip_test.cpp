// Redis in trouble for a moment: what one failed command must not cost.
#include "redis/connection.hpp"
#include "redis/fake_redis.hpp"
#include "redis/records.hpp"
#include "redis/watched_replica.hpp"
#include "support/gate.hpp"

namespace redis_blip_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::answering;
using support::errorOf;
using support::FakeRedis;
using support::Gate;
using support::isBegin;
using support::isRenew;
using support::RedisServer;
using support::soon;
using support::tokens;
using support::within;
using Mark = RevocationList::Mark;
using Replica = support::WatchedReplica;
using Time = std::chrono::steady_clock;

namespace {

// A server that can be told to refuse whatever writes, and still answers what reads.
struct Moody {
  RedisServer server;

  void refuseWrites() { server.command("REPLICAOF", "127.0.0.1", std::to_string(support::freePort())); }
  void takeWrites() { server.command("REPLICAOF", "NO", "ONE"); }
  RedisOptions options() const {
    return {.passwords = support::password,
            .port = server.port(),
            .timeout = 5000ms,
            .failures = 1000,  // never given up
            .pause = 100ms};
  }
};

const std::string mine = "*1\r\n$4\r\nmine\r\n";
const std::string stored = "*1\r\n$6\r\nstored\r\n";
const std::string locked = "*2\r\n$6\r\nlocked\r\n$22\r\nxxxxxxxxxxxxxxxxxxxxxx\r\n";

}  // namespace

TEST_CASE("a denial that fails once reaches the others as soon as Redis takes it") {
  Moody moody;
  Replica one(moody.options());
  Replica two(moody.options());
  RedisRevocationList ours(one.redis);
  RedisRevocationList theirs(two.redis);
  const std::vector<Mark> marks = {{Mark::Kind::sid, "s-1"}};
  moody.refuseWrites();
  ours.deny(marks[0]);
  moody.takeWrites();
  CHECK(one.redis->stats().failed >= 1);
  CHECK_FALSE(one.redis->stats().degraded);
  CHECK(within(5s, [&] { return theirs.check(marks, {}) == Revoked::yes; }));
}

TEST_CASE("a logout that fails once reaches the others as soon as Redis takes it") {
  Moody moody;
  Replica one(moody.options());
  Replica two(moody.options());
  moody.refuseWrites();
  one.coordinator->end("c", tokens("a"), nullptr);
  moody.takeWrites();
  CHECK_FALSE(one.redis->stats().degraded);
  CHECK(within(5s, [&] { return !moody.server.values().empty(); }));
  CHECK(errorOf(two.refresh("a", "b")) == Errc::loginRequired);
  CHECK(two.calls == 0);
}

TEST_CASE("what waits for Redis is sent before the process' last connection goes") {
  Moody moody;
  const std::vector<Mark> marks = {{Mark::Kind::sid, "s-1"}};
  {
    Replica one(moody.options());
    moody.refuseWrites();
    RedisRevocationList(one.redis).deny(marks[0]);
    moody.takeWrites();
  }
  Replica two(moody.options());
  CHECK(RedisRevocationList(two.redis).check(marks, {}) == Revoked::yes);
}

TEST_CASE("new tokens that could not be told at once are told as soon as Redis takes them") {
  Moody moody;
  Replica one(moody.options());
  Replica two(moody.options());
  Gate gate;
  std::thread leading([&] {
    CHECK(one.coordinator->refresh("c", tokens("a"), gate.ask({.tokens = tokens("b")}), soon())->tokens == tokens("b"));
  });
  gate.waitUntilEntered();
  moody.refuseWrites();
  gate.open();
  leading.join();
  CHECK_FALSE(one.redis->stats().degraded);
  moody.takeWrites();
  const auto result = two.refresh("a", "spent twice");
  REQUIRE(result);
  CHECK(result->tokens == tokens("b"));
  CHECK(two.calls == 0);
}

TEST_CASE("new tokens that came while Redis was away are the others' when it is back") {
  RedisServer server;
  Replica one(server.port());
  REQUIRE(one.refresh("x", "y"));
  one.lose(server);
  CHECK(one.refresh("a", "b")->tokens == tokens("b"));
  REQUIRE(server.start());
  one.told.waitFor(2);
  Replica two(RedisOptions{.passwords = support::password, .port = server.port(), .timeout = 5000ms});
  for (const char* name : {"1", "2", "3"}) CHECK(two.refresh(name, "no")->tokens == tokens(std::string(name) + "'"));
  CHECK(two.refresh("a", "no")->tokens == tokens("b"));
  CHECK(two.calls == 0);
}

TEST_CASE("one failed command makes a replica neither ask alone nor give up waiting for another") {
  std::atomic<int> begun = 0;
  FakeRedis server(answering([&](const std::vector<std::string>& words) {
    if (!isBegin(words)) return stored;
    const int number = ++begun;
    if (number == 1 || number == 4) return std::string("-LOADING\r\n");
    return number < 6 ? locked : mine;
  }));
  Replica replica(RedisOptions{.passwords = support::password, .port = server.port(), .timeout = 5000ms});
  const auto result = replica.refresh("a", "b");
  REQUIRE(result);
  CHECK(result->tokens == tokens("b"));
  CHECK(begun == 6);
}

TEST_CASE("who has lost its lock to another does not ask when Redis goes away, too") {
  std::atomic<bool> gone = false;
  FakeRedis server(answering([&](const std::vector<std::string>& words) {
    if (gone) return FakeRedis::hangUp;
    if (isRenew(words)) return gone = true, std::string("*1\r\n$4\r\nlost\r\n");
    std::this_thread::sleep_for(150ms);  // beyond a third of the lease
    return mine;
  }));
  Replica replica(RedisOptions{.passwords = support::password, .port = server.port(), .timeout = 5000ms},
                  {.lease = 200ms});
  CHECK(errorOf(replica.refresh("a", "b")) == Errc::refreshFailed);
  CHECK(replica.calls == 0);
}

TEST_CASE("a refusal while Redis is away signs nobody out: another replica may have spent the token") {
  RedisServer server;
  Replica one(server.port());
  Replica two(server.port());
  const RefreshAnswer refused{.tokens = loginOver(RefreshEnd::invalidGrant)};
  server.stop();
  CHECK(one.refresh("a", "b")->tokens == tokens("b"));
  CHECK(errorOf(two.refresh("a", refused)) == RefreshEnd::superseded);
  CHECK(two.calls == 1);
  CHECK(errorOf(two.refresh("a", refused)) == RefreshEnd::superseded);
  CHECK(two.calls == 1);  // what is refused is not asked about again
  CHECK(two.refresh("others", "go on"));
}

TEST_CASE("who is refused after another has taken over waits for that one's result (R39)") {
  RedisServer server;
  const RedisOptions options{.passwords = support::password, .port = server.port(), .timeout = 5000ms};
  Replica one(options);
  Replica two(options);
  Gate first;
  Gate second;
  std::optional<Result<NewTokens>> refused;
  std::thread slow([&] {
    refused =
        one.coordinator->refresh("c", tokens("a"), first.ask({.tokens = loginOver(RefreshEnd::invalidGrant)}), soon());
  });
  first.waitUntilEntered();
  server.command("FLUSHALL");  // a failover that loses the lock
  std::thread quick(
      [&] { CHECK(two.coordinator->refresh("c", tokens("a"), second.ask({.tokens = tokens("b")}), soon())); });
  second.waitUntilEntered();
  first.open();
  CHECK(within(5s, [&] { return one.coordinator->redisStats().waiting == 1; }));  // it has looked often enough
  second.open();
  quick.join();
  slow.join();
  REQUIRE(*refused);
  CHECK((*refused)->tokens == tokens("b"));
}

TEST_CASE("a server that is slower than requests can bear is not taken for well again") {
  std::atomic<bool> slow = false;
  FakeRedis server([&](const std::vector<std::string>& words) {
    if (slow) std::this_thread::sleep_for(60ms);
    if (support::isProbe(words)) return std::string("+OK\r\n");
    if (words[1] == "LOAD") return std::string("-NOPERM\r\n");
    return isBegin(words) ? mine : stored;
  });
  Replica replica(RedisOptions{.passwords = support::password, .port = server.port(), .timeout = 20ms, .pause = 30ms});
  slow = true;
  for (int i = 0; i < 3; ++i) REQUIRE(replica.refresh(std::to_string(i), "n" + std::to_string(i)));
  replica.told.waitFor(1);
  std::this_thread::sleep_for(800ms);  // many pauses
  CHECK(replica.told.transitions() == std::vector<bool>{true});
  slow = false;
  replica.told.waitFor(2);
}

TEST_CASE("reads that succeed do not hide that nothing can be written (R67)") {
  Moody moody;
  RedisOptions options = moody.options();
  options.failures = 3;
  Replica replica(options);
  RedisRevocationList list(replica.redis);
  const std::vector<Mark> marks = {{Mark::Kind::sid, "s-1"}};
  moody.refuseWrites();
  for (int i = 0; i < 6; ++i) {
    CHECK(list.check(marks, {}) == Revoked::no);
    REQUIRE(replica.refresh(std::to_string(i), "n" + std::to_string(i)));
  }
  replica.told.waitFor(1);
  CHECK(replica.told.why() == "it answers READONLY");
  moody.takeWrites();
  replica.told.waitFor(2);
  CHECK(replica.told.transitions() == std::vector<bool>{true, false});
}

TEST_CASE("a lock that nobody gives back is no failure of the provider: other logins are refreshed") {
  std::mutex mutex;
  std::string stuck;
  FakeRedis server(answering([&](const std::vector<std::string>& words) {
    const std::lock_guard guard(mutex);
    if (stuck.empty()) stuck = words.at(3);
    if (words.at(3) == stuck) return locked;
    return isBegin(words) ? mine : stored;
  }));
  const auto redis =
      std::make_shared<Redis>(RedisOptions{.passwords = support::password, .port = server.port(), .timeout = 5000ms});
  RedisCoordinator coordinator(redis, {.lease = 100ms});
  const auto refresh = [&](const std::string& name) {
    return coordinator.refresh(
        "c", tokens(name), [](const TokenSet&) { return RefreshAnswer{.tokens = tokens("new")}; }, soon());
  };
  CHECK(errorOf(refresh("a")) == Errc::refreshFailed);
  CHECK_FALSE(errorOf(refresh("b")));
}

TEST_CASE("a server with no place for another client is no wrong password") {
  std::atomic<bool> full = true;
  FakeRedis server([&](const std::vector<std::string>& words) {
    if (full) return std::string("-ERR max number of clients reached\r\n");
    if (words[0] == "AUTH" || support::isProbe(words)) return std::string("+OK\r\n");
    return isBegin(words) ? mine : stored;
  });
  Replica replica(
      RedisOptions{.passwords = support::password, .port = server.port(), .password = "right", .pause = 50ms});
  CHECK(replica.redis->stats().degraded);
  full = false;
  replica.told.waitFor(2);
}

TEST_CASE("a logout asks a server that hangs once for each token") {
  RedisServer server;
  std::optional<std::uint64_t> sent;
  for (int tries = 0; tries < 20 && !sent; ++tries) {  // later it is sent again, which a busy machine may see here
    Replica replica(RedisOptions{.passwords = support::password, .port = server.port(), .pause = 100ms});
    server.pause();
    const auto before = replica.redis->stats().commands;
    const auto begin = Time::now();
    replica.coordinator->end("c", tokens("a"), nullptr);
    const auto after = replica.redis->stats().commands;
    if (Time::now() - begin < 75ms) sent = after - before;  // the time of one command, and less than until the next
    server.resume();
  }
  CHECK(sent == 1);
}

TEST_CASE("clocks that are ten minutes apart share results and denials (R51)") {
  for (const auto apart : {-20min, -10min, 10min, 20min}) {
    RedisServer server;
    Replica replica(server.port());
    const detail::RedisSealer sealer(support::password, "ironjar:");
    const Clock theirs = [apart] { return systemClock() + apart; };
    const auto plant = [&](const char* purpose, const std::string& name, std::string_view secret, const Json& data,
                           const std::string& prefix, Seconds ttl) {
      const auto seal = sealData(data, support::password,
                                 {.formats = {SealFormat::native},
                                  .ttl = ttl,
                                  .purpose = purpose,
                                  .context = name + std::string(1, '\0') + std::string(secret),
                                  .now = theirs});
      server.command("SET", name, prefix + *seal, "PX", "600000");
    };
    Json result = detail::writeTokens(tokens("b"));
    result["k"] = "r";
    plant("redis-result", detail::tokenNames(sealer, "c", "rt-a").at(0), "rt-a", result, "r", 600s);
    CHECK(replica.refresh("a", "no")->tokens == tokens("b"));
    plant("redis-revocation", sealer.names("deny", "sid", "0:s-1").at(0), "0:s-1", {{"t", 1}},
          std::string(15, '0') + "1", 600s);
    CHECK(RedisRevocationList(replica.redis).check(std::vector<Mark>{{Mark::Kind::sid, "s-1"}}, {}) == Revoked::yes);
  }
}

TEST_CASE("an answer of arrays in arrays, which none of ours is, is refused where it begins") {
  detail::ReplyReader nested;
  CHECK(errorOf(nested.read("*2\r\n*256\r\n")) == Errc::malformed);
  detail::ReplyReader flat;
  CHECK_FALSE(errorOf(flat.read("*2\r\n$1\r\na\r\n")));
}

TEST_CASE("an answer of arrays that may nest is bounded as a whole") {
  detail::ReplyReader reader(detail::ReplyReader::Arrays::nested);
  std::string inner = "*256\r\n";
  for (int i = 0; i < 256; ++i) inner += ":1\r\n";
  auto read = reader.read("*16384\r\n");
  std::size_t bytes = 0;
  for (int i = 0; i < 16'384 && read; ++i, bytes += inner.size()) read = reader.read(inner);
  CHECK(errorOf(read) == Errc::malformed);
  CHECK(bytes < std::size_t{1'200'000});
  detail::ReplyReader next(detail::ReplyReader::Arrays::nested);
  for (int i = 0; i < 2000; ++i) CHECK(next.read("*1\r\n" + inner).value().has_value());  // each is counted for itself
}

TEST_CASE("an address that hangs does not hide the next one of the same host") {
  const FakeRedis silent([](const std::vector<std::string>&) { return std::string(); });
  const FakeRedis good([](const std::vector<std::string>&) { return std::string("+OK\r\n"); });
  const RedisOptions options{.passwords = support::password, .password = "right"};
  const detail::RedisTls tls(options);
  std::vector<detail::RedisAddress> addresses;
  for (const FakeRedis* server : {&silent, &good}) {
    addresses.push_back(detail::tcpAddresses({"127.0.0.1"}, server->port()).at(0));
  }
  for (int i = 0; i < 2; ++i) {
    detail::EventLoop loop;
    std::optional<Error> problem = fail(Errc::malformed, "not opened");
    const auto opened = [&](std::optional<Error> why) { problem = std::move(why), loop.stop(); };
    const auto connection =
        std::make_shared<detail::RedisConnection>(loop, options, tls, detail::RedisConnection::Hooks{.opened = opened});
    const auto begin = Time::now();
    loop.post([&] { connection->open(addresses, begin + 4s); });
    loop.run();
    const auto took = Time::now() - begin;
    CHECK_FALSE(problem);
    CHECK((i == 0 ? took >= 1900ms : took < 1900ms));  // the good one is first then
    addresses = connection->addresses();
  }
}

TEST_CASE("new tokens that Redis takes only after a logout are orphaned, and whoever has them is signed out") {
  RedisServer server;
  server.command("ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all");
  RedisOptions options{
      .passwords = support::password, .port = server.port(), .timeout = 5000ms, .failures = 1000, .pause = 100ms};
  Replica other(options);
  other.coordinator->end("c", tokens("a"), nullptr);
  const std::string key = server.values().at(0);
  const std::string logout = server.command("GET", key);
  server.command("FLUSHALL");
  options.user = "app";
  options.password = "secret";
  Replica one(options);
  const auto ask = [&](const TokenSet&) {
    server.command("ACL", "SETUSER", "app", "-set");
    return RefreshAnswer{.tokens = tokens("b")};
  };
  CHECK(one.coordinator->refresh("c", tokens("a"), ask, soon())->tokens == tokens("b"));
  server.command("SET", key, logout, "PX", "600000");
  server.command("ACL", "SETUSER", "app", "+set");
  CHECK(within(5s, [&] { return server.keys("ironjar:token:*:orphaned").size() == 1; }));
  CHECK(within(5s, [&] { return server.values().size() == 2; }));
  CHECK(within(5s, [&] { return errorOf(one.refresh("b", "c")) == Errc::loginRequired; }));
  CHECK(errorOf(Replica(options).refresh("b", "c")) == Errc::loginRequired);
}

}  // namespace redis_blip_test
