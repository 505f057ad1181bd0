#include "web/return_to.hpp"

#include "base/ascii.hpp"
#include "base/percent.hpp"

#include <ironjar/web.hpp>

namespace ironjar::detail {
namespace {

constexpr std::size_t longestReturnTo = 512;

// Without segments and escapes that browsers or servers resolve (RFC 3986 section 6.2.2).
bool isPlainPath(std::string_view path) {
  for (std::size_t at = 0; at < path.size(); ++at) {
    const auto escaped = escapeAt(path, at);
    if (escaped && (isAlphanumeric(*escaped) || std::string_view("-._~").find(*escaped) != std::string_view::npos)) {
      return false;
    }
  }
  return !climbs(path) && path.find("/./") == std::string_view::npos && !path.ends_with("/.");
}

}  // namespace

// What a browser takes for another place: `//host`, `/\host`, and both with a tab or a line's end in it. A path has one
// spelling, so that it can be compared with others. No URI has a `"`, which the seal would hold twice as long.
std::string safeReturnTo(std::string_view text, const std::string& fallback) {
  const auto isHarmless = [](char c) { return isVisible(c) && c != '\\' && c != '"'; };
  const bool isPath = text.starts_with('/') && !text.starts_with("//") && text.size() <= longestReturnTo;
  return isPath && allOf(text, isHarmless) && isPlainPath(text.substr(0, text.find_first_of("?#"))) ? std::string(text)
                                                                                                    : fallback;
}

}  // namespace ironjar::detail
