// The types that every other header speaks in.
#pragma once

#include <chrono>
#include <functional>

#include <nlohmann/json.hpp>

namespace ironjar {

using Json = nlohmann::json;
using Seconds = std::chrono::seconds;
using TimePoint = std::chrono::system_clock::time_point;

// Wall-clock time: what expires is judged by it. Called from whichever thread needs it, never under a lock.
using Clock = std::function<TimePoint()>;
[[nodiscard]] TimePoint systemClock();

// Monotonic time: what is waited for is measured by it.
using MonotonicTime = std::chrono::steady_clock::time_point;
// The moment by which an answer must have come.
using Deadline = MonotonicTime;

}  // namespace ironjar
