#include "base/time.hpp"

#include <algorithm>

namespace ironjar {

TimePoint systemClock() { return std::chrono::system_clock::now(); }

namespace detail {

std::int64_t unixMilliseconds(TimePoint time) {
  return std::max<std::int64_t>(0, std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

std::int64_t unixSeconds(TimePoint time) { return unixMilliseconds(time) / 1000; }

TimePoint fromUnixMilliseconds(std::int64_t time) {
  constexpr std::int64_t latest =
      std::chrono::floor<std::chrono::milliseconds>(TimePoint::max().time_since_epoch()).count();
  return TimePoint(std::chrono::milliseconds(std::clamp<std::int64_t>(time, 0, latest)));
}

}  // namespace detail
}  // namespace ironjar
