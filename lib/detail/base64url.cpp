#include "detail/base64url.hpp"

#include <array>
#include <cstdint>

namespace ironjar::detail {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint32_t invalid = 0x80000000;

constexpr std::array<std::uint32_t, 256> makeValues() {
  std::array<std::uint32_t, 256> values{};
  values.fill(invalid);
  for (std::uint32_t i = 0; i < alphabet.size(); ++i) values[static_cast<unsigned char>(alphabet[i])] = i;
  return values;
}
constexpr auto values = makeValues();

std::uint32_t value(char c) { return values[static_cast<unsigned char>(c)]; }
char digit(std::uint32_t bits) { return alphabet[bits & 63U]; }
unsigned char low(std::uint32_t bits) { return static_cast<unsigned char>(bits); }

}  // namespace

void appendBase64url(std::string& text, Bytes data) {
  std::size_t at = text.size();
  text.resize(at + base64urlSize(data.size()));
  std::size_t i = 0;
  for (; i + 3 <= data.size(); i += 3) {
    const std::uint32_t group = std::uint32_t{data[i]} << 16U | std::uint32_t{data[i + 1]} << 8U | data[i + 2];
    text[at++] = digit(group >> 18U);
    text[at++] = digit(group >> 12U);
    text[at++] = digit(group >> 6U);
    text[at++] = digit(group);
  }
  const std::size_t rest = data.size() - i;
  if (rest == 0) return;
  const std::uint32_t group = std::uint32_t{data[i]} << 16U | (rest == 2 ? std::uint32_t{data[i + 1]} << 8U : 0U);
  text[at++] = digit(group >> 18U);
  text[at++] = digit(group >> 12U);
  if (rest == 2) text[at] = digit(group >> 6U);
}

bool decodeBase64url(std::string_view text, MutableBytes out) {
  const std::size_t rest = text.size() % 4;
  if (rest == 1 || out.size() != base64urlDecodedSize(text.size())) return false;
  std::uint32_t seen = 0;
  std::size_t at = 0;
  std::size_t i = 0;
  for (; i + 4 <= text.size(); i += 4) {
    const std::uint32_t a = value(text[i]);
    const std::uint32_t b = value(text[i + 1]);
    const std::uint32_t c = value(text[i + 2]);
    const std::uint32_t d = value(text[i + 3]);
    seen |= a | b | c | d;
    const std::uint32_t group = a << 18U | b << 12U | c << 6U | d;
    out[at++] = low(group >> 16U);
    out[at++] = low(group >> 8U);
    out[at++] = low(group);
  }
  if (rest != 0) {
    const std::uint32_t a = value(text[i]);
    const std::uint32_t b = value(text[i + 1]);
    const std::uint32_t c = rest == 3 ? value(text[i + 2]) : 0;
    seen |= a | b | c;
    const std::uint32_t group = a << 18U | b << 12U | c << 6U;
    out[at++] = low(group >> 16U);
    if (rest == 3) out[at++] = low(group >> 8U);
    // RFC 4648 section 3.5: the unused bits must be zero, or one seal would have several spellings.
    if ((rest == 2 && (b & 15U) != 0) || (rest == 3 && (c & 3U) != 0)) return false;
  }
  return (seen & invalid) == 0;
}

}  // namespace ironjar::detail
