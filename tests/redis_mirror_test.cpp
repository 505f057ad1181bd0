// RedisRevocationList that mirrors: what one replica denies, all know, without a command for each session.
#include "base/time.hpp"
#include "redis/denial.hpp"
#include "redis/denial_table.hpp"
#include "redis/fake_redis.hpp"
#include "redis/redis_server.hpp"
#include "support/support.hpp"

#include <ironjar/redis.hpp>

namespace redis_mirror_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::FakeRedis;
using support::RedisServer;
using support::within;
using Time = std::chrono::steady_clock;
using Mark = RevocationList::Mark;

namespace {

RedisOptions patient(int port, Passwords passwords = support::password) {
  return {.passwords = std::move(passwords), .port = port, .timeout = 5000ms, .pause = 100ms};
}

struct Replica {
  explicit Replica(RedisOptions options, RedisRevocationOptions denying = {})
      : redis(std::make_shared<Redis>(options)) {
    denying.lookup = RevocationLookup::mirror;
    list = std::make_unique<RedisRevocationList>(redis, denying);
  }
  explicit Replica(const RedisServer& server, RedisRevocationOptions denying = {})
      : Replica(patient(server.port()), std::move(denying)) {}

  Revoked check(const std::string& sid, TimePoint startedAt = {}) {
    const std::vector<Mark> marks = {{Mark::Kind::session, "of " + sid}, {Mark::Kind::sid, sid}};
    return list->check(marks, startedAt);
  }
  void deny(const std::string& sid) { list->deny({Mark::Kind::sid, sid}); }

  std::shared_ptr<Redis> redis;
  std::unique_ptr<RedisRevocationList> list;
};

// What a server does that is well, for those who mirror. `answer` is for what reads a log.
FakeRedis::Script mirrored(std::function<std::string(const std::vector<std::string>&)> answer) {
  return support::answering([answer = std::move(answer)](const std::vector<std::string>& words) {
    if (words[1].find("'entries'") != std::string::npos) return answer(words);
    return std::string(words[1].find("'stored'") != std::string::npos ? "*1\r\n$6\r\nstored\r\n" : "*1\r\n$-1\r\n");
  });
}

}  // namespace

TEST_CASE("a mirror learns what another process denies, and asks Redis for no session") {
  RedisServer server;
  Replica one(server);
  Replica two(server);
  const auto before = two.redis->stats().commands;
  for (int i = 0; i < 1000; ++i) CHECK(two.check("s-1") == Revoked::no);
  CHECK(two.redis->stats().commands - before < 100);
  one.deny("s-1");
  CHECK(one.check("s-1") == Revoked::yes);
  CHECK(within(5000ms, [&] { return two.check("s-1") == Revoked::yes; }));
  CHECK(two.check("s-2") == Revoked::no);
  CHECK(two.list->stats().entries == 1);
  CHECK_FALSE(two.list->stats().isStale);
}

TEST_CASE("where messages are lost, a denial reaches a mirror within its staleness") {
  RedisServer server;
  server.command("ACL", "SETUSER", "default", "resetchannels", "-subscribe");
  Replica one(server, {.maxStaleness = 3000ms});
  Replica two(server, {.maxStaleness = 3000ms});
  one.deny("s-1");
  const auto begin = Time::now();
  CHECK(within(10s, [&] { return two.check("s-1") == Revoked::yes; }));
  CHECK(Time::now() - begin < 3000ms + support::overhead);
}

TEST_CASE("a process that begins knows what was denied before, page by page") {
  RedisServer server;
  Replica one(server);
  for (int i = 0; i < 250; ++i) one.deny(std::to_string(i));
  Replica late(server);
  for (int i = 0; i < 250; ++i) CHECK(late.check(std::to_string(i)) == Revoked::yes);
  CHECK(late.list->stats().entries == 250);
  CHECK(late.list->stats().resyncs == 0);
}

TEST_CASE("a sub is denied to those that began before, by the later of two denials") {
  RedisServer server;
  const testing::VirtualClock clock;
  Replica one(server, {.now = testing::VirtualClock(clock.wallNow() + 100s).wall()});
  Replica earlier(server, {.now = testing::VirtualClock(clock.wallNow()).wall()});
  const Mark ada{Mark::Kind::sub, "ada", "https://id.example"};
  one.list->deny(ada);
  earlier.list->deny(ada);
  Replica two(server, {.now = testing::VirtualClock(clock.wallNow() + 200s).wall()});
  CHECK(two.list->check({&ada, 1}, clock.wallNow() + 50s) == Revoked::yes);
  CHECK(two.list->check({&ada, 1}, clock.wallNow() + 101s) == Revoked::no);
}

TEST_CASE("a process that was cut off catches up, and what it has denied meanwhile reaches the others") {
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  Replica one(server);
  Replica two(server);
  one.deny("before");
  server.stop();
  one.deny("meanwhile");
  CHECK(one.check("meanwhile") == Revoked::yes);
  REQUIRE(within(20s, [&] {
    static_cast<void>(one.check("x"));
    one.deny("again");
    return one.redis->stats().degraded;
  }));
  REQUIRE(server.start());
  Replica three(server);
  three.deny("when it was back");
  for (const char* sid : {"before", "meanwhile", "again", "when it was back"}) {
    CAPTURE(sid);
    CHECK(within(10s, [&] { return two.check(sid) == Revoked::yes; }));
    CHECK(within(10s, [&] { return one.check(sid) == Revoked::yes; }));
  }
}

