#include "base/base64url.hpp"

#include "base/base64url_avx2.hpp"

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

// Two characters for each twelve bits.
constexpr std::array<std::array<char, 2>, 4096> makePairs() {
  std::array<std::array<char, 2>, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {alphabet[i / 64], alphabet[i % 64]};
  return pairs;
}
constexpr auto pairs = makePairs();

std::uint32_t value(char c) { return values[static_cast<unsigned char>(c)]; }
char digit(std::uint32_t bits) { return alphabet[bits & 63U]; }
unsigned char low(std::uint32_t bits) { return static_cast<unsigned char>(bits); }

}  // namespace

char* writeBase64url(char* text, Bytes data, Base64urlBy by) {
  if (by == Base64urlBy::fastest && hasAvx2()) {
    const std::size_t done = writeBase64urlAvx2(text, data);
    text += done / 3 * 4;
    data = data.subspan(done);
  }
  const unsigned char* in = data.data();
  std::size_t left = data.size();
  for (; left >= 3; left -= 3, in += 3, text += 4) {
    const std::uint32_t group = std::uint32_t{in[0]} << 16U | std::uint32_t{in[1]} << 8U | in[2];
    const auto& head = pairs[group >> 12U];
    const auto& tail = pairs[group & 4095U];
    text[0] = head[0];
    text[1] = head[1];
    text[2] = tail[0];
    text[3] = tail[1];
  }
  if (left == 0) return text;
  const std::uint32_t group = std::uint32_t{in[0]} << 16U | (left == 2 ? std::uint32_t{in[1]} << 8U : 0U);
  *text++ = digit(group >> 18U);
  *text++ = digit(group >> 12U);
  if (left == 2) *text++ = digit(group >> 6U);
  return text;
}

void appendBase64url(std::string& text, Bytes data) {
  const std::size_t at = text.size();
  text.resize(at + base64urlSize(data.size()));
  writeBase64url(text.data() + at, data);
}

bool decodeBase64url(std::string_view text, MutableBytes out, Base64urlBy by) {
  const std::size_t rest = text.size() % 4;
  if (rest == 1 || out.size() != base64urlDecodedSize(text.size())) return false;
  if (by == Base64urlBy::fastest && hasAvx2()) {
    const std::size_t done = decodeBase64urlAvx2(text, out);
    if (done == badBase64url) return false;
    text.remove_prefix(done);
    out = out.subspan(done / 4 * 3);
  }
  std::uint32_t seen = 0;
  unsigned char* to = out.data();
  const char* in = text.data();
  for (std::size_t groups = text.size() / 4; groups > 0; --groups, in += 4, to += 3) {
    const std::uint32_t a = value(in[0]);
    const std::uint32_t b = value(in[1]);
    const std::uint32_t c = value(in[2]);
    const std::uint32_t d = value(in[3]);
    seen |= a | b | c | d;
    const std::uint32_t group = a << 18U | b << 12U | c << 6U | d;
    to[0] = low(group >> 16U);
    to[1] = low(group >> 8U);
    to[2] = low(group);
  }
  if (rest != 0) {
    const std::uint32_t a = value(in[0]);
    const std::uint32_t b = value(in[1]);
    const std::uint32_t c = rest == 3 ? value(in[2]) : 0;
    seen |= a | b | c;
    const std::uint32_t group = a << 18U | b << 12U | c << 6U;
    to[0] = low(group >> 16U);
    if (rest == 3) to[1] = low(group >> 8U);
    // RFC 4648 section 3.5: the unused bits must be zero, or one seal would have several spellings.
    if ((rest == 2 && (b & 15U) != 0) || (rest == 3 && (c & 3U) != 0)) return false;
  }
  return (seen & invalid) == 0;
}

}  // namespace ironjar::detail
