// Redis in trouble: requests go on, hardly any slower, and nobody is signed out.
#include "redis/fake_redis.hpp"
#include "redis/watched_replica.hpp"
#include "support/upstream.hpp"

#include <array>
#include <atomic>

namespace redis_failure_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::FakeRedis;
using support::RedisServer;
using support::soon;
using support::tokens;
using Replica = support::WatchedReplica;
using Time = std::chrono::steady_clock;

namespace {

// Well until a switch is thrown; then it answers every command but the probe in its way.
struct Spoiled {
  explicit Spoiled(const std::string& answer)
      : server([answer](const std::vector<std::string>& words) {
          return support::isProbe(words) ? std::string("+OK\r\n") : answer;
        }) {}
  FakeRedis server;
};

}  // namespace

TEST_CASE("Redis that is down at the start is no error: each process goes on alone (R67)") {
  const int nobody = support::freePort();
  Replica replica(nobody);
  replica.told.waitFor(1);
  const auto begin = Time::now();
  for (int i = 0; i < 10; ++i) {
    CHECK(replica.refresh(std::to_string(i), "new" + std::to_string(i))->by == RefreshedBy::self);
  }
  CHECK(Time::now() - begin < 50ms + support::overhead);
  CHECK(replica.calls == 10);
  CHECK(replica.redis->stats().degraded);
  CHECK(replica.redis->stats().degradations == 1);
  CHECK(replica.coordinator->redisStats().alone == 10);
  CHECK(replica.told.transitions() == std::vector<bool>{true});
}

TEST_CASE("alone, a process still asks once for all its requests (R67)") {
  Replica replica(support::freePort());
  support::Upstream upstream;
  testing::Provider& provider = upstream.provider;
  const TokenSet first = provider.login();
  FetchOptions options = support::fetchOptions(upstream);
  options.coordinator = std::move(replica.coordinator);
  const Fetcher fetcher(options);
  provider.expireAccessTokens();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i) {
    threads.emplace_back([&] {
      Session session;
      session.setTokens(first);
      const auto response = fetcher.performFetch(session, {.url = std::string(support::api) + "/x"});
      good += response && response->status == 200;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 50);
  CHECK(provider.counts().tokenCalls == 1);
}

TEST_CASE("with the policy `fail` requests are to be repeated later, and nobody is signed out (R67)") {
  Replica replica(support::freePort(), {.withoutRedis = WithoutRedis::fail});
  support::Upstream upstream;
  testing::Provider& provider = upstream.provider;
  FetchOptions options = support::fetchOptions(upstream);
  options.coordinator = std::move(replica.coordinator);
  const Fetcher fetcher(options);
  Session session;
  session.setTokens(provider.login());
  provider.expireAccessTokens();
  CHECK(errorOf(fetcher.performFetch(session, {.url = std::string(support::api) + "/x"})) == Errc::overloaded);
  CHECK_FALSE(session.destroyed());
  CHECK_FALSE(session.detached());
  CHECK(session.tokens());
  CHECK(provider.counts().tokenCalls == 0);
}

TEST_CASE("a server that hangs costs the first requests 100 ms in all, and the others nothing (R67)") {
  RedisServer server;
  Replica replica(RedisOptions{.passwords = support::password, .port = server.port(), .pause = 5000ms});
  REQUIRE(replica.refresh("a", "b"));
  server.pause();
  const auto begin = Time::now();
  for (int i = 0; i < 3; ++i) REQUIRE(replica.refresh("x" + std::to_string(i), "y" + std::to_string(i)));
  const auto first = Time::now() - begin;
  CHECK(first >= 80ms);
  CHECK(first < 110ms + support::overhead);  // the machine has other things to do, too
  const auto sent = replica.redis->stats().commands;
  for (int i = 0; i < 100; ++i) REQUIRE(replica.refresh("p" + std::to_string(i), "q" + std::to_string(i)));
  CHECK(Time::now() - begin < 250ms + support::overhead);
  CHECK(replica.redis->stats().commands == sent);
  CHECK(replica.calls == 104);
  server.resume();
  replica.told.waitFor(2);
  CHECK(Time::now() - begin < 20s);
  CHECK(replica.told.transitions() == std::vector<bool>{true, false});
  REQUIRE(replica.refresh("later", "fine"));
  CHECK(replica.redis->stats().commands > sent);
  CHECK_FALSE(replica.redis->stats().degraded);
}

TEST_CASE("a server that comes back after a restart is found again, and transitions are told once each") {
  RedisServer server;
  Replica replica(server.port());
  Replica other(server.port());
  REQUIRE(replica.refresh("a", "b"));
  for (int round = 1; round <= 2; ++round) {
    server.stop();
    for (int i = 0; i < 5; ++i) {
      const std::string name = std::to_string(round) + std::to_string(i);
      REQUIRE(replica.refresh(name, name + "new"));
    }
    replica.told.waitFor(static_cast<std::size_t>(2 * round - 1));
    REQUIRE(server.start());
    replica.told.waitFor(static_cast<std::size_t>(2 * round));
  }
  CHECK(replica.told.transitions() == std::vector<bool>{true, false, true, false});
  CHECK(replica.redis->stats().degradations == 2);
  REQUIRE(replica.refresh("last", "one"));
  if (other.redis->stats().degraded) other.told.waitFor(2);
  CHECK(other.refresh("last", "x")->tokens == tokens("one"));
}

TEST_CASE("connections that the server has closed are opened again, without a failure") {
  RedisServer server;
  Replica replica(server.port());
  for (int i = 0; i < 5; ++i) {
    REQUIRE(replica.refresh(std::to_string(i), "new" + std::to_string(i)));
    server.command("CLIENT", "KILL", "TYPE", "normal");
  }
  CHECK(replica.redis->stats().failed == 0);
  CHECK(replica.coordinator->redisStats().alone == 0);
}

TEST_CASE("a replica that waits for another does not ask a second time when Redis goes away") {
  RedisServer server;
  Replica leader(server.port());
  Replica waiter(server.port());
  std::mutex mutex;
  std::condition_variable changed;
  bool entered = false;
  bool open = false;
  std::thread leading([&] {
    const auto ask = [&](const TokenSet&) {
      std::unique_lock lock(mutex);
      entered = true;
      changed.notify_all();
      changed.wait(lock, [&] { return open; });
      return RefreshAnswer{.tokens = tokens("b")};
    };
    CHECK(leader.coordinator->refresh("c", tokens("a"), ask, soon())->tokens == tokens("b"));
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return entered; });
  }
  std::optional<Errc> error;
  std::thread waiting([&] { error = errorOf(waiter.refresh("a", "x")); });
  CHECK(support::within(20s, [&] { return waiter.coordinator->redisStats().waiting > 0; }));
  server.stop();
  waiting.join();
  {
    const std::lock_guard lock(mutex);
    open = true;
  }
  changed.notify_all();
  leading.join();
  CHECK(error == Errc::refreshFailed);
  CHECK(waiter.calls == 0);
}

