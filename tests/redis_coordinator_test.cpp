// RedisCoordinator: several replicas and one redis-server. Each replica is a coordinator with connections of its own;
// redis_replicas_test.cpp has real processes.
#include "redis/records.hpp"
#include "redis/redis_server.hpp"
#include "support/gate.hpp"
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <atomic>
#include <thread>

#include <ironjar/redis.hpp>
#include <openssl/sha.h>

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::Gate;
using support::RedisServer;
using From = RefreshCoordinator::From;

namespace {

Deadline soon() { return std::chrono::steady_clock::now() + 30s; }

TokenSet tokens(const std::string& name) { return {.accessToken = "at-" + name, .refreshToken = "rt-" + name}; }

RedisServer& server() {
  static RedisServer only;
  return only;
}

RedisCoordinatorOptions patient(RedisCoordinatorOptions options = {}) { return options; }

struct Replica {
  explicit Replica(RedisCoordinatorOptions options = {}) : Replica(support::password, std::move(options)) {}
  explicit Replica(Passwords passwords, RedisCoordinatorOptions options = {})
      : redis(std::make_shared<Redis>(RedisOptions{
            .passwords = std::move(passwords), .port = server().port(), .timeout = std::chrono::seconds{5}})),
        coordinator(std::make_shared<RedisCoordinator>(redis, patient(std::move(options)))) {}

  Result<NewTokens> refresh(const std::string& from, const RefreshCall& ask) {
    return coordinator->refresh("c", tokens(from), ask, soon());
  }
  Result<NewTokens> refresh(const std::string& from, RefreshAnswer answer) {
    return refresh(from, [this, answer](const TokenSet&) { return ++calls, answer; });
  }
  Result<NewTokens> refresh(const std::string& from, const std::string& to) {
    return refresh(from, RefreshAnswer{.tokens = tokens(to)});
  }
  std::optional<Errc> failing(const std::string& from, Errc code) {
    return errorOf(refresh(from, RefreshAnswer{.tokens = fail(code)}));
  }

  std::atomic<int> calls = 0;
  std::shared_ptr<Redis> redis;
  std::shared_ptr<RedisCoordinator> coordinator;
};

// Each test begins with an empty server.
struct Fixture {
  Fixture() { server().command("FLUSHALL"); }
};

// Until this replica has looked for another's result a few times.
void waitUntilLooking(const Replica& replica) {
  const auto before = replica.redis->stats().commands;
  while (replica.redis->stats().commands < before + 3) std::this_thread::yield();
}

// Runs `first` with the call held, `meanwhile` during it, and lets the call end.
struct Held {
  Held(Replica& replica, const std::string& from, const RefreshAnswer& answer)
      : thread([this, &replica, from, answer] { result.emplace(replica.refresh(from, gate.ask(answer))); }) {
    gate.waitUntilEntered();
  }
  ~Held() {
    if (thread.joinable()) static_cast<void>(end().has_value());
  }
  Result<NewTokens> end() {
    gate.open();
    thread.join();
    return *result;
  }
  Gate gate;
  std::optional<Result<NewTokens>> result;
  std::thread thread;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "three replicas with 50 requests each ask the provider once (R62)") {
  support::Upstream upstream;
  testing::Provider& provider = upstream.provider;
  std::vector<std::unique_ptr<Replica>> replicas;
  std::vector<Fetcher> fetchers;
  for (int i = 0; i < 3; ++i) {
    replicas.push_back(std::make_unique<Replica>());
    FetchOptions options = support::fetchOptions(upstream);
    options.coordinator = replicas.back()->coordinator;
    fetchers.emplace_back(options);
  }
  const TokenSet first = provider.login();
  provider.expireAccessTokens();
  provider.hold();
  std::atomic<int> good = 0;
  std::mutex mutex;
  std::set<std::string> brought;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 150; ++i) {
    threads.emplace_back([&, i] {
      Session session;
      session.setTokens(first);
      const auto response = fetchers[i % 3].performFetch(session, {.url = std::string(support::api) + "/x"});
      good += response && response->status == 200;
      const std::lock_guard lock(mutex);
      brought.insert(session.tokens()->refreshToken);
    });
  }
  provider.waitForTokenCalls(1);
  while (std::count_if(replicas.begin(), replicas.end(), [](auto& r) { return r->redis->stats().commands > 4; }) < 2) {
    std::this_thread::yield();
  }
  provider.release();
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 150);
  CHECK(provider.counts().tokenCalls == 1);
  CHECK(provider.counts().reuses == 0);
  CHECK(brought.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a late request on another replica gets the result without a call or a wait (R70)") {
  Replica one;
  Replica two;
  REQUIRE(one.refresh("a", "b")->by == RefreshedBy::self);
  const auto late = two.refresh("a", "x");
  CHECK(late->by == RefreshedBy::chain);
  CHECK(late->tokens == tokens("b"));
  CHECK(two.calls == 0);
  CHECK(two.coordinator->newest("c", tokens("a"), From::cookie).value() == tokens("b"));
  CHECK(two.coordinator->stats().tokens == 2);
  CHECK(two.coordinator->redisStats().shared == 1);
}

