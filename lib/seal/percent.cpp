#include "seal/percent.hpp"

#include "base/percent.hpp"
#include "seal/seal_fe26.hpp"

namespace ironjar::detail {

bool isEncodedSeal(std::string_view text) {
  constexpr std::string_view front = fe26Prefix.substr(0, fe26Prefix.size() - 1);  // without its `*`
  return text.starts_with(front) && equalIgnoringCase(text.substr(front.size(), 3), "%2A");
}

std::string decodedSeal(std::string_view text) {
  if (!isEncodedSeal(text)) return std::string(text);
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const auto byte = escapeAt(text, i);
    if (!byte) return std::string(text);
    decoded += *byte;
    i += 2;
  }
  return decoded;
}

}  // namespace ironjar::detail