TEST_CASE("a Redis that has lost its data is read anew, and what is known stays") {
  RedisServer server;
  Replica one(server, {.maxStaleness = 200ms});
  Replica two(server, {.maxStaleness = 200ms});
  one.deny("s-1");
  REQUIRE(within(5000ms, [&] { return two.check("s-1") == Revoked::yes; }));
  server.command("FLUSHALL");
  one.deny("s-2");
  CHECK(within(5000ms, [&] { return two.check("s-2") == Revoked::yes; }));
  CHECK(two.check("s-1") == Revoked::yes);
  CHECK(two.list->stats().resyncs >= 1);
}

TEST_CASE("once a mirror is older than it may be, the policy decides: `open` lets in, `fail` does not know") {
  for (const auto policy : {WhenUnknown::open, WhenUnknown::fail}) {
    RedisServer server;
    Replica one(server, {.whenUnknown = policy, .maxStaleness = 200ms});
    one.deny("s-1");
    CHECK(within(20s, [&] { return one.check("s-2") == Revoked::no; }));
    server.pause();
    CHECK(within(20s, [&] { return one.list->stats().isStale; }));
    CHECK(one.check("s-2") == (policy == WhenUnknown::open ? Revoked::no : Revoked::unknown));
    CHECK(one.check("s-1") == Revoked::yes);
    server.resume();
    CHECK(within(20s, [&] { return one.check("s-2") == Revoked::no && !one.list->stats().isStale; }));
  }
}

TEST_CASE("a mirror that begins without Redis is stale at once") {
  Replica one(RedisOptions{.passwords = support::password, .port = support::freePort()},
              {.whenUnknown = WhenUnknown::fail});
  CHECK(one.check("s-1") == Revoked::unknown);
  one.deny("s-1");
  CHECK(one.check("s-1") == Revoked::yes);
}

TEST_CASE("a list that asks obeys the same policy") {
  for (const auto policy : {WhenUnknown::open, WhenUnknown::fail}) {
    const auto redis =
        std::make_shared<Redis>(RedisOptions{.passwords = support::password, .port = support::freePort()});
    RedisRevocationList list(redis, {.whenUnknown = policy});
    const std::vector<Mark> marks = {{Mark::Kind::sid, "s-1"}};
    CHECK(list.check(marks, {}) == (policy == WhenUnknown::open ? Revoked::no : Revoked::unknown));
    list.deny(marks[0]);
    CHECK(list.check(marks, {}) == Revoked::yes);
  }
}

TEST_CASE("mirrors with the old passwords and the new know the same (R71)") {
  RedisServer server;
  Replica before(patient(server.port(), Passwords({{1, support::password}})));
  Replica during(patient(server.port(), Passwords({{2, support::otherPassword}, {1, support::password}})));
  before.deny("old");
  during.deny("new");
  CHECK(within(5000ms, [&] { return during.check("old") == Revoked::yes; }));
  CHECK(within(5000ms, [&] { return before.check("new") == Revoked::yes; }));
}

TEST_CASE("memory of a mirror and its log are bounded: the oldest denials go first") {
  RedisServer server;
  const testing::VirtualClock clock;
  Replica one(server, {.maxEntries = 100, .now = clock.wall()});
  for (int i = 0; i < 400; ++i) {
    one.deny(std::to_string(i));
    clock.advance(Seconds{1});
  }
  CHECK(one.list->stats().entries == 100);
  CHECK(one.check("0") == Revoked::no);
  CHECK(one.check("399") == Revoked::yes);
  const std::string log = server.keys("ironjar:denials:*").at(0);
  CHECK(std::stoi(server.command("XLEN", log)) < 300);  // as exactly as `MAXLEN ~` is
  CHECK(std::stoll(server.command("PTTL", log)) > 0);
}

TEST_CASE("a denial table forgets in time, and keeps the later of two denials") {
  const TimePoint start = detail::fromUnixMilliseconds(1'700'000'000'000);
  detail::DenialTable table(Seconds{60}, 3);
  const auto mark = [](const char* sid) { return detail::digestOf({Mark::Kind::sid, sid}); };
  table.add({mark("a"), start}, start);
  table.add({mark("a"), start - 5s}, start);
  CHECK(table.find(mark("a"), start) == start);
  table.add({mark("a"), start + 5s}, start);
  CHECK(table.find(mark("a"), start) == start + 5s);
  CHECK(table.size() == 1);
  CHECK_FALSE(table.find(mark("a"), start + 65s));
  table.add({mark("old"), start - 60s}, start);
  CHECK(table.size() == 1);
  for (const char* sid : {"b", "c", "d"}) table.add({mark(sid), start + 10s}, start);
  CHECK(table.size() == 3);
  CHECK_FALSE(table.find(mark("a"), start));
  table.add({mark("e"), start + 100s}, start + 100s);
  CHECK(table.size() == 1);
}