TEST_CASE("a logout while Redis is away reaches the other replicas when it is back") {
  RedisServer server;
  Replica one(server.port());
  REQUIRE(one.refresh("a", "b"));
  one.lose(server);
  one.coordinator->end("c", tokens("b"), nullptr);
  REQUIRE(server.start());
  one.told.waitFor(2);
  Replica two(server.port());
  CHECK(errorOf(two.refresh("b", "x")) == Errc::loginRequired);
  CHECK(two.calls == 0);
}

TEST_CASE("whatever a server answers, requests go on alone, and it is given up for a while") {
  const std::string huge = "$536870912\r\n" + std::string(6 * 1024 * 1024, 'x');
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "*1\r\n";
  int tried = 0;
  for (const std::string& answer : {std::string("-READONLY You can't write against a read only replica.\r\n"),
                                    std::string("-OOM command not allowed when used memory > 'maxmemory'.\r\n"),
                                    std::string("-LOADING Redis is loading the dataset in memory\r\n"),
                                    std::string("-NOAUTH Authentication required.\r\n"),
                                    std::string("-MOVED 1234 10.0.0.1:6379\r\n"),
                                    std::string("-MISCONF Redis is configured to save RDB snapshots\r\n"),
                                    std::string("-CLUSTERDOWN Hash slot not served\r\n"),
                                    std::string("-BUSY Redis is busy running a script\r\n"),
                                    std::string("-NOSCRIPT No matching script.\r\n"),
                                    std::string("-\r\n"),
                                    std::string("+OK\r\n"),
                                    std::string("+QUEUED\r\n"),
                                    std::string(":1\r\n"),
                                    std::string("$-1\r\n"),
                                    std::string("$0\r\n\r\n"),
                                    std::string("*-1\r\n"),
                                    std::string("*0\r\n"),
                                    std::string("*1\r\n$-1\r\n"),
                                    std::string("*1\r\n$5\r\nvalue\r\n"),
                                    std::string("*3\r\n$5\r\nvalue\r\n:0\r\n$1\r\nr\r\n"),
                                    std::string("*3\r\n$5\r\nvalue\r\n:99\r\n$1\r\nr\r\n"),
                                    std::string("*3\r\n$5\r\nvalue\r\n:-9223372036854775808\r\n$1\r\nr\r\n"),
                                    std::string("*1\r\n$7\r\nunheard\r\n"),
                                    std::string("*1000000000\r\n"),
                                    std::string("*2147483648\r\n"),
                                    std::string("$99999999999\r\n"),
                                    huge,
                                    deep,
                                    std::string("HTTP/1.1 400 Bad Request\r\n\r\n"),
                                    std::string(1000, '\0'),
                                    std::string("\xff\xfe\xfd\r\n"),
                                    std::string("%1\r\n+a\r\n+b\r\n"),
                                    std::string("+never ends"),
                                    std::string("*2\r\n$6\r\nlocked\r\n"),
                                    std::string("*1\r\n*1\r\n*1\r\n$4\r\nmine\r\n"),
                                    FakeRedis::hangUp,
                                    std::string()}) {
    CAPTURE(answer.substr(0, 40));
    Spoiled spoiled(answer);
    Replica replica(
        RedisOptions{.passwords = support::password, .port = spoiled.server.port(), .timeout = 10ms, .pause = 1h});
    for (int i = 0; i < 6; ++i) {
      const auto result = replica.refresh(std::to_string(i), "new" + std::to_string(i));
      REQUIRE(result);
      CHECK(result->tokens == tokens("new" + std::to_string(i)));
    }
    CHECK(replica.calls == 6);
    replica.told.waitFor(1);
    CHECK(replica.told.transitions() == std::vector<bool>{true});
    ++tried;
  }
  CHECK(tried == 37);
}

