// Many requests at once, again and again. IRONJAR_LOAD=50 makes it 1,000 rounds of 200 threads, and 2 x 100,000 mixed
// ones.
#include "support/named_tokens.hpp"
#include "support/support.hpp"
#include "support/world.hpp"

#include <atomic>
#include <cstdlib>
#include <thread>

namespace refresh_load_test {

using namespace ironjar;
using support::World;

namespace {

int load() {
  const char* factor = std::getenv("IRONJAR_LOAD");
  return factor == nullptr ? 1 : std::max(1, std::atoi(factor));
}

}  // namespace

TEST_CASE("200 threads, again and again on one spent session: one call a round, no reuse") {
  World world;
  std::string cookie = world.login();
  const int rounds = 20 * load();
  for (int round = 1; round <= rounds; ++round) {
    world.provider.expireAccessTokens();
    std::vector<std::string> cookies(200);
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (std::string& one : cookies) {
      threads.emplace_back([&] {
        const auto visit = world.visit(cookie);
        good += visit.response && visit.response->status == 200;
        one = visit.cookie;
      });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(good == 200);
    REQUIRE(world.provider.counts().tokenCalls == round);
    cookie = cookies[static_cast<std::size_t>(round) % cookies.size()];
  }
  CHECK(world.provider.counts().reuses == 0);
}

TEST_CASE("two users mixed, thousands of times: no answer reaches the other") {
  World world;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  std::atomic<int> served = 0;
  const std::vector<std::string> cookies = {world.login(), world.login()};
  for (std::size_t user = 0; user < 2; ++user) {
    threads.emplace_back([&, user] {
      std::string cookie = cookies[user];
      const std::string own = "user-" + std::to_string(user + 1);
      for (int round = 0; round < 2000 * load(); ++round) {
        if (round % 7 == 0) world.provider.expireAccessTokens();
        const auto visit = world.visit(cookie);
        const bool refused =
            visit.response && visit.response->status == 401;  // expired again between refresh and retry
        wrong += !visit.response || (!refused && visit.response->body != own);
        served += !refused;
        if (visit.cookie != "") cookie = visit.cookie;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(served > 3 * 1000 * load());
  CHECK(world.provider.counts().reuses == 0);
}

TEST_CASE("chains are followed from part to part of the table while it grows") {
  constexpr int count = 3000;
  LocalCoordinator coordinator;
  const auto spent = [](int n) { return support::tokens("spent-" + std::to_string(n)); };
  const auto fresh = [](int n) { return support::tokens("fresh-" + std::to_string(n)); };
  std::atomic<int> rotated = 0;
  std::thread growing([&] {
    while (rotated < count) {
      const auto answer = [&](const TokenSet&) { return RefreshAnswer{fresh(rotated)}; };
      if (coordinator.refresh("c", spent(rotated), answer, support::soon())) ++rotated;
    }
  });
  int wrong = 0;
  for (int n = 0; rotated < count; ++n) {
    if (rotated == 0) continue;
    const int which = n % rotated;
    const auto newest = coordinator.newest("c", spent(which), RefreshCoordinator::From::memory);
    wrong += !newest || *newest != fresh(which);
  }
  growing.join();
  CHECK(wrong == 0);
}

}  // namespace refresh_load_test