TEST_CASE("V02 whoever writes to Redis can plant no denial in a log, nor keep others from it") {
  RedisServer server;
  Replica one(server, {.maxStaleness = 200ms});
  one.deny("s-1");
  const std::string log = server.keys("ironjar:denials:*").at(0);
  const std::string genuine = server.command("XRANGE", log, "-", "+");
  for (const std::string& planted : {std::string("x"), std::string(), std::string(100'000, 'x'), genuine}) {
    server.command("XADD", log, "*", "d", planted);
  }
  server.command("XADD", log, "*", "a", "b", "c", "d");
  Replica two(server, {.maxStaleness = 200ms});
  CHECK(two.check("s-1") == Revoked::yes);
  CHECK(two.list->stats().entries == 1);
  server.command("XADD", log, "18446744073709551615-18446744073709551615", "d", "the last one");
  one.deny("s-2");
  CHECK(within(5000ms, [&] { return two.check("s-2") == Revoked::yes; }));
  server.command("SET", log, "no stream");
  one.deny("s-3");
  CHECK(within(5000ms, [&] { return two.check("s-3") == Revoked::yes; }));
  CHECK(one.redis->stats().failed == 0);
}

TEST_CASE("V02 a Redis that lies about its log denies nobody, and cannot make a mirror that fails look fresh") {
  const std::string id = "$3\r\n7-1\r\n";
  const auto list = [](const std::vector<std::string>& items) {
    std::string reply = "*" + std::to_string(items.size()) + "\r\n";
    for (const std::string& item : items) reply += item;
    return reply;
  };
  const std::string word = "$7\r\nentries\r\n";
  const std::string entry = "$4\r\njunk\r\n";
  std::string full = "*201\r\n" + word;
  for (int i = 0; i < 100; ++i) full += id + entry;
  const std::vector<std::string> lies = {list({word, id}),                    // no pair
                                         list({word, entry, entry}),          // no id
                                         list({word, id, entry, id, entry}),  // twice the same
                                         list({word, id, ":1\r\n"}),          // no text
                                         list({"$6\r\nstored\r\n"}),          // what was due to another
                                         full,
                                         std::string("$-1\r\n"),
                                         std::string("-ERR no\r\n"),
                                         FakeRedis::hangUp,
                                         std::string("*2147483647\r\n")};
  for (const std::string& lie : lies) {
    CAPTURE(lie.substr(0, 40));
    FakeRedis server(mirrored([&](const auto&) { return lie; }));
    Replica one(RedisOptions{.passwords = support::password, .port = server.port(), .failures = 1000},
                {.whenUnknown = WhenUnknown::fail, .maxStaleness = 200ms});
    CHECK(one.check("s-1") == Revoked::unknown);
    one.deny("s-1");
    CHECK(one.check("s-1") == Revoked::yes);
    CHECK(one.check("s-2") == Revoked::unknown);
  }
  // A log that never ends is not waited for.
  std::atomic<int> page = 0;
  FakeRedis endless(mirrored([&](const std::vector<std::string>& words) {
    std::string all = "*201\r\n" + word;
    const std::string& from = words.at(5);
    for (int i = 0; i < 100; ++i) {
      const std::string next = i == 0 && from != "-" ? from : std::to_string(100 * ++page + i) + "-1";
      all += "$" + std::to_string(next.size()) + "\r\n" + next + "\r\n" + entry;
    }
    return all;
  }));
  Replica one(RedisOptions{.passwords = support::password, .port = endless.port(), .failures = 1000},
              {.maxEntries = 1000, .whenUnknown = WhenUnknown::fail});
  CHECK(one.check("s-1") == Revoked::unknown);
}

TEST_CASE("nothing of a denial is readable in Redis: no session's id, no sid, no sub") {
  RedisServer server;
  support::RedisMonitor monitor(server);
  Replica one(server);
  for (const auto kind : {Mark::Kind::session, Mark::Kind::sid, Mark::Kind::sub}) {
    one.list->deny({kind, "CANARY-value", "CANARY-issuer"});
  }
  server.command("ECHO", "that was all");
  const std::string everything = monitor.seenUntil("that was all") + server.snapshot();
  CHECK(everything.find("ironjar:denials:") != std::string::npos);
  for (const char* canary : {"CANARY", "Q0FOQVJZ", "NBTkFSW", "DQU5BUl", "43414e415259"}) {
    CHECK(everything.find(canary) == std::string::npos);
  }
}

TEST_CASE("a list that goes while its mirror reads leaves nothing behind") {
  RedisServer server;
  const auto redis = std::make_shared<Redis>(patient(server.port()));
  for (int i = 0; i < 20; ++i) {
    RedisRevocationList list(redis, {.lookup = RevocationLookup::mirror, .maxStaleness = 40ms});
    std::atomic<int> done = 0;
    list.startDeny({Mark::Kind::sid, "s"}, [&] { ++done; });
    CHECK(within(5000ms, [&] { return done == 1; }));
  }
  CHECK(redis->stats().failed == 0);
}

}  // namespace redis_mirror_test
