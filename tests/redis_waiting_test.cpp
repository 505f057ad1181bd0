// RedisCoordinator: waiting for another process takes no thread, and ends with a message.
//
// IRONJAR_WAITERS is how many logins wait at the same time (100).
#include "redis/coordinated.hpp"
#include "redis/records.hpp"

#include <condition_variable>
#include <filesystem>
#include <mutex>

namespace redis_waiting_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::EmptyServer;
using detail::RedisRecord;
using support::Replica;
using support::server;
using support::soon;
using support::tokens;
using Time = std::chrono::steady_clock;

namespace {

constexpr const char* owner = "another-process-with-it";

int waitersWanted() {
  const char* const text = std::getenv("IRONJAR_WAITERS");  // NOLINT(concurrency-mt-unsafe): nobody changes it
  return text == nullptr ? 100 : std::atoi(text);
}

std::ptrdiff_t threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

// Another process, as Redis sees it.
struct Other {
  detail::RedisLink link{support::redisOptions(server(), support::password)};

  RedisRecord recordOf(const std::string& name) {
    return {link, "c", "rt-" + name, {.lease = 60s, .keep = 600s, .keepInvalidGrant = 60s}};
  }
  void lock(const std::string& name) {
    CHECK(std::holds_alternative<RedisRecord::Claimed>(recordOf(name).claim(owner, "").value()));
  }
  void publish(const std::string& name) { CHECK(recordOf(name).publish(owner, tokens(name + "'"))); }
};

// Refreshes that wait, each for a login of its own.
struct Waiting {
  std::mutex mutex;
  std::condition_variable changed;
  int told = 0;
  int good = 0;

  void start(Replica& replica, const std::string& name) {
    const auto never = [](const TokenSet&) { return RefreshAnswer{.tokens = fail(Errc::unsupported)}; };
    replica.coordinator->startRefresh("c", tokens(name), never, soon(), {}, [this, name](const Result<NewTokens>& got) {
      const std::lock_guard lock(mutex);
      ++told;
      good += got && got->tokens == tokens(name + "'") && got->by == RefreshedBy::follower;
      changed.notify_all();
    });
  }
  void waitFor(int count) {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, 60s, [&] { return told >= count; }));
  }
};

template <class Condition>
void until(const Condition& isSo) {
  const auto deadline = soon();
  while (!isSo() && Time::now() < deadline) std::this_thread::yield();
  REQUIRE(isSo());
}
void waitUntil(Replica& replica, std::uint64_t waiting) {
  until([&] { return replica.coordinator->redisStats().waiting == waiting; });
}
// Until somebody listens, or nobody.
void waitForListeners(bool wanted = true) {
  until([&] { return server().command("PUBSUB", "CHANNELS").empty() != wanted; });
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "any number of logins wait for another process on one thread, and each gets its tokens") {
  const int count = waitersWanted();
  Other other;
  for (int i = 0; i < count; ++i) other.lock(std::to_string(i));
  Replica replica({.local = {.maxWaiters = 100'000}});
  Waiting waiting;
  const auto before = threads();
  for (int i = 0; i < count; ++i) waiting.start(replica, std::to_string(i));
  waitUntil(replica, static_cast<std::uint64_t>(count));
  CHECK(threads() - before <= 3);  // of the local coordinator: deadlines; and those that tell
  const auto begin = Time::now();
  for (int i = 0; i < count; ++i) other.publish(std::to_string(i));
  waiting.waitFor(count);
  MESSAGE(count, " waited, and were told within ", std::chrono::duration<double>(Time::now() - begin).count(),
          " s of publishing, with ", replica.redis->stats().commands, " commands");
  CHECK(waiting.told == count);
  CHECK(waiting.good == count);
  CHECK(replica.redis->stats().failed == 0);
  CHECK(replica.coordinator->redisStats().waiting == 0);
}

TEST_CASE_FIXTURE(Fixture, "the end of another process' call is heard of, not looked for") {
  Other other;
  Replica replica({.lease = 60s});  // a look in a second
  for (int i = 0; i < 10; ++i) {
    const std::string name = std::to_string(i);
    other.lock(name);
    Waiting waiting;
    waiting.start(replica, name);
    waitUntil(replica, 1);
    waitForListeners();
    other.publish(name);
    waiting.waitFor(1);
    CHECK(waiting.good == 1);
    waitForListeners(false);  // nothing is left behind
  }
  Waiting waiting;
  other.lock("patient");
  waiting.start(replica, "patient");
  waitForListeners();
  const auto commands = [&] { return replica.redis->stats().commands; };
  const auto before = commands();
  const auto begin = Time::now();
  std::this_thread::sleep_for(500ms);  // of those that look, every 25 ms
  const auto looks = std::chrono::ceil<std::chrono::seconds>(Time::now() - begin).count();
  CHECK(commands() - before <= static_cast<std::uint64_t>(3 + looks));
  other.publish("patient");
  waiting.waitFor(1);
}

TEST_CASE_FIXTURE(Fixture, "who waits hears again of what happens when the connection for that was lost") {
  Other other;
  Replica replica({.lease = 60s});
  Waiting waiting;
  other.lock("a");
  waiting.start(replica, "a");
  for (int i = 0; i < 3; ++i) {
    waitForListeners();
    server().command("CLIENT", "KILL", "TYPE", "pubsub");
  }
  waitForListeners();
  other.publish("a");
  waiting.waitFor(1);
  CHECK(waiting.good == 1);
  CHECK(replica.redis->stats().failed == 0);
}

TEST_CASE_FIXTURE(Fixture, "who may not subscribe looks now and then, and gets the tokens all the same") {
  server().command("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "resetchannels", "+@all");
  Other other;
  other.lock("a");
  Replica replica;
  replica.redis = std::make_shared<Redis>(RedisOptions{
      .passwords = support::password, .port = server().port(), .user = "deaf", .password = "secret", .timeout = 5s});
  replica.coordinator = std::make_shared<RedisCoordinator>(replica.redis);
  Waiting waiting;
  waiting.start(replica, "a");
  waitUntil(replica, 1);
  other.publish("a");
  waiting.waitFor(1);
  CHECK(waiting.good == 1);
  CHECK(replica.redis->stats().failed == 0);
  server().command("ACL", "DELUSER", "deaf");
}

TEST_CASE_FIXTURE(Fixture, "a message that nobody has cause for makes nobody ask") {
  Other other;
  other.lock("a");
  Replica replica;
  Waiting waiting;
  waiting.start(replica, "a");
  waitUntil(replica, 1);
  waitForListeners();
  for (int i = 0; i < 100; ++i) server().command("PUBLISH", server().keys("*:lock").at(0), "anything");
  CHECK(waiting.told == 0);
  other.publish("a");
  waiting.waitFor(1);
  CHECK(waiting.good == 1);
}

}  // namespace redis_waiting_test
