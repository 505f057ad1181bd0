// The pairs of a Cookie header, one after the other, without a list of them.
#pragma once

#include "base/ascii.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include <ironjar/cookie.hpp>

namespace ironjar::detail {

// Takes the next pair off the front, by the rules of parseCookies; nothing when there is none left.
inline std::optional<CookiePair> nextCookie(std::string_view& header) {
  while (!header.empty()) {
    if (header.front() == ';') {
      header.remove_prefix(1);
      continue;
    }
    const std::size_t end = std::min(header.find(';'), header.size());
    const std::string_view pair = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = trim(pair.substr(0, equals));
    if (!name.empty()) return CookiePair{name, trim(pair.substr(equals + 1))};
  }
  return std::nullopt;
}

}  // namespace ironjar::detail
