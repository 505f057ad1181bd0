// The pool, from inside: what becomes of a look that is under way when everything goes.
#include "redis/fake_redis.hpp"
#include "redis/pool.hpp"
#include "support/named_tokens.hpp"
#include "support/support.hpp"

#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <future>
#include <netdb.h>

namespace redis_pool_test {

using namespace ironjar;
using namespace std::chrono_literals;
using detail::EventLoop;
using detail::RedisPool;

namespace {

constexpr const char* stalledName = "redis.stalls.test";
constexpr const char* slowName = "redis.is-slow.test";
std::atomic<int> slowLookups = 0;
std::promise<void> asked;   // for the name that stalls
std::promise<void> goesOn;  // the resolver

// A pool with a loop's thread; without anything that completes it but close().
struct Running {
  explicit Running(RedisOptions how) : options(std::move(how)), tls(options) {
    pool = std::make_shared<RedisPool>(loop, options, tls, detail::RedisEndpoint{options.host, options.port},
                                       std::make_shared<std::atomic<std::uint64_t>>(0));
    thread = std::thread([this] {
      loop->run();
      pool->close();
    });
  }
  ~Running() { end(); }
  void look(std::function<void(std::optional<Error>)> done) {
    loop->post([this, done] { pool->look(std::chrono::steady_clock::now() + 60s, 1s, done); });
  }
  void end() {
    loop->stop();
    if (thread.joinable()) thread.join();
  }

  const RedisOptions options;
  const detail::RedisTls tls;
  std::shared_ptr<EventLoop> loop = std::make_shared<EventLoop>();
  std::shared_ptr<RedisPool> pool;
  std::thread thread;
};

std::ptrdiff_t descriptors() {
  const std::filesystem::directory_iterator open("/proc/self/fd");
  return std::distance(begin(open), end(open));
}

}  // namespace

// In front of the system's, which is asked for all other names.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
  if (name != nullptr && std::strcmp(name, stalledName) == 0) {
    asked.set_value();
    goesOn.get_future().wait();
    return EAI_AGAIN;
  }
  if (name != nullptr && std::strcmp(name, slowName) == 0) {
    ++slowLookups;
    std::this_thread::sleep_for(200ms);  // longer than any command may take
    name = "127.0.0.1";
  }
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto system = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return system(name, service, hints, found);
}

TEST_CASE("a look that waits for the resolver when the pool goes is told at once, and once") {
  const auto told = std::make_shared<std::atomic<int>>(0);
  std::weak_ptr<EventLoop> loop;
  {
    Running running({.passwords = support::password, .host = stalledName});
    loop = running.loop;
    running.look([told](const std::optional<Error>& problem) { *told += problem ? 1 : 100; });
    asked.get_future().wait();
    running.end();
    CHECK(*told == 1);
    CHECK(running.pool.use_count() == 1);
  }
  goesOn.set_value();
  const auto deadline = support::soon();
  while (!loop.expired() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(loop.expired());
  CHECK(*told == 1);
}

TEST_CASE("a look whose probe is not answered when the pool goes leaves no connection behind") {
  std::promise<void> probed;
  support::FakeRedis server([&](const std::vector<std::string>& words) {
    if (support::isProbe(words)) probed.set_value();
    return std::string();
  });
  const auto before = descriptors();
  std::atomic<int> told = 0;
  {
    Running running({.passwords = support::password, .port = server.port()});
    running.look([&](const std::optional<Error>& problem) { told += problem ? 1 : 100; });
    probed.get_future().wait();
  }
  CHECK(told == 1);
  const auto deadline = support::soon();  // of the server's end
  while (descriptors() > before && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(descriptors() <= before);  // fewer, where some of the previous test case were still open at first
}

TEST_CASE("of two that wait for a connection which is not made in time, the one with more time gets the next one") {
  std::atomic<int> signedIn = 0;
  std::atomic<bool> hasHungUp = false;
  support::FakeRedis server(support::answering([&](const std::vector<std::string>& words) -> std::string {
    if (words[0] == "AUTH") return ++signedIn == 2 ? "" : "+OK\r\n";
    return hasHungUp.exchange(true) ? "*1\r\n$-1\r\n" : support::FakeRedis::hangUp;
  }));
  std::promise<Result<detail::Reply>> hurried;
  std::promise<Result<detail::Reply>> patient;
  Running running({.passwords = support::password, .port = server.port(), .password = "secret"});
  std::promise<std::optional<Error>> looked;
  running.look([&](const std::optional<Error>& problem) { looked.set_value(problem); });
  REQUIRE_FALSE(looked.get_future().get());
  // No script: to ask for its hash the pool would make a second connection at once.
  const auto ask = [&](std::chrono::milliseconds time, std::promise<Result<detail::Reply>>& answer) {
    running.loop->post([&, time] {
      const detail::RedisCall call{.arguments = {"GET", "k"}};
      running.pool->run(call, std::chrono::steady_clock::now() + time,
                        [&](Result<detail::Reply> reply) { answer.set_value(std::move(reply)); });
    });
  };
  ask(5s, hurried);
  const auto deadline = support::soon();
  while (signedIn < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  REQUIRE(signedIn == 2);  // the sign-in, which is not answered; the first connection is gone by now
  ask(60s, patient);
  CHECK_FALSE(hurried.get_future().get());
  CHECK(patient.get_future().get());
  CHECK(signedIn == 3);
}

TEST_CASE("a name that takes longer to resolve than a command may take costs that command, and is resolved once") {
  support::FakeRedis server(support::answering([](const auto&) { return std::string("*1\r\n$-1\r\n"); }));
  Running running({.passwords = support::password, .host = slowName, .port = server.port(), .timeout = 5s});
  const auto isAnswered = [&](std::chrono::milliseconds time) {
    std::promise<bool> answered;
    running.loop->post([&] {
      const detail::RedisCall call{.script = &detail::lookUpScript(), .keys = {"k"}, .arguments = {"1"}};
      running.pool->run(call, std::chrono::steady_clock::now() + time,
                        [&](const Result<detail::Reply>& reply) { answered.set_value(reply.has_value()); });
    });
    return answered.get_future().get();
  };
  CHECK_FALSE(isAnswered(20ms));
  CHECK(isAnswered(60s));
  CHECK(slowLookups == 1);
}

}  // namespace redis_pool_test
