// Numbers in text, as protocols write them.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace ironjar::detail {

// All of the text as a whole number without a sign; nothing when it is none or does not fit.
template <class Integer>
[[nodiscard]] std::optional<Integer> parseNumber(std::string_view text, int base) {
  Integer value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (problem != std::errc() || end != text.data() + text.size() || text.starts_with('-')) return std::nullopt;
  return value;
}

template <class Integer>
[[nodiscard]] std::optional<Integer> parseDecimal(std::string_view text) {
  return parseNumber<Integer>(text, 10);
}

// The same in its shortest spelling only: no zero in front.
template <class Integer>
[[nodiscard]] std::optional<Integer> parseCanonicalDecimal(std::string_view text) {
  return text.size() > 1 && text.front() == '0' ? std::nullopt : parseDecimal<Integer>(text);
}

}  // namespace ironjar::detail
