// JSON as ironjar accepts it: one value, at most 64 levels deep, no key twice in an object at any depth, valid UTF-8,
// no byte order mark. Total: never throws for what a text or a value holds.
#pragma once

#include <string>
#include <string_view>

#include <ironjar/error.hpp>
#include <ironjar/seal.hpp>

namespace ironjar::detail {

// Errc::malformed, Errc::tooLarge (depth). A lone surrogate escape, which JavaScript can write and UTF-8 cannot hold,
// becomes U+FFFD, as everywhere in JavaScript where a string turns into UTF-8.
[[nodiscard]] Result<Json> parseJson(std::string_view text);

// Errc::malformed for invalid UTF-8, a number that is not finite and binary values; Errc::tooLarge (depth).
[[nodiscard]] Result<std::string> writeJson(const Json& data);

}  // namespace ironjar::detail