TEST_CASE_FIXTURE(Fixture, "a chain made by several replicas is followed to its end (R27 R70)") {
  Replica one;
  Replica two;
  Replica three;
  REQUIRE(one.refresh("a", "b"));
  REQUIRE(two.refresh("b", "c"));
  REQUIRE(one.refresh("c", "d"));
  CHECK(three.refresh("a", "x")->tokens == tokens("d"));
  CHECK(two.refresh("b", "x")->tokens == tokens("c"));  // as this replica knows it; its tokens are tried first
  CHECK(three.calls == 0);
}

TEST_CASE_FIXTURE(Fixture, "everything of a token set arrives") {
  Replica one;
  Replica two;
  const TokenSet whole{.accessToken = "at",
                       .refreshToken = "rt",
                       .expiresAt = support::at(1'900'000'000'123),
                       .scope = "mail profile",
                       .lifetime = 3600s,
                       .subject = "ada",
                       .cookies = "sso=1; x=2",
                       .resource = "https://api.example"};
  REQUIRE(one.refresh("a", RefreshAnswer{.tokens = whole}));
  CHECK(two.refresh("a", "x")->tokens == whole);
}

TEST_CASE_FIXTURE(Fixture, "one that waits for another replica gets its result as a follower") {
  Replica one;
  Replica two;
  Held held(one, "a", {.tokens = tokens("b")});
  std::optional<Result<NewTokens>> second;
  std::thread follower([&] { second.emplace(two.refresh("a", "x")); });
  waitUntilLooking(two);
  CHECK(held.end()->by == RefreshedBy::self);
  follower.join();
  CHECK((*second)->by == RefreshedBy::follower);
  CHECK((*second)->tokens == tokens("b"));
  CHECK(two.calls == 0);
  CHECK(two.coordinator->redisStats().shared == 1);
}

TEST_CASE_FIXTURE(Fixture, "issuers and clients do not share results") {
  Replica one;
  Replica two;
  REQUIRE(one.refresh("a", "b"));
  const auto other = two.coordinator->refresh(
      "other", tokens("a"), [](const TokenSet&) { return RefreshAnswer{.tokens = tokens("z")}; }, soon());
  CHECK(other->tokens == tokens("z"));
}

TEST_CASE_FIXTURE(Fixture, "without rotation each expiry is asked about once, whichever replica it is") {
  Replica one;
  Replica two;
  const auto access = [](const std::string& name, std::int64_t end) {
    return TokenSet{.accessToken = name, .refreshToken = "rt-a", .expiresAt = support::at(end)};
  };
  const auto ask = [&](Replica& replica, const TokenSet& rejected, const TokenSet& fresh) {
    return replica.coordinator->refresh(
        "c", rejected, [&](const TokenSet&) { return ++replica.calls, RefreshAnswer{.tokens = fresh}; }, soon());
  };
  CHECK(ask(one, access("1", 1000), access("2", 2000))->tokens == access("2", 2000));
  CHECK(ask(two, access("1", 1000), access("x", 9000))->tokens == access("2", 2000));
  CHECK(ask(two, access("2", 2000), access("3", 3000))->tokens == access("3", 3000));
  CHECK(ask(one, access("2", 2000), access("x", 9000))->tokens == access("3", 3000));
  CHECK(one.calls == 1);
  CHECK(two.calls == 1);
}

