// RedisCoordinator: several replicas and one redis-server; redis_replicas_test.cpp has real processes.
#include "redis/coordinated.hpp"
#include "support/upstream.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include <openssl/sha.h>

namespace redis_coordinator_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::EmptyServer;
using support::errorOf;
using support::Held;
using support::Replica;
using support::server;
using support::soon;
using support::tokens;

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
  while (std::count_if(replicas.begin(), replicas.end(),
                       [](auto& r) { return r->coordinator->redisStats().waiting > 0; }) < 2) {
    std::this_thread::yield();
  }
  provider.release();
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 150);
  CHECK(provider.counts().tokenCalls == 1);
  CHECK(provider.counts().reuses == 0);
  CHECK(brought.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "tokens with a text that cannot be stored reach the others without it, and with their key") {
  Replica one;
  Replica two;
  TokenSet fresh = tokens("b");
  fresh.scope = "\xff";
  fresh.dpopKey = "key";
  REQUIRE(one.refresh("a", RefreshAnswer{.tokens = fresh}));
  fresh.scope.clear();
  CHECK(two.refresh("a", "x")->tokens == fresh);
  CHECK(two.calls == 0);
}

TEST_CASE_FIXTURE(Fixture, "what another replica has asked for counts as shared") {
  Replica one;
  Replica two;
  REQUIRE(one.refresh("a", "b"));
  REQUIRE(two.refresh("a", "x"));
  CHECK(two.coordinator->stats().tokens == 2);
  CHECK(two.coordinator->redisStats().shared == 1);
}

TEST_CASE_FIXTURE(Fixture, "who is refused a token that another replica has spent goes on with its tokens (R39)") {
  Replica one;
  Replica two;
  const auto refused = one.refresh("a", [&](const TokenSet&) {
    server().command("FLUSHALL");  // a failover that loses the lock
    CHECK(two.refresh("a", "b"));
    return RefreshAnswer{.tokens = loginOver(RefreshEnd::invalidGrant)};
  });
  REQUIRE(refused);
  CHECK(refused->tokens == tokens("b"));
}

TEST_CASE_FIXTURE(Fixture, "also when that result comes a moment after the refusal (R39)") {
  const auto attempt = [](const std::string& name) {
    Replica one;
    Replica two;
    std::thread winner;
    auto result = one.refresh(name, [&](const TokenSet&) {
      if (winner.joinable()) return RefreshAnswer{.tokens = loginOver(RefreshEnd::invalidGrant)};
      server().command("FLUSHALL");
      winner = std::thread([&, before = one.redis->stats().commands] {
        while (one.redis->stats().commands == before) std::this_thread::yield();  // after the first look
        static_cast<void>(two.refresh(name, "b").has_value());
      });
      return RefreshAnswer{.tokens = loginOver(RefreshEnd::invalidGrant)};
    });
    winner.join();
    return result;
  };
  // On a busy machine the winner may begin after the last look.
  auto refused = attempt("a0");
  for (int tries = 1; tries < 10 && !refused; ++tries) refused = attempt("a" + std::to_string(tries));
  REQUIRE(refused);
  CHECK(refused->tokens == tokens("b"));
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
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
}

TEST_CASE_FIXTURE(Fixture, "a coordinator goes while the provider hangs and Redis is slow, and everybody is told") {
  Replica one;
  auto two = std::make_unique<RedisCoordinator>(one.redis, RedisCoordinatorOptions{.lease = 1s});
  std::promise<void> entered;
  std::promise<Result<NewTokens>> told;
  std::function<void(RefreshAnswer)> held;
  const auto hangs = [&](const TokenSet&, std::function<void(RefreshAnswer)> done) {
    held = std::move(done);
    entered.set_value();
  };
  two->startRefresh("c", tokens("a"), RefreshCall(hangs), soon(), {},
                    [&](Result<NewTokens> got) { told.set_value(std::move(got)); });
  REQUIRE(entered.get_future().wait_for(20s) == std::future_status::ready);
  one.coordinator->end("c", tokens("a"), nullptr);
  server().pause();
  two.reset();
  server().resume();
  auto future = told.get_future();
  REQUIRE(future.wait_for(0s) == std::future_status::ready);
  CHECK_FALSE(future.get());
  held({.tokens = tokens("late")});  // to nobody
  // Whatever was under way for it has been answered, and finds nobody.
  CHECK(one.refresh("x", "y"));
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

}  // namespace redis_coordinator_test
