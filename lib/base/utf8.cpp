#include "base/utf8.hpp"

#include <array>
#include <cstdint>

namespace ironjar::detail {
namespace {

// The smallest code point that needs each length: anything less is an overlong spelling.
constexpr std::array<std::uint32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};

std::size_t sequenceLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

}  // namespace

std::optional<std::size_t> utf16Length(std::string_view text) {
  std::size_t units = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = sequenceLength(lead);
    if (length == 0 || length > text.size() - at) return std::nullopt;
    std::uint32_t codePoint = length == 1 ? lead : lead & (0x7fU >> length);
    for (std::size_t i = 1; i < length; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if ((next & 0xc0U) != 0x80U) return std::nullopt;
      codePoint = codePoint << 6U | (next & 0x3fU);
    }
    const bool surrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
    if (codePoint < smallest[length] || surrogate || codePoint > 0x10ffff) return std::nullopt;
    units += codePoint >= 0x10000 ? 2 : 1;
    at += length;
  }
  return units;
}

}  // namespace ironjar::detail
