#include "token_states.hpp"

#include "support/support.hpp"

using namespace ironjar;
using namespace ironjar::detail;
using namespace std::chrono_literals;
using support::FakeSteadyClock;

namespace {

TokenKey keyOf(std::uint32_t number) {
  TokenKey key{};
  for (std::size_t i = 0; i < 4; ++i) key[i] = static_cast<unsigned char>(number >> (8 * i));
  return key;
}

}  // namespace

TEST_CASE("memory is back where it was after a million rotations") {
  const LocalCoordinatorOptions options;
  const FakeSteadyClock time;
  Succession succession(options);
  std::size_t most = 0;
  for (std::uint32_t n = 0; n < 1'000'000; ++n) {  // one login, refreshed every ten seconds
    time.advance(10s);
    succession.age(time());
    succession.confirm(keyOf(n), time());
    succession.takeOff(keyOf(n), std::make_shared<Flight>());
    succession.succeed(keyOf(n), {.accessToken = "access", .refreshToken = "refresh"}, keyOf(n + 1), time());
    most = std::max(most, succession.size());
  }
  CHECK(most < 100);
  for (int hour = 0; hour < 2; ++hour) {  // the last successors, then the marks that they were spent
    time.advance(1h);
    succession.age(time());
  }
  CHECK(succession.size() == 0);
  CHECK(succession.bytes() == 0);
}

TEST_CASE("what is under way is never pushed out") {
  LocalCoordinatorOptions options;
  options.maxEntries = 3;
  const FakeSteadyClock time;
  Succession succession(options);
  succession.takeOff(keyOf(0), std::make_shared<Flight>());
  for (std::uint32_t n = 1; n < 50; ++n) {
    succession.takeOff(keyOf(n), std::make_shared<Flight>());
    succession.settle(keyOf(n), Fate::dead, time());
  }
  REQUIRE(succession.find(keyOf(0)));
  CHECK(succession.find(keyOf(0))->fate == Fate::underWay);
  CHECK(succession.size() == 3);
}

TEST_CASE("two chains that meet, and one that bites its tail, are followed and forgotten") {
  const LocalCoordinatorOptions options;
  const FakeSteadyClock time;
  Succession succession(options);
  for (const auto& [from, to] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{1, 3}, {2, 3}, {3, 4}, {4, 3}, {5, 5}}) {
    succession.takeOff(keyOf(from), std::make_shared<Flight>());
    succession.succeed(keyOf(from), {}, keyOf(to), time());
  }
  for (const std::uint32_t n : {3U, 4U, 5U}) succession.confirm(keyOf(n), time());
  for (int minute = 0; minute < 30; ++minute) {
    time.advance(1min);
    succession.age(time());
    for (std::uint32_t n = 1; n <= 5; ++n) succession.confirm(keyOf(n), time());
  }
  CHECK(succession.size() == 0);
  CHECK(succession.bytes() == 0);
}
