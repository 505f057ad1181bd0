// A JWT's times (RFC 7519 section 4.1), read and not trusted: nothing is verified, they only tell when to refresh.
#pragma once

#include <optional>
#include <string_view>

#include <ironjar/seal.hpp>

namespace ironjar::detail {

// The `exp` of a text that looks like a JWT.
[[nodiscard]] std::optional<TimePoint> jwtExpiry(std::string_view token);

}  // namespace ironjar::detail
