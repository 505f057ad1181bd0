// RedisSessionRegistry: what one replica has recorded, all list and end.
#include "redis/redis_server.hpp"
#include "support/browser.hpp"
#include "support/support.hpp"

#include <ironjar/redis.hpp>
#include <ironjar/tokens.hpp>

namespace redis_sessions_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Browser;
using support::RedisServer;

namespace {

struct Replica {
  explicit Replica(const RedisServer& server, Passwords passwords = support::password, std::size_t maxPerUser = 50)
      : redis(std::make_shared<Redis>(
            RedisOptions{.passwords = passwords, .port = server.port(), .timeout = 5000ms, .pause = 100ms})),
        denied(std::make_shared<RedisRevocationList>(redis)),
        registry(std::make_shared<RedisSessionRegistry>(redis, SessionRegistryOptions{.maxPerUser = maxPerUser})),
        jar(recordingSessions({.cookieName = "sid", .passwords = passwords, .isRevoked = revokedBy(denied)}, registry)),
        own(registry, denied) {}

  void signIn(Browser& browser, const std::string& user, const std::string& label = {}) const {
    support::visit(jar, browser, [&](Session& session) {
      session.replace();
      session.setTokens({.accessToken = "at", .refreshToken = "rt-" + label});
      session.set("sub", user);
      session.set("sessionLabel", label);
    });
  }
  [[nodiscard]] Session sessionOf(const Browser& browser) const { return jar.open(browser.header()); }
  [[nodiscard]] bool isSignedIn(const Browser& browser) const { return sessionOf(browser).tokens().has_value(); }
  // What is recorded is sent without waiting for an answer: looks until there are so many.
  [[nodiscard]] std::vector<ListedSession> listFor(const Browser& browser, std::size_t count) const {
    for (int i = 0; i < 500; ++i) {
      const auto list = own.list(sessionOf(browser));
      if (list && list->size() == count) return *list;
      std::this_thread::sleep_for(20ms);
    }
    return own.list(sessionOf(browser)).value();
  }

  std::shared_ptr<Redis> redis;
  std::shared_ptr<RedisRevocationList> denied;
  std::shared_ptr<RedisSessionRegistry> registry;
  SessionJar jar;
  OwnSessions own;
};

// The only user's.
std::string keyIn(RedisServer& server) {
  const std::string keys = server.command("KEYS", "*sessions*");
  return keys.substr(0, keys.find('\n'));
}

}  // namespace

TEST_CASE("sessions that began at different replicas are in one list, and are ended from any") {
  RedisServer server;
  const Replica first(server);
  const Replica second(server);
  Browser laptop;
  Browser phone;
  Browser eve;
  first.signIn(laptop, "ada", "Laptop");
  second.signIn(phone, "ada", "Phone");
  second.signIn(eve, "eve");
  const auto list = first.listFor(phone, 2);
  REQUIRE(list.size() == 2);
  CHECK(list[0].isCurrent != list[1].isCurrent);
  CHECK(second.listFor(eve, 1).size() == 1);
  const std::string id = second.sessionOf(laptop).tag();
  CHECK_FALSE(first.own.end(first.sessionOf(eve), id).value());  // L72
  CHECK(second.own.end(second.sessionOf(phone), id).value());
  CHECK_FALSE(first.isSignedIn(laptop));
  CHECK(first.listFor(phone, 1).size() == 1);
  first.signIn(laptop, "ada");
  CHECK(first.listFor(laptop, 2).size() == 2);
  CHECK(first.own.endOthers(first.sessionOf(laptop)).value() == 1);
  CHECK_FALSE(second.isSignedIn(phone));
  CHECK(first.redis->stats().failed == 0);
}

TEST_CASE("a session that is written again is one entry, and one that is forgotten none") {
  RedisServer server;
  const Replica replica(server);
  Browser laptop;
  replica.signIn(laptop, "ada", "old");
  support::visit(replica.jar, laptop, [](Session& session) { session.set("sessionLabel", "new"); });
  for (int i = 0; i < 500 && replica.listFor(laptop, 1).at(0).label != "new"; ++i) std::this_thread::sleep_for(20ms);
  CHECK(replica.listFor(laptop, 1).at(0).label == "new");
  forgetSession(*replica.registry, replica.sessionOf(laptop));
  CHECK(replica.listFor(laptop, 0).empty());
}

TEST_CASE("during a rotation of passwords each process lists what the other has recorded") {
  RedisServer server;
  const Replica old(server, {{1, support::password}});
  const Replica both(server, {{1, support::password}, {2, "Qm8-second-password-that-is-long-enough-002"}});
  Browser laptop;
  Browser phone;
  old.signIn(laptop, "ada");
  both.signIn(phone, "ada");
  CHECK(both.listFor(phone, 2).size() == 2);
  CHECK(old.listFor(laptop, 2).size() == 2);
}

TEST_CASE("L74 a user's list in Redis is bounded, and lapses") {
  RedisServer server;
  const Replica replica(server, support::password, 3);
  std::vector<Browser> browsers(10);
  for (Browser& browser : browsers) {
    replica.signIn(browser, "eve");
    std::this_thread::sleep_for(2ms);  // each a later one
  }
  CHECK(replica.listFor(browsers.back(), 3).size() == 3);
  CHECK(std::stoll(server.command("PTTL", keyIn(server))) > 0);
  CHECK_THROWS_AS(RedisSessionRegistry(replica.redis, {.maxPerUser = 101}), std::invalid_argument);
  CHECK_THROWS_AS(RedisSessionRegistry(nullptr), std::invalid_argument);
}

TEST_CASE("what Redis holds tells no user, label or id, and what is planted there is in no list") {
  RedisServer server;
  const Replica replica(server);
  Browser laptop;
  replica.signIn(laptop, "ada-lovelace", "Laptop");
  REQUIRE(replica.listFor(laptop, 1).size() == 1);
  const std::string key = keyIn(server);
  const std::string held = server.command("HGETALL", key);
  for (const std::string& secret :
       {std::string("ada-lovelace"), std::string("Laptop"), replica.sessionOf(laptop).id()}) {
    CHECK(held.find(secret) == std::string::npos);
    CHECK(key.find(secret) == std::string::npos);
  }
  server.command("HSET", key, "planted", "9999999999999999ij1.AAAA", "long", std::string(5000, 'x'));
  CHECK(replica.listFor(laptop, 1).size() == 1);
  server.command("SET", key, "no hash");
  CHECK(replica.own.list(replica.sessionOf(laptop))->empty());
  support::visit(replica.jar, laptop, [](Session& session) { session.set("n", 1); });
  CHECK(replica.listFor(laptop, 1).size() == 1);
}

TEST_CASE("while Redis is away nothing can be listed, and what was recorded is there when it is back") {
  RedisServer server;
  const Replica replica(server);
  Browser laptop;
  Browser phone;
  replica.signIn(laptop, "ada");
  REQUIRE(replica.listFor(laptop, 1).size() == 1);
  server.stop();
  replica.signIn(phone, "ada");
  const auto list = replica.own.list(replica.sessionOf(laptop));
  REQUIRE_FALSE(list);
  CHECK(list.error().code == Errc::overloaded);
  server.start();
  CHECK(replica.listFor(phone, 1).size() >= 1);
}

}  // namespace redis_sessions_test
