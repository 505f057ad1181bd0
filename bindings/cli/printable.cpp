#include "printable.hpp"

#include "base/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace ironjar::cli {
namespace {

struct Range {
  std::uint32_t first, last;
};
constexpr std::array<Range, 7> unprintable = {{{0x00, 0x1f},        // C0
                                               {0x7f, 0x9f},        // DEL, C1
                                               {0x61c, 0x61c},      // the Arabic letter mark
                                               {0x200e, 0x200f},    // marks of direction
                                               {0x2028, 0x202e},    // line and paragraph separators, embeddings
                                               {0x2066, 0x206f},    // isolates, and what is deprecated beside them
                                               {0xfeff, 0xfeff}}};  // a byte order mark

bool isUnprintable(std::uint32_t codePoint) {
  return std::any_of(unprintable.begin(), unprintable.end(),
                     [&](const Range& range) { return codePoint >= range.first && codePoint <= range.last; });
}

// The bytes of the first character, or 0 when there is none.
std::size_t firstCharacter(std::string_view text) {
  for (std::size_t size = 1; size <= 4 && size <= text.size(); ++size) {
    if (detail::utf16Length(text.substr(0, size))) return size;
  }
  return 0;
}

std::uint32_t codePointOf(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character.front());
  std::uint32_t codePoint = character.size() == 1 ? lead : lead & (0x7fU >> character.size());
  for (const char byte : character.substr(1)) codePoint = codePoint << 6U | (static_cast<unsigned char>(byte) & 0x3fU);
  return codePoint;
}

void appendEscape(std::string& text, std::uint32_t codePoint) {
  constexpr std::string_view digits = "0123456789abcdef";
  text += "\\u";
  for (unsigned shift = 16; shift > 0; shift -= 4) text += digits[codePoint >> (shift - 4) & 15U];
}

// `between` says which characters stand as they are although they are unprintable.
std::string escaped(std::string_view text, std::string_view between) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = firstCharacter(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(size, 1));
    text.remove_prefix(character.size());
    const std::uint32_t codePoint = size == 0 ? 0xfffd : codePointOf(character);
    if (size == 0) {
      out += "\xef\xbf\xbd";
    } else if (isUnprintable(codePoint) && between.find(character) == std::string_view::npos) {
      appendEscape(out, codePoint);
    } else {
      out += character;
    }
  }
  return out;
}

}  // namespace

// Outside of its strings a JSON text may have white space only, of which a carriage return would overwrite the line.
std::string printableJson(std::string_view json) {
  std::string text = escaped(json, "\t\n\r");
  std::replace(text.begin(), text.end(), '\r', ' ');
  return text;
}

std::string printable(std::string_view text) { return escaped(text, ""); }

}  // namespace ironjar::cli