TEST_CASE_FIXTURE(Fixture, "a failure is the same for all replicas that waited, and the next request asks (R20)") {
  Replica one;
  Replica two;
  Held held(one, "a", {.tokens = fail(Errc::refreshFailed), .retryAfter = 1s});
  std::optional<Errc> second;
  std::thread follower([&] { second = two.failing("a", Errc::expired); });
  waitUntilLooking(two);
  CHECK(errorOf(held.end()) == Errc::refreshFailed);
  follower.join();
  CHECK(second == Errc::refreshFailed);
  CHECK(two.calls == 0);
  Replica three;
  CHECK(three.refresh("a", "b")->by == RefreshedBy::self);
}

TEST_CASE_FIXTURE(Fixture, "a login that the provider has ended is not asked about again by other replicas (R34)") {
  Replica one;
  Replica two;
  CHECK(one.failing("a", Errc::expired) == Errc::expired);
  CHECK(two.failing("a", Errc::refreshFailed) == Errc::expired);
  CHECK(two.calls == 0);
}

TEST_CASE_FIXTURE(Fixture, "who is refused a token that another replica has spent goes on with its tokens (R39)") {
  Replica one;
  Replica two;
  const auto refused = one.refresh("a", [&](const TokenSet&) {
    server().command("FLUSHALL");  // a failover that loses the lock
    CHECK(two.refresh("a", "b"));
    return RefreshAnswer{.tokens = fail(Errc::expired)};
  });
  REQUIRE(refused);
  CHECK(refused->tokens == tokens("b"));
}

TEST_CASE_FIXTURE(Fixture, "also when that result comes a moment after the refusal (R39)") {
  Replica one;
  Replica two;
  std::thread winner;
  const auto refused = one.refresh("a", [&](const TokenSet&) {
    server().command("FLUSHALL");
    winner = std::thread([&, before = one.redis->stats().commands] {
      while (one.redis->stats().commands == before) std::this_thread::yield();  // after the first look
      CHECK(two.refresh("a", "b"));
    });
    return RefreshAnswer{.tokens = fail(Errc::expired)};
  });
  winner.join();
  REQUIRE(refused);
  CHECK(refused->tokens == tokens("b"));
}

TEST_CASE_FIXTURE(Fixture, "when a leader dies another takes over, no later than 250 ms after its lease (R64)") {
  const auto lease = 400ms;
  Replica survivor({.lease = lease});
  detail::RedisLink link(support::redisOptions(server(), support::password));
  detail::RedisRecord record(link, "c", "rt-a", {.lease = lease, .keep = 600s, .keepInvalidGrant = 60s});
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(std::holds_alternative<detail::RedisRecord::Claimed>(record.claim("dead-leaders-own-name!", "").value()));
  CHECK(survivor.refresh("a", "b")->by == RefreshedBy::self);
  const auto taken = std::chrono::steady_clock::now() - begin;
  CHECK(taken >= lease);
  CHECK(taken < lease + 250ms);
  CHECK(survivor.calls == 1);
}

TEST_CASE_FIXTURE(Fixture, "a leader that takes long keeps its lock: it is renewed") {
  const auto lease = 300ms;
  Replica one({.lease = lease});
  Replica two({.lease = lease});
  Held held(one, "a", {.tokens = tokens("b")});
  for (int i = 0; i < 8; ++i) {
    std::this_thread::sleep_for(lease / 3);
    CHECK(server().keys("*:lock").size() == 1);
  }
  CHECK(held.end());
  CHECK(server().keys("*:lock").empty());
  CHECK(two.refresh("a", "x")->tokens == tokens("b"));
}

