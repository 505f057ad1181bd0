// RedisRevocationList: what one replica denies, all deny.
#include "redis/redis_server.hpp"
#include "support/browser.hpp"
#include "support/support.hpp"

#include <ironjar/redis.hpp>

namespace redis_revocation_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::RedisServer;
using Mark = RevocationList::Mark;

namespace {

struct Replica {
  explicit Replica(const RedisServer& server, Passwords passwords = support::password)
      : redis(std::make_shared<Redis>(
            RedisOptions{.passwords = passwords, .port = server.port(), .timeout = 5000ms, .pause = 100ms})),
        list(std::make_shared<RedisRevocationList>(redis)),
        jar({.cookieName = "sid", .passwords = passwords, .isRevoked = revokedBy(list)}) {}

  bool admits(const support::Browser& browser) const { return !jar.open(browser.header()).empty(); }

  std::shared_ptr<Redis> redis;
  std::shared_ptr<RedisRevocationList> list;
  SessionJar jar;
};

support::Browser signedIn(const Replica& replica) {
  support::Browser browser;
  support::visit(replica.jar, browser, [](Session& session) {
    session.replace();
    session.set("sid", "s-1");
    session.set("sub", "ada");
    session.set("iss", "https://id.example");
  });
  return browser;
}

}  // namespace

TEST_CASE("after a back-channel logout by sid or sub the next request is nobody's on every replica (R75)") {
  for (const bool bySid : {true, false}) {
    RedisServer server;
    const std::vector<Replica> replicas = {Replica(server), Replica(server), Replica(server)};
    const support::Browser browser = signedIn(replicas[0]);
    for (const Replica& replica : replicas) CHECK(replica.admits(browser));
    CHECK(backChannelLogout(*replicas[1].list, {.issuer = "https://id.example", .sid = "s-2", .sub = "ada"}));
    for (const Replica& replica : replicas) CHECK(replica.admits(browser));
    const LogoutToken token = bySid ? LogoutToken{.issuer = "https://id.example", .sid = "s-1"}
                                    : LogoutToken{.issuer = "https://id.example", .sub = "ada"};
    CHECK(backChannelLogout(*replicas[1].list, token));
    for (const Replica& replica : replicas) CHECK_FALSE(replica.admits(browser));
    CHECK(replicas[0].redis->stats().failed == 0);
  }
}

TEST_CASE("L25 a logout token that one replica has taken is refused by the others") {
  RedisServer server;
  const std::vector<Replica> replicas = {Replica(server), Replica(server)};
  const LogoutToken token{.issuer = "https://id.example", .sub = "ada", .id = "jti-1"};
  CHECK(backChannelLogout(*replicas[0].list, token));
  for (const Replica& replica : replicas) CHECK_FALSE(backChannelLogout(*replica.list, token));
  CHECK(backChannelLogout(*replicas[1].list, {.issuer = "https://id.example", .sub = "ada", .id = "jti-2"}));
}