TEST_CASE("a peer that gives values which never open is of no use, and does no harm") {
  Spoiled spoiled("*3\r\n$5\r\nvalue\r\n:1\r\n$10\r\nrij1.AAAAA\r\n");
  Replica replica(spoiled.server.port());
  for (int i = 0; i < 5; ++i) CHECK(replica.refresh(std::to_string(i), "n" + std::to_string(i)));
  CHECK(replica.calls == 5);
}

TEST_CASE("a peer that says for ever that another is asking ends in a failure, not in a logout or a hang") {
  Spoiled spoiled("*2\r\n$6\r\nlocked\r\n$22\r\nxxxxxxxxxxxxxxxxxxxxxx\r\n");
  Replica replica(spoiled.server.port(), {.lease = 100ms});
  CHECK(errorOf(replica.refresh("a", "b")) == Errc::refreshFailed);
}

TEST_CASE("who learns too late that it got the lock, and has lost it by then, does not ask") {
  std::atomic<int> begun = 0;
  FakeRedis server([&](const std::vector<std::string>& words) {
    if (support::isProbe(words)) return std::string("+OK\r\n");
    if (words[1] == "LOAD") return std::string("-NOPERM\r\n");  // so that scripts are told apart by their text
    if (words[1].find("renewed") != std::string::npos) return std::string("*1\r\n$4\r\nlost\r\n");
    if (++begun > 1) return std::string("*2\r\n$6\r\nfailed\r\n$1\r\nx\r\n");
    std::this_thread::sleep_for(150ms);
    return std::string("*1\r\n$4\r\nmine\r\n");
  });
  Replica replica(RedisOptions{.passwords = support::password, .port = server.port(), .timeout = 5000ms},
                  {.lease = 200ms});
  CHECK(errorOf(replica.refresh("a", "b")) == Errc::refreshFailed);
  CHECK(replica.calls == 0);
  CHECK(begun == 2);
}

TEST_CASE("a drop now and then does not keep a command beyond its deadline") {
  FakeRedis server([](const std::vector<std::string>& words) {
    if (support::isProbe(words)) return std::string("+OK\r\n");
    std::this_thread::sleep_for(5ms);
    return std::string("+");  // each command is answered by the start of something
  });
  Replica replica(RedisOptions{.passwords = support::password, .port = server.port(), .pause = 1h});
  const auto begin = Time::now();
  for (int i = 0; i < 3; ++i) REQUIRE(replica.refresh(std::to_string(i), "n" + std::to_string(i)));
  CHECK(Time::now() - begin < 110ms + support::overhead);
}

