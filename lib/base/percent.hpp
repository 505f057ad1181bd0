// Percent-encoding (RFC 3986 section 2.1).
#pragma once

#include "base/ascii.hpp"

#include <optional>

namespace ironjar::detail {

// The byte that an escape such as `%2F` stands for; nothing where there is none at that place.
constexpr std::optional<char> escapeAt(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size() || text[at] != '%') return std::nullopt;
  const int high = hexDigit(text[at + 1]);
  const int low = hexDigit(text[at + 2]);
  return high < 0 || low < 0 ? std::nullopt : std::optional(static_cast<char>(high * 16 + low));
}

}  // namespace ironjar::detail
