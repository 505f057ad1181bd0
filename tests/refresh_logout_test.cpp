// Signing out while refreshes and slow responses are under way.
#include "support/support.hpp"
#include "support/world.hpp"

#include <thread>

namespace refresh_logout_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::World;

TEST_CASE("R72 signing out while a refresh is under way: an empty browser, a revoked token, no way back") {
  World world;
  const std::string cookie = world.login();
  world.provider.expireAccessTokens();
  world.provider.hold();
  std::optional<World::Visit> follower;
  std::thread request([&] { follower = world.visit(cookie); });
  world.provider.waitForTokenCalls(1);
  Session session = world.jar.open(cookie);
  session.destroy();
  CHECK(world.cookieOf(session) == "deleted");
  world.provider.release();
  request.join();
  CHECK(errorOf(follower->response) == RefreshEnd::loggedOut);
  CHECK(follower->cookie == "");
  world.provider.waitForRevocations(1);
  const auto replay = world.visit(cookie);
  CHECK(errorOf(replay.response) == RefreshEnd::loggedOut);
  CHECK(replay.cookie == "");
  CHECK(world.provider.counts().tokenCalls == 1);
}

TEST_CASE("R72 a response that is slower than the logout does not bring the cookie back") {
  World world;
  const std::string cookie = world.login();
  Session slow = world.jar.open(cookie);
  slow.set("cart", 1);
  world.provider.expireAccessTokens();
  world.provider.hold();
  std::thread request([&] { CHECK(world.visit(cookie).cookie == ""); });
  world.provider.waitForTokenCalls(1);
  Session session = world.jar.open(cookie);
  world.fetcher.signOut(session);
  CHECK(world.cookieOf(session) == "deleted");
  CHECK(errorOf(world.visit(cookie).response) == RefreshEnd::loggedOut);
  CHECK(world.cookieOf(slow) == "");
  world.provider.release();
  request.join();
}

TEST_CASE("R73 (X03 destroy-vs-save) a slow write does not bring back a session that was signed out") {
  World world;
  const std::string cookie = world.login();
  Session slow = world.jar.open(cookie);
  slow.set("cart", 1);
  Session session = world.jar.open(cookie);
  session.destroy();
  CHECK(world.cookieOf(session) == "deleted");
  CHECK(world.cookieOf(slow) == "");
  CHECK(slow.detached());
}

TEST_CASE("R74 signing out twice is once, and works when revoking does not") {
  World world;
  world.provider.behave({.revocationStatus = 503});
  const std::string cookie = world.login();
  for (int i = 0; i < 2; ++i) {
    Session session = world.jar.open(cookie);
    world.fetcher.signOut(session);
    CHECK(world.cookieOf(session) == "deleted");
  }
  world.provider.waitForRevocations(2);  // tried again
}

}  // namespace refresh_logout_test