TEST_CASE("a replica that became read-only, and memory that is full, are troubles that pass (R67)") {
  RedisServer server;
  for (const bool readOnly : {true, false}) {
    Replica replica(server.port());
    readOnly ? server.command("REPLICAOF", "127.0.0.1", "1") : server.command("CONFIG", "SET", "maxmemory", "1");
    for (int i = 0; i < 4; ++i) {
      const std::string name = (readOnly ? "r" : "m") + std::to_string(i);
      REQUIRE(replica.refresh(name, name + "new"));
    }
    CHECK(replica.calls == 4);
    replica.told.waitFor(1);
    CHECK(replica.told.why() == (readOnly ? "it answers READONLY" : "it answers OOM"));
    readOnly ? server.command("REPLICAOF", "NO", "ONE") : server.command("CONFIG", "SET", "maxmemory", "0");
    replica.told.waitFor(2);
    CHECK(replica.refresh("z", "zz"));
    CHECK_FALSE(replica.redis->stats().degraded);
  }
}

TEST_CASE("a wrong password is an error at the start, which says what to change and not what was tried") {
  RedisServer server({"--requirepass", "the-right-one"});
  const auto problem = [&](const std::string& user, const std::string& password) -> std::string {
    try {
      const Redis redis({.passwords = support::password, .port = server.port(), .user = user, .password = password});
      return "none";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  CHECK(problem("", "the-right-one") == "none");
  CHECK(problem("default", "the-right-one") == "none");
  for (const auto& [user, password] : {std::pair("", "the-wrong-one"), std::pair("", ""), std::pair("ada", "x")}) {
    const std::string text = problem(user, password);
    CHECK(text.find("refuses") != std::string::npos);
    CHECK(text.find("the-wrong-one") == std::string::npos);
  }
  RedisServer open;
  try {
    const Redis redis({.passwords = support::password, .port = open.port(), .user = "ada", .password = "x"});
    FAIL("no such user");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()).find("AUTH was answered by WRONGPASS") != std::string::npos);
  }
}

TEST_CASE("an ACL user with the rights that are documented is enough; with fewer it is an error at the start") {
  RedisServer server;
  server.command("ACL", "SETUSER", "app", "on", ">secret", "~ironjar:*", "+eval", "+evalsha", "+script|load", "+get",
                 "+set", "+strlen", "+del", "+unlink", "+pttl", "+pexpire");
  server.command("ACL", "SETUSER", "poor", "on", ">secret", "~other:*", "+@all");
  const RedisOptions good = {
      .passwords = support::password, .port = server.port(), .user = "app", .password = "secret", .timeout = 5000ms};
  Replica one(good);
  Replica two(good);
  REQUIRE(one.refresh("a", "b"));
  CHECK(two.refresh("a", "x")->tokens == tokens("b"));
  one.coordinator->end("c", tokens("b"), nullptr);
  CHECK(errorOf(two.refresh("b", "x")) == Errc::loginRequired);
  CHECK(one.redis->stats().failed + two.redis->stats().failed == 0);
  RedisOptions poor = good;
  poor.user = "poor";
  CHECK_THROWS_AS(Redis{poor}, std::invalid_argument);
}

TEST_CASE("a Unix socket and another database serve as well") {
  RedisServer server;
  RedisOptions options = {.passwords = support::password,
                          .unixSocket = server.folder() + "/socket",
                          .database = 3,
                          .timeout = std::chrono::seconds{5}};
  Replica one(options);
  Replica two(options);
  REQUIRE(one.refresh("a", "b"));
  CHECK(two.refresh("a", "x")->tokens == tokens("b"));
  CHECK(server.command("DBSIZE") == "0");
  options.database = 99;
  Replica nowhere(options);
  CHECK(nowhere.refresh("a", "c")->tokens == tokens("c"));
  CHECK(nowhere.redis->stats().degraded);
}

TEST_CASE("an observer that throws disturbs nobody") {
  Redis redis(
      {.passwords = support::password, .port = support::freePort(), .observer = [](const Event&) { throw 42; }});
  CHECK(redis.stats().degraded);
}

}  // namespace redis_failure_test
