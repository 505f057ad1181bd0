// Text, eight characters at a time: for rules about single characters that are asked of whole sessions.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace ironjar::detail {

constexpr std::uint64_t everyByte(unsigned char byte) { return 0x0101010101010101U * byte; }
inline constexpr std::uint64_t highBits = everyByte(0x80);

// In each of these some high bit is set when some byte is what the name says; otherwise none is. Bytes over 127 do not
// count; ask for them with highBits.
constexpr std::uint64_t hasLess(std::uint64_t word, unsigned char than) { return (word - everyByte(than)) & ~word; }
constexpr std::uint64_t hasByte(std::uint64_t word, char byte) {
  return hasLess(word ^ everyByte(static_cast<unsigned char>(byte)), 1);
}

// Shows every character to `look` in words, some twice; what is too short for a word is filled up with `filler`.
template <class Look>
void forEachWord(std::string_view text, char filler, Look look) {
  constexpr std::size_t step = sizeof(std::uint64_t);
  const auto lookAt = [&](const char* at) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, step);
    look(word);
  };
  if (text.size() >= step) {
    for (std::size_t at = 0; at + step < text.size(); at += step) lookAt(text.data() + at);
    lookAt(text.data() + text.size() - step);
  } else {
    std::uint64_t word = everyByte(static_cast<unsigned char>(filler));
    for (const char c : text) word = word << 8U | static_cast<unsigned char>(c);
    look(word);
  }
}

}  // namespace ironjar::detail
