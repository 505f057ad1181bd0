// A JWT's claims (RFC 7519 section 4.1), read and not trusted: nothing is verified. They come from the token endpoint
// itself over TLS, and tell when to refresh and whose the tokens are.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <ironjar/types.hpp>

namespace ironjar::detail {

// The `exp` of a text that looks like a JWT.
[[nodiscard]] std::optional<TimePoint> jwtExpiry(std::string_view token);
// Its `sub`; empty when there is none.
[[nodiscard]] std::string jwtSubject(std::string_view token);

}  // namespace ironjar::detail
