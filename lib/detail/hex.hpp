// Bytes as lower-case hexadecimal text.
#pragma once

#include "detail/bytes.hpp"

#include <string>
#include <string_view>

namespace ironjar::detail {

inline std::string hex(Bytes data) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * data.size());
  for (const unsigned char byte : data) text.append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
  return text;
}

}  // namespace ironjar::detail
