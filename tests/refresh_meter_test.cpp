#include "refresh/refresh_meter.hpp"

#include "support/support.hpp"

namespace refresh_meter_test {

using namespace std::chrono_literals;
using ironjar::detail::RefreshMeter;
using ironjar::detail::TokenKey;
using ironjar::testing::VirtualClock;

namespace {

TokenKey keyOf(unsigned number) {
  TokenKey key{};
  for (std::size_t i = 0; i < 4; ++i) key[i] = static_cast<unsigned char>(number >> (8 * i));
  return key;
}

}  // namespace

TEST_CASE("V06 a login may be refreshed three times at once, then once in 30 s, whatever its token is by then") {
  RefreshMeter meter({.burst = 3, .interval = 30s, .maxEntries = 100'000});
  const VirtualClock time;
  unsigned admitted = 0;
  for (unsigned tenth = 0; tenth < 3000; ++tenth) {  // five minutes
    if (meter.admits(keyOf(admitted), time.monotonicNow())) {
      meter.count(keyOf(admitted), time.monotonicNow());
      meter.put(keyOf(admitted + 1), meter.take(keyOf(admitted)));
      ++admitted;
    }
    time.advance(100ms);
  }
  CHECK(admitted == 3 + 9);
}

TEST_CASE("a login that was left alone has all three again") {
  RefreshMeter meter({.burst = 3, .interval = 30s, .maxEntries = 100'000});
  const VirtualClock time;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3; ++i) {
      REQUIRE(meter.admits(keyOf(1), time.monotonicNow()));
      meter.count(keyOf(1), time.monotonicNow());
    }
    CHECK_FALSE(meter.admits(keyOf(1), time.monotonicNow()));
    CHECK(meter.admits(keyOf(2), time.monotonicNow()));  // another's affair
    time.advance(90s);
  }
}

TEST_CASE("it is bounded: when all are metered, a login that is not known waits for the others") {
  RefreshMeter meter({.burst = 3, .interval = 30s, .maxEntries = 1024});
  const VirtualClock time;
  for (unsigned n = 0; n < 1024; ++n) meter.count(keyOf(n), time.monotonicNow());
  CHECK_FALSE(meter.admits(keyOf(9999), time.monotonicNow()));
  CHECK(meter.admits(keyOf(1), time.monotonicNow()));
  time.advance(31s);
  CHECK(meter.admits(keyOf(9999), time.monotonicNow()));
}

}  // namespace refresh_meter_test