TEST_CASE_FIXTURE(Fixture, "a lock is released and renewed by its owner only (R66)") {
  Replica one({.lease = 300ms});
  Held held(one, "a", {.tokens = tokens("b")});
  const auto lock = server().keys("*:lock").at(0);
  CHECK(server().command("SET", lock, "somebody else's name!", "PX", "60000") == "OK");
  const auto last = server().keys("*:last").at(0);
  CHECK(server().command("SET", last, "somebody else's name!", "PX", "60000") == "OK");
  std::this_thread::sleep_for(400ms);  // beyond its lease: it has tried to renew
  CHECK(server().command("GET", lock) == "somebody else's name!");
  CHECK(held.end()->tokens == tokens("b"));
  CHECK(server().command("GET", lock) == "somebody else's name!");
  CHECK(std::stoi(server().command("PTTL", lock)) > 40'000);
}

TEST_CASE_FIXTURE(Fixture, "the late result of a leader that lost its lock does not replace a newer one") {
  Replica one;
  Replica two;
  Held late(one, "a", {.tokens = tokens("late")});
  server().command("DEL", server().keys("*:lock").at(0));  // as if its lease had passed
  REQUIRE(two.refresh("a", "newer")->by == RefreshedBy::self);
  const auto result = late.end();
  CHECK(result->tokens == tokens("newer"));
  Replica three;
  CHECK(three.refresh("a", "x")->tokens == tokens("newer"));
}

TEST_CASE_FIXTURE(Fixture, "a lock that is lost while nobody has taken over is had again (R68)") {
  Replica one({.lease = 300ms});
  Held held(one, "a", {.tokens = tokens("b")});
  server().command("FLUSHALL");
  while (server().keys("*:lock").empty()) std::this_thread::yield();
  CHECK(held.end());
  Replica two;
  CHECK(two.refresh("a", "x")->tokens == tokens("b"));
}

TEST_CASE_FIXTURE(Fixture, "after a failover that loses all keys there is one call too many at most (R68)") {
  Replica one;
  Replica two;
  Replica three;
  Held held(one, "a", {.tokens = tokens("b")});
  std::thread second([&] { CHECK(two.refresh("a", "c")); });
  std::thread third([&] { CHECK(three.refresh("a", "c")); });
  waitUntilLooking(two);
  waitUntilLooking(three);
  server().command("FLUSHALL");
  second.join();
  third.join();
  CHECK(held.end());
  CHECK(two.calls + three.calls == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "nothing in Redis or on the way to it tells a token, or a hash to try tokens against (R69)") {
  support::RedisMonitor monitor(server());
  const auto canary = [](const std::string& name) {
    return TokenSet{.accessToken = "CANARY-access-" + name, .refreshToken = "CANARY-refresh-" + name};
  };
  Replica one;
  Replica two;
  const auto refresh = [&](Replica& replica, const std::string& from, const std::string& to) {
    return replica.coordinator->refresh(
        "c", canary(from), [&](const TokenSet&) { return RefreshAnswer{.tokens = canary(to)}; }, soon());
  };
  REQUIRE(refresh(one, "a", "b"));
  REQUIRE(refresh(two, "a", "x"));
  REQUIRE(refresh(two, "b", "c"));
  one.coordinator->end("c", canary("c"), nullptr);
  RedisRevocationList list(one.redis);
  list.deny({RevocationList::Mark::Kind::sid, "CANARY-sid"});

  std::string everything = server().snapshot();
  server().command("ECHO", "that was all");
  everything += monitor.seenUntil("that was all");
  CHECK(everything.find("ironjar:token:") != std::string::npos);
  CHECK(everything.find("ironjar:deny:") != std::string::npos);
  const auto seen = [&](const std::string& text) { return everything.find(text) != std::string::npos; };
  CHECK_FALSE(seen("CANARY"));
  CHECK_FALSE(seen("Q0FOQVJZ"));      // base64, at each of the three offsets
  CHECK_FALSE(seen("NBTkFSW"));       //
  CHECK_FALSE(seen("DQU5BUl"));       //
  CHECK_FALSE(seen("43414e415259"));  // hexadecimal
  for (const char* name : {"a", "b", "c"}) {
    const std::string token = canary(name).refreshToken;
    for (const std::string& message : {token, "c" + token, "c\n" + token, std::string("c\0", 2) + token}) {
      std::array<unsigned char, SHA256_DIGEST_LENGTH> sha{};
      SHA256(reinterpret_cast<const unsigned char*>(message.data()), message.size(), sha.data());
      const std::string_view bytes(reinterpret_cast<const char*>(sha.data()), sha.size());
      CHECK_FALSE(seen(support::hex(bytes).substr(0, 32)));
      CHECK_FALSE(seen(std::string(bytes.substr(0, 16))));
    }
  }
}

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
  waitUntilLooking(during);
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
  const std::string value = detail::RedisSealer(support::password, "ironjar:").names("token", "c", "rt-a").at(0);
  const auto next = detail::RedisSealer(support::password, "ironjar:").names("token", "c", "rt-b").at(0);
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
    CHECK_FALSE(list.denies(std::vector<RevocationList::Mark>{{RevocationList::Mark::Kind::sid, "s"}}, {}));
    const auto took = std::chrono::steady_clock::now() - begin;
    REQUIRE(fresh);
    CHECK(fresh->tokens == tokens("b"));
    CHECK(took < 100ms + support::overhead);
    std::atomic<bool> revoked = false;
    coordinator.end("c", tokens("a"), [&](const TokenSet& last) { revoked = last == tokens("b"); });
    while (!revoked) std::this_thread::yield();
    CHECK(sent() - before < 100'000);
    CHECK(server().command("STRLEN", key) != "536870912");
  }
  server().command("FLUSHALL");
  CHECK(mebibytes("/proc/self/status", "VmHWM:") < memory + 64);
}

TEST_CASE_FIXTURE(Fixture, "signing out on one replica ends the login on the others (R72)") {
  Replica one;
  Replica two;
  REQUIRE(one.refresh("a", "b"));
  REQUIRE(two.refresh("b", "c"));
  std::atomic<int> revoked = 0;
  one.coordinator->end("c", tokens("b"), [&](const TokenSet& last) { revoked += last == tokens("c") ? 1 : 100; });
  Replica three;
  for (const char* name : {"a", "b", "c"}) CHECK(three.failing(name, Errc::expired) == Errc::loginRequired);
  CHECK(two.failing("c", Errc::expired) == Errc::loginRequired);
  CHECK(one.failing("a", Errc::expired) == Errc::loginRequired);
  while (revoked == 0) std::this_thread::yield();
  CHECK(revoked == 1);
  CHECK(two.calls + three.calls == 1);
}

TEST_CASE_FIXTURE(Fixture, "a value planted under one of several passwords does not shorten a logout's chain (R72)") {
  const Passwords both({{2, support::otherPassword}, {1, support::password}});
  Replica one(both);
  REQUIRE(one.refresh("a", "b"));
  for (const std::string& name : detail::RedisSealer(both, "ironjar:").names("token", "c", "rt-a")) {
    Replica three(both);
    const std::string genuine = server().command("GET", name);
    server().command("SET", name, "o" + genuine.substr(1));
    three.coordinator->end("c", tokens("a"), nullptr);
    Replica two(both);
    CHECK(two.failing("b", Errc::expired) == Errc::loginRequired);
    CHECK(two.calls == 0);
    server().command("FLUSHALL");
    REQUIRE(Replica(both).refresh("a", "b"));
  }
}

TEST_CASE_FIXTURE(Fixture, "who had a lock last is known longer than any lease, however short results are kept") {
  Replica one({.local = {.keep = Seconds{1}, .keepUnconfirmed = Seconds{1}}});
  REQUIRE(one.refresh("a", "b"));
  CHECK(std::stoi(server().command("PTTL", server().keys("*:last").at(0))) > 500'000);
}

TEST_CASE_FIXTURE(Fixture, "signing out while another replica asks discards its result and revokes it (R72)") {
  std::atomic<int> revoked = 0;
  Replica one;
  Replica two;
  Held held(two, "a", {.tokens = tokens("b")});
  one.coordinator->end("c", tokens("a"), [&](const TokenSet& last) { revoked += last == tokens("b") ? 1 : 100; });
  CHECK(errorOf(held.end()) == Errc::loginRequired);
  while (revoked == 0) std::this_thread::yield();
  CHECK(revoked == 1);
  Replica three;
  CHECK(three.failing("a", Errc::expired) == Errc::loginRequired);
  CHECK(two.coordinator->newest("c", tokens("a"), From::cookie).error().code == Errc::loginRequired);
}

TEST_CASE_FIXTURE(Fixture, "signing out while this replica asks revokes the result once (R72)") {
  std::atomic<int> revoked = 0;
  Replica one;
  Held held(one, "a", {.tokens = tokens("b")});
  one.coordinator->end("c", tokens("a"), [&](const TokenSet& last) { revoked += last == tokens("b") ? 1 : 100; });
  CHECK(errorOf(held.end()) == Errc::loginRequired);
  while (revoked == 0) std::this_thread::yield();
  CHECK(revoked == 1);
}

TEST_CASE_FIXTURE(Fixture, "signing out while this replica waits for another revokes the other's result (R72)") {
  std::atomic<int> revoked = 0;
  Replica one;
  Replica two;
  Held held(two, "a", {.tokens = tokens("b")});
  std::optional<Errc> waited;
  std::thread follower([&] { waited = one.failing("a", Errc::expired); });
  waitUntilLooking(one);
  one.coordinator->end("c", tokens("a"), [&](const TokenSet& last) { revoked += last == tokens("b") ? 1 : 100; });
  follower.join();
  CHECK(waited == Errc::loginRequired);
  CHECK(errorOf(held.end()) == Errc::loginRequired);
  while (revoked == 0) std::this_thread::yield();
  CHECK(revoked == 1);
}

TEST_CASE_FIXTURE(Fixture, "requests that need no refresh send nothing to Redis") {
  Replica one;
  support::Upstream upstream;
  testing::Provider& provider = upstream.provider;
  FetchOptions options = support::fetchOptions(upstream);
  options.coordinator = one.coordinator;
  const Fetcher fetcher(options);
  const SessionJar jar({.cookieName = "s", .passwords = support::password, .commitHooks = fetcher.commitHooks()});
  // What the server has been sent, by whomever; these two questions among it.
  const auto processed = [] {
    const std::string text = server().command("INFO", "stats");
    const std::string name = "total_commands_processed:";
    return std::stoll(text.substr(text.find(name) + name.size()));
  };
  Session session = jar.open("");
  session.setTokens(provider.login());
  const auto before = processed();
  for (int i = 0; i < 10; ++i) {
    CHECK(fetcher.performFetch(session, {.url = std::string(support::api) + "/x"})->status == 200);
    CHECK(jar.commit(session));
  }
  CHECK(processed() == before + 1);
}

TEST_CASE_FIXTURE(Fixture, "a callback that throws is a failure like any other, and leaves no lock") {
  Replica one;
  const auto result = one.refresh("a", [](const TokenSet&) -> RefreshAnswer { throw 42; });
  CHECK(errorOf(result) == Errc::refreshFailed);
  CHECK(server().keys("*:lock").empty());
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

TEST_CASE_FIXTURE(Fixture, "a refresh token that changes is known to the others, also when the access token does not") {
  Replica one;
  Replica other;
  TokenSet same = tokens("a");
  same.refreshToken = "rt-b";
  REQUIRE(one.refresh("a", RefreshAnswer{.tokens = same}));
  CHECK(other.refresh("a", "never")->tokens == same);
  CHECK(other.calls == 0);
}

TEST_CASE_FIXTURE(Fixture, "a coordinator that goes while it waits for another does not wait for long") {
  Replica one;
  Held held(one, "a", {.tokens = tokens("b")});
  auto two = std::make_unique<Replica>();
  std::thread waiting([coordinator = two->coordinator.get()] {
    CHECK(errorOf(coordinator->refresh(
        "c", tokens("a"), [](const TokenSet&) { return RefreshAnswer{.tokens = tokens("x")}; },
        std::chrono::steady_clock::now() + 200ms)));
  });
  waiting.join();
  const auto begin = std::chrono::steady_clock::now();
  two.reset();
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
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

TEST_CASE("impossible options are refused") {
  const auto redis = std::make_shared<Redis>(support::redisOptions(server(), support::password));
  CHECK_THROWS_AS(RedisCoordinator(nullptr), std::invalid_argument);
  CHECK_THROWS_AS(RedisCoordinator(redis, {.lease = 0ms}), std::invalid_argument);
  CHECK_THROWS_AS(RedisCoordinator(redis, {.local = {.threads = 0}}), std::invalid_argument);
  CHECK_THROWS_AS(Redis({.passwords = support::password, .port = 0}), std::invalid_argument);
  CHECK_THROWS_AS(Redis({.passwords = support::password, .host = ""}), std::invalid_argument);
  CHECK_THROWS_AS(Redis({.passwords = support::password, .unixSocket = std::string(200, 'x')}), std::invalid_argument);
  CHECK_THROWS_AS(Redis({.passwords = support::password, .user = "u"}), std::invalid_argument);
  CHECK_THROWS_AS(Redis({.passwords = support::password, .prefix = ""}), std::invalid_argument);
  CHECK_THROWS_AS(Redis({.passwords = support::password, .timeout = 0ms}), std::invalid_argument);
  CHECK_THROWS_AS(Redis({.passwords = support::password, .failures = 0}), std::invalid_argument);
}

TEST_CASE_FIXTURE(Fixture,
                  "V24 a signed-out session is not led to what a later login with the same token has brought") {
  Replica one;
  Replica two;
  const auto early = support::at(1'000'000);
  const auto later = support::at(20'000'000);
  const auto refresh = [](Replica& replica, const std::string& from, const std::string& to, TimePoint begun) {
    return replica.coordinator->refresh(
        "c", tokens(from), [&](const TokenSet&) { return ++replica.calls, RefreshAnswer{.tokens = tokens(to)}; },
        soon(), {.begun = begun});
  };
  one.coordinator->end("c", tokens("k"), nullptr, {support::at(10'000'000), early});
  REQUIRE(refresh(one, "k", "b", later));
  REQUIRE(refresh(one, "b", "d", later));
  CHECK(errorOf(refresh(two, "k", "x", early)) == Errc::loginRequired);
  CHECK(refresh(two, "k", "x", later)->tokens == tokens("d"));
  CHECK(two.calls == 0);
}

TEST_CASE_FIXTURE(Fixture, "V24 an earlier logout takes nothing back, nor does one of a session that has ended") {
  Replica one;
  Replica two;
  Replica three;
  const auto refresh = [](Replica& replica, TimePoint begun) {
    return errorOf(replica.coordinator->refresh(
        "c", tokens("k"), [&](const TokenSet&) { return RefreshAnswer{.tokens = TokenSet{.accessToken = "at-new"}}; },
        soon(), {.begun = begun}));
  };
  one.coordinator->end("c", tokens("k"), nullptr, {support::at(30'000'000), support::at(20'000'000)});
  two.coordinator->end("c", tokens("k"), nullptr, {support::at(10'000'000), support::at(1'000'000)});
  CHECK(refresh(three, support::at(20'000'000)) == Errc::loginRequired);
  two.coordinator->end("c", tokens("k"), nullptr, {support::at(90'000'000), support::at(1'000'000)});
  Replica four;
  CHECK_FALSE(refresh(four, support::at(40'000'000)));
}

TEST_CASE_FIXTURE(Fixture,
                  "V24 a logout that reaches Redis late takes nothing back, nor ends a login that began meanwhile") {
  server().command("ACL", "SETUSER", "cut", "on", ">secret", "~*", "+@all");
  RedisCoordinator cutOff(std::make_shared<Redis>(
      RedisOptions{.passwords = support::password, .port = server().port(), .user = "cut", .password = "secret"}));
  Replica one;
  Replica two;
  const auto refresh = [&](const std::string& name, TimePoint begun) {
    return errorOf(two.coordinator->refresh(
        "c", tokens(name), [&](const TokenSet&) { return RefreshAnswer{.tokens = tokens("new-" + name)}; }, soon(),
        {.begun = begun}));
  };
  const auto early = support::at(1'000'000);
  const auto later = support::at(20'000'000);
  one.coordinator->end("c", tokens("next"), nullptr, {support::at(10'000'000), early});
  server().command("ACL", "SETUSER", "cut", "-@all");
  cutOff.end("c", tokens("both"), nullptr, {support::at(10'000'000), early});
  cutOff.end("c", tokens("next"), nullptr, {support::at(90'000'000), early});
  cutOff.end("c", tokens("last"), nullptr, {support::at(10'000'000), early});
  one.coordinator->end("c", tokens("both"), nullptr, {support::at(30'000'000), later});
  server().command("ACL", "SETUSER", "cut", "+@all");
  while (server().keys("ironjar:token:*").size() < 3) std::this_thread::yield();  // all have arrived
  CHECK(refresh("both", later) == Errc::loginRequired);
  CHECK(refresh("next", early) == Errc::loginRequired);
  CHECK_FALSE(refresh("next", later));
  server().command("ACL", "DELUSER", "cut");
}
