#include "web/proxy_path.hpp"

#include "base/percent.hpp"
#include "base/url.hpp"
#include "base/url_path.hpp"
#include "json/simdjson.hpp"

#include <algorithm>
#include <array>

#include <ironjar/web.hpp>

namespace ironjar {
namespace {

using detail::isHexDigit;

bool hasStrayPercent(std::string_view path) {
  for (std::size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    if (!detail::escapeAt(path, at)) return true;
  }
  return false;
}

// `%u002e`, as some servers decode it.
bool hasWideCode(std::string_view path) {
  for (std::size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    const std::string_view code = path.substr(at + 1, 5);
    if (code.size() == 5 && detail::toLower(code[0]) == 'u' && detail::allOf(code.substr(1), isHexDigit)) return true;
  }
  return false;
}

// UTF-8 that is longer than it need be: what decodes it all the same may see any ASCII character there.
bool hasOverlongUtf8(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    const auto byte = static_cast<unsigned char>(path[i]);
    const auto next = static_cast<unsigned char>(i + 1 < path.size() ? path[i + 1] : '\0');
    if (byte == 0xc0 || byte == 0xc1 || byte >= 0xf8) return true;
    if ((byte == 0xe0 && next >= 0x80 && next < 0xa0) || (byte == 0xf0 && next >= 0x80 && next < 0x90)) return true;
  }
  return false;
}

// What a server may see in a character that is not ASCII: what Unicode's compatibility forms (NFKC) make of it, and
// nothing in the place of what is not shown.
struct Lookalike {
  std::string_view form;
  std::string_view ascii;
};
// clang-format off
constexpr std::array lookalikes = {
    Lookalike{"\xcd\xbe", ";"},       Lookalike{"\xe2\x80\xa4", "."},   Lookalike{"\xe2\x80\xa5", ".."},
    Lookalike{"\xe2\x80\xa6", "..."}, Lookalike{"\xe2\x81\x87", "??"},  Lookalike{"\xe2\x81\x88", "?!"},
    Lookalike{"\xe2\x81\x89", "!?"},  Lookalike{"\xef\xb8\x94", ";"},   Lookalike{"\xef\xb8\x96", "?"},
    Lookalike{"\xef\xb8\x99", "..."}, Lookalike{"\xef\xb8\xb0", ".."},  Lookalike{"\xef\xb9\x92", "."},
    Lookalike{"\xef\xb9\x94", ";"},   Lookalike{"\xef\xb9\x96", "?"},   Lookalike{"\xef\xb9\x9f", "#"},
    Lookalike{"\xef\xb9\xa8", "\\"},  Lookalike{"\xef\xbc\x83", "#"},   Lookalike{"\xef\xbc\x8e", "."},
    Lookalike{"\xef\xbc\x8f", "/"},   Lookalike{"\xef\xbc\x9b", ";"},   Lookalike{"\xef\xbc\x9f", "?"},
    Lookalike{"\xef\xbc\xbc", "\\"},
    // Spaces of other widths; U+2000 to U+200A are below.
    Lookalike{"\xc2\xa0", " "},       Lookalike{"\xe2\x80\xaf", " "},   Lookalike{"\xe2\x81\x9f", " "},
    Lookalike{"\xe3\x80\x80", " "},
    // Not shown: the soft hyphen, joiners, marks; U+200B to U+200F are below.
    Lookalike{"\xc2\xad", ""},        Lookalike{"\xe1\xa0\x8e", ""},    Lookalike{"\xe2\x81\xa0", ""},
    Lookalike{"\xef\xbb\xbf", ""},
};
// clang-format on

bool isAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

// The first character's bytes; one of what is no UTF-8.
std::string_view firstOf(std::string_view path) {
  const auto lead = static_cast<unsigned char>(path.front());
  const std::string_view character = path.substr(0, lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1);
  return detail::isUtf8(character) ? character : path.substr(0, 1);
}

// What is no UTF-8 goes too: lenient decoders drop it.
std::string_view plainOf(std::string_view character) {
  if (character.size() == 1) return isAscii(character.front()) ? character : std::string_view();
  if (character.starts_with("\xe2\x80") && character[2] <= '\x8a') return " ";
  if (character.starts_with("\xe2\x80") && character[2] <= '\x8f') return "";
  const auto found = std::find_if(lookalikes.begin(), lookalikes.end(),
                                  [character](const Lookalike& one) { return one.form == character; });
  return found == lookalikes.end() ? character : found->ascii;
}

std::string withoutLookalikes(std::string_view path) {
  std::string plain;
  plain.reserve(path.size());
  while (!path.empty()) {
    const std::string_view character = firstOf(path);
    plain += plainOf(character);
    path.remove_prefix(character.size());
  }
  return plain;
}

// A percent sign of another width (NFKC makes it `%`): a server that decodes after NFKC sees an escape there.
bool hasWidePercent(std::string_view path) {
  return path.find("\xef\xb9\xaa") != std::string_view::npos || path.find("\xef\xbc\x85") != std::string_view::npos;
}

// Two dots or more, and nothing else but spaces, which some file systems take off.
bool isUpwards(std::string_view segment) {
  segment = segment.substr(0, segment.find_first_of(";?#"));
  return segment.find_first_not_of(". ") == std::string_view::npos &&
         std::count(segment.begin(), segment.end(), '.') >= 2;
}

// The target that a Location names at the upstream's origin; nothing for another one's.
std::optional<std::string> targetOf(std::string_view location, const detail::ProxiedPart& part, std::string_view rest) {
  const auto atOrigin = [&](const std::string& text) -> std::optional<std::string> {
    const auto url = detail::parseUrl(text);
    return url && url->origin == part.origin ? std::optional(url->target) : std::nullopt;
  };
  if (location.starts_with("//")) return atOrigin(part.origin.substr(0, part.origin.find(':') + 1).append(location));
  if (location.starts_with('/')) return atOrigin(part.origin + std::string(location));
  const std::size_t scheme = location.find(':');
  if (scheme < location.find_first_of("/?")) return atOrigin(std::string(location));
  if (location.empty()) return std::nullopt;
  std::string base = part.path + std::string(rest.substr(0, rest.find('?')));
  if (!location.starts_with('?')) base.resize(base.rfind('/') == std::string::npos ? 0 : base.rfind('/'));
  const bool needsSlash = !location.starts_with('?') || base.empty();
  return atOrigin(part.origin + base + (needsSlash ? "/" : "") + std::string(location));
}

}  // namespace

