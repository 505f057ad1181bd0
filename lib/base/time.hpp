// Unix time, as seals and sessions write it; and what measures how long something takes.
#pragma once

#include <cstdint>

#include <ironjar/types.hpp>

namespace ironjar::detail {

// Both 0 for what was before 1970.
[[nodiscard]] std::int64_t unixMilliseconds(TimePoint time);
[[nodiscard]] std::int64_t unixSeconds(TimePoint time);
[[nodiscard]] TimePoint fromUnixMilliseconds(std::int64_t time);  // at most the clock's last year, 2262

// By which deadlines are set and waits end. In a file of its own, as Timer and WorkerPool are: tests that simulate time
// bring others.
[[nodiscard]] MonotonicTime monotonicNow();

}  // namespace ironjar::detail
