// The link: commands under way at once, on few connections and one thread.
#include "redis/fake_redis.hpp"
#include "redis/link.hpp"
#include "redis/records.hpp"
#include "support/child.hpp"
#include "support/support.hpp"

#include <atomic>
#include <future>

namespace redis_link_test {

using namespace ironjar;
using namespace std::chrono_literals;
using detail::RedisLink;
using detail::Reply;
using support::errorOf;
using support::FakeRedis;

namespace {

RedisOptions optionsFor(int port) {
  return {.passwords = support::password, .port = port, .timeout = 10s, .failures = 1'000'000};
}

detail::RedisCall lookUp(const std::string& key) {
  return {.script = &detail::lookUpScript(), .keys = {key}, .arguments = {"100"}};
}

// A server on which each key's value is its name.
std::string nameOfKey(const std::vector<std::string>& words) {
  const std::string& key = words.at(3);
  return "*1\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n";
}

// What many calls came to.
struct Told {
  std::atomic<int> own = 0;     // got the value of its key
  std::atomic<int> others = 0;  // another's
  std::atomic<int> failed = 0;
  std::atomic<int> times = 0;
  std::promise<void> all;

  void start(RedisLink& link, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string key = "key-" + std::to_string(i);
      link.start(lookUp(key), [this, key, count](const Result<Reply>& reply) {
        ++(!reply ? failed : reply->items.at(0).text == key ? own : others);
        if (++times == count) all.set_value();
      });
    }
    CHECK(all.get_future().wait_for(20s) == std::future_status::ready);
  }
};

}  // namespace

TEST_CASE("a thousand commands at once are answered each with its own answer, over four connections at most") {
  FakeRedis server(support::answering(nameOfKey));
  RedisLink link(optionsFor(server.port()));
  Told told;
  told.start(link, 1000);
  CHECK(told.own == 1000);
  CHECK(told.others == 0);
  CHECK(server.connections() <= 4);
  CHECK(link.stats().failed == 0);
}

TEST_CASE("a server that hangs up now and then costs no command its answer, and gives none another's") {
  std::atomic<int> number = 0;
  FakeRedis server(support::answering([&](const std::vector<std::string>& words) {
    return ++number % 97 == 0 ? FakeRedis::hangUp : nameOfKey(words);
  }));
  RedisLink link(optionsFor(server.port()));
  Told told;
  told.start(link, 2000);
  CHECK(told.times == 2000);
  CHECK(told.others == 0);
  CHECK(told.own > 0);
}

TEST_CASE("a server that closes all connections at once costs no command its answer") {
  support::RedisServer server;
  RedisLink link(optionsFor(server.port()));
  std::atomic<bool> isOver = false;
  std::atomic<int> told = 0;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      while (!isOver) {
        if (!link.run(lookUp("key"))) ++failed;
        ++told;
      }
    });
  }
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  for (int i = 0; i < 10; ++i) {
    const int wanted = told + 200;
    while (told < wanted && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    server.command("CLIENT", "KILL", "TYPE", "normal");
  }
  isOver = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(failed == 0);
  CHECK(told >= 2000);
}

TEST_CASE("a server that answers each command twice is hung up on, and everybody is told once") {
  FakeRedis server(
      support::answering([](const std::vector<std::string>& words) { return nameOfKey(words) + nameOfKey(words); }));
  RedisLink link(optionsFor(server.port()));
  Told told;
  told.start(link, 50);
  CHECK(told.times == 50);
  CHECK(told.own > 0);
  CHECK(server.connections() > 1);
}

TEST_CASE("what is under way when the link goes is told so") {
  FakeRedis server([](const std::vector<std::string>& words) {
    return support::isProbe(words) ? std::string("+OK\r\n") : std::string();
  });
  std::promise<Result<Reply>> told;
  {
    RedisLink link(optionsFor(server.port()));
    link.start(lookUp("key"), [&](Result<Reply> reply) { told.set_value(std::move(reply)); });
  }
  auto future = told.get_future();
  REQUIRE(future.wait_for(0s) == std::future_status::ready);
  CHECK(errorOf(future.get()) == Errc::unreachable);
}

TEST_CASE("who waits on the link's own thread is refused, instead of waiting for himself") {
  FakeRedis server(support::answering(nameOfKey));
  RedisLink link(optionsFor(server.port()));
  std::promise<Errc> told;
  link.start(lookUp("key"), [&](const Result<Reply>&) { told.set_value(link.run(lookUp("other")).error().code); });
  CHECK(told.get_future().get() == Errc::overloaded);
}

TEST_CASE("so is a record's step that blocks") {
  FakeRedis server(support::answering(nameOfKey));
  RedisLink link(optionsFor(server.port()));
  detail::RedisRecord record(link, "c", "rt", {.lease = 1s, .keep = Seconds{60}, .keepInvalidGrant = Seconds{60}});
  std::promise<Errc> told;
  link.start(lookUp("key"), [&](const Result<Reply>&) { told.set_value(record.lookUp().error().code); });
  auto future = told.get_future();
  REQUIRE(future.wait_for(20s) == std::future_status::ready);
  CHECK(future.get() == Errc::overloaded);
}

TEST_CASE("one who is late does not make those late that come after it") {
  FakeRedis server(support::answering([](const std::vector<std::string>& words) {
    return words.at(3) == "stalls" ? std::string() : nameOfKey(words);
  }));
  RedisOptions options = optionsFor(server.port());
  options.timeout = 2s;
  RedisLink link(options);
  REQUIRE(link.run(lookUp("the first")));
  CHECK(errorOf(link.run(lookUp("stalls"))) == Errc::timeout);
  const auto reply = link.run(lookUp("key"));
  REQUIRE(reply);
  CHECK(reply->items.at(0).text == "key");
}

TEST_CASE("a child of fork() that only ends does not wait for the threads of its parent") {
  support::RedisServer server;
  auto redis = std::make_shared<Redis>(support::redisOptions(server, support::password));
  auto coordinator = std::make_unique<RedisCoordinator>(redis);
  auto list = std::make_unique<RedisRevocationList>(redis, RedisRevocationOptions{.lookup = RevocationLookup::mirror});
  CHECK(support::endsInChild([&] {
    list.reset();
    coordinator.reset();
    redis.reset();
    return true;
  }));
  list->deny({.value = "s"});  // the parent's go on
  CHECK(redis->stats().failed == 0);
}

}  // namespace redis_link_test
