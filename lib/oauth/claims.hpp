// The claims that ID tokens and logout tokens have in common (RFC 7519 section 4.1), of tokens whose signature has
// been verified.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/error.hpp>
#include <ironjar/types.hpp>

namespace ironjar::detail {

// Whether a claim is that text.
[[nodiscard]] bool isClaim(const Json& claims, const char* name, std::string_view wanted);

// A claim's text, of 1 to 255 characters (OpenID Connect Core 1.0 section 2 bounds `sub` so); empty when there is none.
// Errc::malformed for any other value.
[[nodiscard]] Result<std::string> identifierIn(const Json& claims, const char* name);

// A NumericDate (RFC 7519 section 2), which may have fractions; nothing when there is none.
[[nodiscard]] Result<std::optional<double>> timeIn(const Json& claims, const char* name);
[[nodiscard]] double unixTimeOf(TimePoint time);
// Such a time, up to the latest that a TimePoint holds.
[[nodiscard]] TimePoint timeOf(double unixTime);

// How many audiences the token names: a list with the client, and besides only those that are trusted. Errc::notAllowed
// for any other.
[[nodiscard]] Result<std::size_t> audiencesIn(const Json& claims, const std::string& clientId,
                                              const std::vector<std::string>& trusted);

}  // namespace ironjar::detail
