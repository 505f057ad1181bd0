#include "support/support.hpp"

#include <thread>

#include <ironjar/testing/clock.hpp>

namespace testing_clock_test {

using namespace ironjar;
using namespace std::chrono_literals;
using testing::VirtualClock;

TEST_CASE("both clocks advance together, and a jump moves the wall clock alone") {
  const VirtualClock clock(TimePoint(1000s));
  const auto start = clock.monotonicNow();
  clock.advance(1500ms);
  CHECK(clock.wallNow() == TimePoint(1001500ms));
  CHECK(clock.monotonicNow() - start == 1500ms);
  clock.jump(-1h);
  CHECK(clock.wallNow() == TimePoint(1001500ms - 1h));
  CHECK(clock.monotonicNow() - start == 1500ms);
}

TEST_CASE("copies and the functions made of a clock share its time, and outlive it") {
  std::optional<VirtualClock> clock(std::in_place);
  const VirtualClock copy = *clock;
  const Clock wall = clock->wall();
  const auto monotonic = clock->monotonic();
  clock->advance(1s);
  CHECK(wall() == copy.wallNow());
  CHECK(monotonic() == copy.monotonicNow());
  clock.reset();
  const TimePoint before = wall();
  copy.advance(1s);
  CHECK(wall() - before == 1s);
}

TEST_CASE("a monotonic clock does not go back") {
  const VirtualClock clock;
  const auto before = clock.monotonicNow();
  CHECK_THROWS_AS(clock.advance(-1ms), std::invalid_argument);
  CHECK(clock.monotonicNow() == before);
}

TEST_CASE("who waits for a moment is woken when it has come") {
  const VirtualClock clock;
  const auto bell = std::make_shared<testing::detail::Bell>();
  clock.ringOnMove(bell);
  const auto end = clock.monotonicNow() + 1000s;
  std::thread mover([&] {
    for (int i = 0; i < 1000; ++i) clock.advance(1s);
  });
  std::unique_lock lock(bell->mutex);
  CHECK(bell->rung.wait_for(lock, 30s, [&] { return clock.monotonicNow() >= end; }));
  lock.unlock();
  mover.join();
}

}  // namespace testing_clock_test
