#include "base/ascii.hpp"
#include "base/http_date.hpp"
#include "base/swar.hpp"
#include "cookie/cookie_pairs.hpp"
#include "cookie/set_cookie.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <ironjar/cookie.hpp>

namespace ironjar {
namespace {

using detail::allOf;
using detail::isAlphanumeric;
using detail::isVisible;
using detail::startsWithIgnoringCase;

// Wider than RFC 6265bis's token, exactly as wide as iron-session 9: what every browser stores and sends back.
bool isNameCharacter(char c) { return isVisible(c) && c != ';' && c != '='; }

// The value is most of a cookie: asked about one by one, its characters would take longer than to seal them.
bool isValue(std::string_view text) {
  std::uint64_t refused = 0;
  detail::forEachWord(text, 'x', [&](std::uint64_t word) {
    refused |= word | detail::hasLess(word, '!') | detail::hasByte(word, '\x7f') | detail::hasByte(word, '"') |
               detail::hasByte(word, ',') | detail::hasByte(word, ';') | detail::hasByte(word, '\\');
  });
  return (refused & detail::highBits) == 0;
}

bool isPathCharacter(char c) { return c >= ' ' && c < '\x7f' && c != ';'; }

// RFC 1034 section 3.5 with RFC 1123 section 2.1: dot-separated labels of letters, digits and inner hyphens.
bool isDomain(std::string_view domain) {
  if (domain.starts_with('.')) domain.remove_prefix(1);  // ignored by browsers, and older servers send it
  while (true) {
    const std::size_t dot = domain.find('.');
    const std::string_view label = domain.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!allOf(label, [](char c) { return isAlphanumeric(c) || c == '-'; })) return false;
    if (dot == std::string_view::npos) return true;
    domain.remove_prefix(dot + 1);
  }
}

// RFC 6265bis section 4.1.3; browsers compare the prefixes without regard to case.
const char* brokenPromise(std::string_view name, const CookieOptions& options) {
  if (options.sameSite == SameSite::none && !options.secure) return "SameSite=None demands Secure";
  if (options.partitioned && !options.secure) return "Partitioned demands Secure";
  const auto promises = [&](std::string_view prefix) { return startsWithIgnoringCase(name, prefix); };
  const bool host = promises("__Host-");
  const bool http = promises("__Http-") || promises("__Host-Http-");
  if ((host || http || promises("__Secure-")) && !options.secure) return "the name's prefix demands Secure";
  if (host && !options.domain.empty()) return "__Host- forbids Domain";
  if (host && options.path != "/") return "__Host- demands Path=/";
  if (http && !options.httpOnly) return "the name's prefix demands HttpOnly";
  return nullptr;
}

bool isExpressibleDate(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const sys_days day = floor<days>(time);
  return day >= sys_days(year{1601} / 1 / 1) && day < sys_days(year{10000} / 1 / 1);
}

const char* whyRefused(std::string_view name, std::string_view value, const CookieOptions& options) {
  if (name.empty() || !allOf(name, isNameCharacter)) return "the name holds a character that cookies cannot carry";
  if (!isValue(value)) return "the value holds a character that cookies cannot carry";
  if (!options.domain.empty() && !isDomain(options.domain)) return "the domain is not a host name";
  if (!allOf(options.path, isPathCharacter)) return "the path holds a control character or `;`";
  if (options.expires && !isExpressibleDate(*options.expires)) return "expires is not in the years 1601 to 9999";
  return nullptr;
}

constexpr std::array<const char*, 4> sameSiteTexts = {"; SameSite=Lax", "; SameSite=Strict", "; SameSite=None", ""};
constexpr std::array<const char*, 4> priorityTexts = {"", "; Priority=Low", "; Priority=Medium", "; Priority=High"};

}  // namespace

std::vector<CookiePair> parseCookies(std::string_view header) {
  std::vector<CookiePair> pairs;
  pairs.reserve(static_cast<std::size_t>(std::count(header.begin(), header.end(), '=')));
  while (const auto pair = detail::nextCookie(header)) pairs.push_back(*pair);
  return pairs;
}

std::string joinCookies(std::span<const CookiePair> cookies) {
  std::string header;
  for (const CookiePair& cookie : cookies) {
    const std::size_t before = header.size();
    header.append(before == 0 ? "" : "; ").append(cookie.name).append("=").append(cookie.value);
    std::string_view added = std::string_view(header).substr(before);
    if (detail::nextCookie(added) != cookie || !added.empty()) header.resize(before);
  }
  return header;
}

Result<std::string> detail::serializeCookie(std::string_view name, std::string_view value, const CookieOptions& options,
                                            Promises promises) {
  const char* why = whyRefused(name, value, options);
  if (why == nullptr && promises == Promises::required) why = brokenPromise(name, options);
  if (why != nullptr) return fail(Errc::malformed, why);
  std::string text;
  text.reserve(name.size() + value.size() + options.domain.size() + options.path.size() + 160);
  text.append(name).append("=").append(value);
  if (options.maxAge) text.append("; Max-Age=").append(std::to_string(options.maxAge->count()));
  if (!options.domain.empty()) text.append("; Domain=").append(options.domain);
  if (!options.path.empty()) text.append("; Path=").append(options.path);
  if (options.expires) text.append("; Expires=").append(detail::httpDate(*options.expires));
  if (options.httpOnly) text.append("; HttpOnly");
  if (options.secure) text.append("; Secure");
  if (options.partitioned) text.append("; Partitioned");
  text.append(priorityTexts[static_cast<std::size_t>(options.priority)]);
  text.append(sameSiteTexts[static_cast<std::size_t>(options.sameSite)]);
  return text;
}

Result<std::string> serializeCookie(std::string_view name, std::string_view value, const CookieOptions& options) {
  return detail::serializeCookie(name, value, options, detail::Promises::required);
}

}  // namespace ironjar
