// The byte-wise JSON parser, which decides what is accepted, and what the fast one shares with it.
#pragma once

#include "json/json.hpp"

#include <optional>

namespace ironjar::detail {

// RFC 8259 section 8.1: a JSON text has none; parsers skip one.
inline constexpr std::string_view utf8ByteOrderMark = "\xef\xbb\xbf";

enum class JsonFault { none, notJson, tooManyLevels, duplicateKey, byteOrderMark, nul, numberOutOfRange, binary };

// Errc::tooLarge for tooManyLevels, Errc::malformed for the others.
[[nodiscard]] Error refusal(JsonFault fault);

// The text with every lone surrogate escape replaced; nothing when there is none, the usual case.
[[nodiscard]] std::optional<std::string> wellFormed(std::string_view text);

}  // namespace ironjar::detail
