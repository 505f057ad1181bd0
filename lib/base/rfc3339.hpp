// Dates with time and zone as JSON APIs write them (RFC 3339), such as 2026-11-29T10:00:00.5+01:00.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace ironjar::detail {

// To the second, from 1970 to 2261. `T`, `t` or a space between date and time; `Z`, `z` or a numeric offset behind.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parseRfc3339(std::string_view text);

}  // namespace ironjar::detail
