// Refreshing ahead of the end of a token: when, how often, and what serves when it fails.
#include "support/support.hpp"
#include "support/world.hpp"

namespace refresh_ahead_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::World;

TEST_CASE("R48 a token is refreshed shortly before it ends, not earlier") {
  FetchOptions changes;
  changes.refreshThreshold = Seconds{60};
  for (int round = 0; round < 20; ++round) {  // the spread is random
    World world(Seconds{3600}, changes);
    const std::string cookie = world.login();
    world.advance(3500s);
    CHECK(world.visit(cookie).response->trace.refreshedBy == RefreshedBy::none);
    world.advance(52s);
    const auto visit = world.visit(cookie);
    CHECK(visit.response->trace.refreshedBy == RefreshedBy::self);
    CHECK(visit.response->trace.attempts == 1);
    CHECK(visit.cookie != "");
  }
}

TEST_CASE("R49 short lifetimes: at most one refresh in half of one") {
  for (const Seconds lifetime : {Seconds{60}, Seconds{30}, Seconds{5}}) {
    World world(lifetime);
    std::string cookie = world.login();
    for (int step = 0; step < 100; ++step) {
      world.advance(std::chrono::milliseconds(lifetime) / 20);
      auto visit = world.visit(cookie);
      REQUIRE(visit.response);
      if (visit.cookie != "") cookie = visit.cookie;
    }
    const int calls = world.provider.counts().tokenCalls;  // over five lifetimes
    CHECK(calls >= 5);
    CHECK(calls <= 10);
    CHECK(world.api.counts().calls == 100);  // never a 401
  }
}

TEST_CASE("R52 a refresh ahead that fails while the token is good: the old token serves, nothing is written") {
  World world;
  const std::string cookie = world.login();
  world.advance(3560s);
  world.provider.answerTokenCalls({Response{.status = 503}});
  const auto visit = world.visit(cookie);
  CHECK(visit.response->status == 200);
  CHECK(visit.cookie == "");
  CHECK(world.visit(cookie).response->status == 200);  // and is not asked at every request
  CHECK(world.provider.counts().tokenCalls == 1);
}

TEST_CASE("R51 the wall clock jumps: no loop, no logout") {
  World world;
  std::string cookie = world.login();
  for (const auto jump : {600s, -600s, 3600s, -3600s}) {
    world.clock.jump(jump);
    for (int i = 0; i < 5; ++i) {
      const auto visit = world.visit(cookie);
      REQUIRE(visit.response);
      CHECK(visit.response->status == 200);
      if (visit.cookie != "") cookie = visit.cookie;
    }
  }
  CHECK(world.provider.counts().tokenCalls <= 4);
}

TEST_CASE("a provider that hangs does not hold up a request whose token is good") {
  World world;
  const std::string cookie = world.login();
  world.advance(3560s);
  world.provider.hold();
  const auto visit = world.visit(cookie);
  CHECK(visit.response->status == 200);
  CHECK(visit.cookie == "");
  world.provider.release();
}

}  // namespace refresh_ahead_test
