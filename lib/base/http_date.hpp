// HTTP dates (RFC 9110 section 5.6.7), whatever the process's locale and time zone.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ironjar::detail {

// IMF-fixdate; the time's year has four digits.
[[nodiscard]] std::string httpDate(std::chrono::system_clock::time_point time);

// IMF-fixdate only, the one form that senders may still make; within the clock's range.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parseHttpDate(std::string_view text);

}  // namespace ironjar::detail
