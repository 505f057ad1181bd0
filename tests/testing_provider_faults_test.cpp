// What a test makes the test kit's provider do wrong: outages, lost answers, hanging, latency.
#include "support/asked_provider.hpp"

#include <atomic>
#include <thread>

namespace testing_provider_faults_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::now;
using support::refusedTokens;
using support::soon;
using testing::Drop;
using testing::Provider;
using testing::ProviderBehaviour;

using World = support::AskedProvider;

TEST_CASE("answers of one's own come first and in order, an outage until it ends; nothing is spent by either") {
  World world;
  const TokenSet a = world.provider.login();
  world.provider.answerTokenCalls(
      {Response{.status = 429, .headers = {{"Retry-After", "30"}}}, fail(Errc::unreachable, "told so")});
  world.provider.behave({.instead = Response{.status = 503}});
  CHECK(findHeader(world.ask(a.refreshToken)->headers, "Retry-After") == "30");
  CHECK(world.ask(a.refreshToken).error() == fail(Errc::unreachable, "told so"));
  for (int i = 0; i < 3; ++i) CHECK(world.ask(a.refreshToken)->status == 503);
  world.provider.behave({});
  CHECK(world.refresh(a.refreshToken) != refusedTokens);
  CHECK(world.provider.counts().tokenCalls == 6);
  CHECK(world.provider.counts().refreshes == 1);
}

TEST_CASE("an answer dropped before the commit spends nothing, one dropped after it has spent the token") {
  World world({.dropBeforeCommit = {.times = 2}});
  const TokenSet a = world.provider.login();
  for (int i = 0; i < 2; ++i) CHECK(errorOf(world.ask(a.refreshToken)) == Errc::transport);
  CHECK(world.provider.counts().refreshes == 0);
  CHECK(world.provider.behaviour().dropBeforeCommit.times == 0);
  world.provider.behave({.dropAfterCommit = {.times = 1}});
  CHECK(errorOf(world.ask(a.refreshToken)) == Errc::transport);
  CHECK(world.provider.counts().refreshes == 1);
  CHECK(world.refresh(a.refreshToken) == refusedTokens);
  CHECK(world.provider.counts().reuses == 1);
  world.provider.behave({.dropBeforeCommit = {.times = Drop::always}});
  for (int i = 0; i < 5; ++i) CHECK(errorOf(world.ask(a.refreshToken)) == Errc::transport);
}

TEST_CASE("a gateway's 504 after the commit: the token is spent, and the answer says nothing of it") {
  World world({.dropAfterCommit = {.times = 1, .how = Drop::How::gateway}});
  const TokenSet a = world.provider.login();
  CHECK(world.ask(a.refreshToken)->status == 504);
  CHECK(world.provider.counts().refreshes == 1);
  CHECK(world.refresh(a.refreshToken) == refusedTokens);
}

TEST_CASE("a call that hangs: until its deadline, or until it is released") {
  for (const bool after : {false, true}) {
    const Drop hang = {.times = 2, .how = Drop::How::hang};
    World world({.dropBeforeCommit = after ? Drop() : hang, .dropAfterCommit = after ? hang : Drop()});
    const TokenSet a = world.provider.login();
    const TokenSet b = world.provider.login();
    CHECK(errorOf(world.ask(a.refreshToken, now())) == Errc::timeout);
    std::optional<Errc> end;
    std::thread caller([&] { end = errorOf(world.ask(b.refreshToken)); });
    while (world.provider.behaviour().dropBeforeCommit.times + world.provider.behaviour().dropAfterCommit.times > 0) {
      std::this_thread::yield();
    }
    world.provider.release();
    caller.join();
    CHECK(end == Errc::transport);
    CHECK(world.provider.counts().refreshes == (after ? 2 : 0));
  }
}

TEST_CASE("calls that are held wait at the door: nothing has happened at their deadline, all goes on when released") {
  World world;
  const TokenSet a = world.provider.login();
  world.provider.hold();
  CHECK(errorOf(world.ask(a.refreshToken, now())) == Errc::timeout);
  CHECK(world.provider.counts().refreshes == 0);
  TokenSet b;
  std::thread caller([&] { b = world.refresh(a.refreshToken); });
  world.provider.waitForTokenCalls(2);
  world.provider.release();
  world.provider.hold();  // for those that come later
  caller.join();
  CHECK(b != refusedTokens);
}

TEST_CASE("latency passes on the virtual clock, and a caller that gives up does not stop the provider") {
  for (const bool after : {false, true}) {
    World world(after ? ProviderBehaviour{.latencyAfterCommit = 300ms}
                      : ProviderBehaviour{.latencyBeforeCommit = 300ms});
    const TokenSet a = world.provider.login();
    std::atomic<bool> answered = false;
    TokenSet b;
    std::thread caller([&] {
      b = world.refresh(a.refreshToken);
      answered = true;
    });
    world.provider.waitForTokenCalls(1);
    CHECK(world.provider.counts().refreshes == (after ? 1 : 0));
    world.clock.advance(299ms);
    CHECK_FALSE(answered);
    world.clock.advance(1ms);
    caller.join();
    CHECK(b != refusedTokens);
    CHECK(errorOf(world.ask(b.refreshToken, now())) == Errc::timeout);
    CHECK(world.provider.counts().refreshes == 2);
    world.provider.behave({});
    CHECK(world.refresh(b.refreshToken) == refusedTokens);
  }
}

TEST_CASE("without a virtual clock latency is real, and released early all the same") {
  Provider provider({}, {.latencyBeforeCommit = 1h});
  const Request request = refreshRequest({.url = provider.tokenUrl()}, provider.login());
  std::optional<int> status;
  std::thread caller([&] { status = provider.handle(request, Deadline::max()).value().status; });
  provider.waitForTokenCalls(1);
  while (provider.counts().refreshes == 0) provider.release();
  caller.join();
  CHECK(status == 200);
  provider.behave({.latencyAfterCommit = 1ms});
  CHECK(provider.handle(request, soon())->status == 400);
}

TEST_CASE("answers in a content coding that nobody has asked for are read") {
  testing::Provider provider({}, {.deflates = true});
  const TokenSet first = provider.login("ada");
  const TokenEndpoint endpoint{.url = provider.tokenUrl(), .clientAuth = publicClient("web")};
  const auto answer = provider.handle(refreshRequest(endpoint, first), std::chrono::steady_clock::now() + Seconds{5});
  REQUIRE(answer);
  CHECK(findHeader(answer->headers, "Content-Encoding") == "deflate");
  CHECK(answer->body.front() == '\x01');
  CHECK(readTokenAnswer(*answer, endpoint, systemClock())->refreshToken == "rt-2");
}

}  // namespace testing_provider_faults_test
