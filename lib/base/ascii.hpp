// ASCII, whatever the locale.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace ironjar::detail {

constexpr char toLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr bool isDigit(char c) { return c >= '0' && c <= '9'; }
// Of a hexadecimal digit, its value; -1 for another character.
constexpr int hexDigit(char c) {
  if (isDigit(c)) return c - '0';
  const char low = toLower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}
constexpr bool isHexDigit(char c) { return hexDigit(c) >= 0; }
constexpr bool isAlphanumeric(char c) { return isDigit(c) || (toLower(c) >= 'a' && toLower(c) <= 'z'); }
constexpr bool isVisible(char c) { return c > ' ' && c < '\x7f'; }
constexpr bool isControl(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }

constexpr bool isBlank(char c) { return c == ' ' || c == '\t'; }

// Without the optional white space around it (RFC 9110 section 5.6.3).
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && isBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && isBlank(text.back())) text.remove_suffix(1);
  return text;
}

// Looks at all of the text whatever it finds, so that many characters are looked at at once: an access token has a
// thousand.
template <class Accepts>
constexpr bool allOf(std::string_view text, Accepts accepts) {
  unsigned char refused = 0;
  for (const char c : text) refused |= static_cast<unsigned char>(!accepts(c));
  return refused == 0;
}

inline bool equalIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return toLower(x) == toLower(y); });
}

inline bool startsWithIgnoringCase(std::string_view text, std::string_view prefix) {
  return equalIgnoringCase(text.substr(0, prefix.size()), prefix);
}

inline std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), toLower);
  return out;
}

}  // namespace ironjar::detail
