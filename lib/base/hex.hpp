// Bytes as lower-case hexadecimal text.
#pragma once

#include "base/bytes.hpp"

#include <string>
#include <string_view>

namespace ironjar::detail {

// Writes 2 * data.size() characters and returns the end of them.
inline char* writeHex(char* text, Bytes data) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const unsigned char byte : data) {
    *text++ = digits[byte >> 4U];
    *text++ = digits[byte & 15U];
  }
  return text;
}

inline std::string hex(Bytes data) {
  std::string text(2 * data.size(), '\0');
  writeHex(text.data(), data);
  return text;
}

}  // namespace ironjar::detail
