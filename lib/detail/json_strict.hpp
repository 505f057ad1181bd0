// The byte-wise JSON parser, which decides what is accepted, and what the fast one shares with it.
#pragma once

#include "detail/json.hpp"

#include <optional>

namespace ironjar::detail {

// RFC 8259 section 8.1: a JSON text has none; parsers skip one.
inline constexpr std::string_view byteOrderMark = "\xef\xbb\xbf";

inline constexpr char tooManyLevels[] = "more than 64 levels";
inline constexpr char duplicateKey[] = "a duplicate key";

// Errc::tooLarge for tooManyLevels, Errc::malformed for what else the text holds.
[[nodiscard]] Error refusal(const char* what);

// The text with every lone surrogate escape replaced; nothing when there is none, the usual case.
[[nodiscard]] std::optional<std::string> wellFormed(std::string_view text);

}  // namespace ironjar::detail