// Decoding to the end finds what any smaller number of decodings would show: `.`, `/` and the like stand in no code.
bool climbs(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  if (hasStrayPercent(path)) return true;
  std::string decoded = detail::decodedFully(path);
  if (std::any_of(decoded.begin(), decoded.end(), detail::isControl)) return true;
  if (hasWideCode(decoded) || hasOverlongUtf8(decoded)) return true;
  if (hasWidePercent(decoded)) return true;
  decoded = withoutLookalikes(decoded);
  std::replace(decoded.begin(), decoded.end(), '\\', '/');
  std::string_view rest = decoded;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    if (isUpwards(rest.substr(0, end))) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

std::optional<std::string_view> detail::behindPrefix(std::string_view target, std::string_view prefix) {
  if (!target.starts_with(prefix)) return std::nullopt;
  target.remove_prefix(prefix.size());
  const bool ends = target.empty() || target.front() == '/' || target.front() == '?';
  return ends ? std::optional(target) : std::nullopt;
}

std::optional<std::string> detail::mappedLocation(std::string_view location, const ProxiedPart& part,
                                                  std::string_view rest) {
  const std::size_t end = std::min(location.find('#'), location.size());
  const std::string_view fragment = location.substr(end);
  const auto target = targetOf(location.substr(0, end), part, rest);
  if (!target || climbs(*target) || !allOf(fragment, isVisible)) return std::nullopt;
  const auto behind = behindPrefix(*target, part.path);
  if (!behind) return std::nullopt;
  std::string mapped = part.prefix + std::string(*behind);
  if (!mapped.starts_with('/')) mapped.insert(0, 1, '/');
  if (mapped.starts_with("//")) return std::nullopt;  // would be another host's
  return mapped.append(fragment);
}

}  // namespace ironjar