TEST_CASE("a session is denied by its id on every replica, for as long as its seal opens") {
  RedisServer server;
  Replica one(server);
  Replica two(server);
  const support::Browser browser = signedIn(one);
  one.list->deny({Mark::Kind::session, one.jar.open(browser.header()).id()});
  CHECK_FALSE(two.admits(browser));
  const auto left = std::stoll(server.command("PTTL", server.keys("ironjar:deny:*").at(0)));
  CHECK(left > 14LL * 24 * 3600 * 1000);
  CHECK(left <= 14LL * 24 * 3600 * 1000 + 60'000);
}

TEST_CASE("replicas with the old passwords and the new deny the same (R71)") {
  RedisServer server;
  Replica before(server, Passwords({{1, support::password}}));
  Replica during(server, Passwords({{2, support::otherPassword}, {1, support::password}}));
  const support::Browser browser = signedIn(before);
  before.list->deny({Mark::Kind::sid, "s-1", "https://id.example"});
  CHECK_FALSE(during.admits(browser));
  const support::Browser other = signedIn(before);
  during.list->deny({Mark::Kind::sub, "ada", "https://id.example"});
  CHECK_FALSE(before.admits(other));
}

TEST_CASE("while Redis is away what this replica has denied holds, and reaches the others afterwards") {
  RedisServer server;
  Replica one(server);
  Replica two(server);
  const support::Browser browser = signedIn(one);
  server.stop();
  CHECK(one.admits(browser));
  one.list->deny({Mark::Kind::sid, "s-1", "https://id.example"});
  CHECK_FALSE(one.admits(browser));
  CHECK(two.admits(browser));
  while (!one.redis->stats().degraded)
    CHECK(one.list->check(std::vector<Mark>{{Mark::Kind::sid, "x"}}, {}) == Revoked::no);
  REQUIRE(server.start());
  while (one.redis->stats().degraded || two.redis->stats().degraded) std::this_thread::yield();
  CHECK_FALSE(two.admits(browser));
}

TEST_CASE("a denial that reaches Redis late does not take the place of a later one") {
  RedisServer server;
  const testing::VirtualClock clock;
  const auto listAt = [&](TimePoint now) {
    const auto redis =
        std::make_shared<Redis>(RedisOptions{.passwords = support::password, .port = server.port(), .timeout = 5000ms});
    return RedisRevocationList(redis, {.now = testing::VirtualClock(now).wall()});
  };
  const Mark ada{.kind = Mark::Kind::sub, .value = "ada", .issuer = "https://id.example"};
  listAt(clock.wallNow() + 100s).deny(ada);
  listAt(clock.wallNow()).deny(ada);
  RedisRevocationList anybodys = listAt(clock.wallNow() + 200s);
  CHECK(anybodys.check({&ada, 1}, clock.wallNow() + 50s) == Revoked::yes);
  CHECK(anybodys.check({&ada, 1}, clock.wallNow()) == Revoked::yes);
  CHECK(anybodys.check({&ada, 1}, clock.wallNow() + 101s) == Revoked::no);
  listAt(clock.wallNow() + 150s).deny(ada);
  CHECK(anybodys.check({&ada, 1}, clock.wallNow() + 101s) == Revoked::yes);
}

TEST_CASE("whoever writes to Redis cannot deny anybody") {
  RedisServer server;
  Replica one(server);
  const support::Browser victim = signedIn(one);
  one.list->deny({Mark::Kind::sid, "s-9", "https://id.example"});
  const std::string genuine = server.keys("ironjar:deny:*").at(0);
  const std::string value = server.command("GET", genuine);
  support::RedisMonitor monitor(server);
  CHECK(one.admits(victim));
  server.command("ECHO", "that was all");
  const std::string seen = monitor.seenUntil("that was all");
  int planted = 0;
  for (std::size_t at = seen.find("ironjar:deny:"); at != std::string::npos; at = seen.find("ironjar:deny:", at + 1)) {
    const std::string key = seen.substr(at, seen.find('"', at) - at);
    for (const std::string& poison : {value, std::string("1"), std::string(), std::string(3'000'000, 'x')}) {
      server.command("SET", key, poison);
      CHECK(one.admits(victim));
      ++planted;
    }
    server.command("DEL", key);
    server.command("RPUSH", key, value);
    CHECK(one.admits(victim));
  }
  CHECK(planted >= 12);
  CHECK(one.redis->stats().failed == 0);
}

TEST_CASE("what somebody plants in a denial's place is none, and does not keep one out") {
  RedisServer server;
  Replica one(server);
  Replica two(server);
  const support::Browser browser = signedIn(one);
  const Mark mark{Mark::Kind::sid, "s-1", "https://id.example"};
  one.list->deny(mark);
  const std::string key = server.keys("ironjar:deny:*").at(0);
  for (const std::string planted : {"~~~~~~~~~~~~~~~~~", "9999999999999999"}) {
    server.command("SET", key, planted);
    CHECK(two.admits(browser));
    one.list->deny(mark);
    CHECK_FALSE(two.admits(browser));
    const std::string sealed = server.command("GET", key);
    server.command("SET", key, planted + sealed.substr(planted.size()));  // an authentic one behind another time
    one.list->deny(mark);
    CHECK_FALSE(two.admits(browser));
  }
}

}  // namespace redis_revocation_test
