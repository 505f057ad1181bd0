#include "cookie/set_cookie.hpp"

#include "base/ascii.hpp"
#include "base/http_date.hpp"
#include "cookie/cookie_pairs.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ironjar {
namespace {

using detail::equalIgnoringCase;

// An attribute's value as one of the enum's, by their order. False when it is none of them.
template <class Enum, std::size_t count>
bool readWord(std::string_view text, const std::array<std::pair<std::string_view, Enum>, count>& words, Enum& value) {
  for (const auto& [word, meaning] : words) {
    if (!equalIgnoringCase(text, word)) continue;
    value = meaning;
    return true;
  }
  return false;
}

constexpr std::array<std::pair<std::string_view, SameSite>, 3> sameSites = {
    {{"Lax", SameSite::lax}, {"Strict", SameSite::strict}, {"None", SameSite::none}}};
constexpr std::array<std::pair<std::string_view, CookiePriority>, 3> priorities = {
    {{"Low", CookiePriority::low}, {"Medium", CookiePriority::medium}, {"High", CookiePriority::high}}};

bool readMaxAge(std::string_view text, CookieOptions& options) {
  std::chrono::seconds::rep seconds = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (problem != std::errc() || end != text.data() + text.size()) return false;
  options.maxAge = std::chrono::seconds(seconds);
  return true;
}

// Why an attribute cannot be told by CookieOptions, if so.
std::optional<Error> readAttribute(std::string_view name, std::string_view value, CookieOptions& options) {
  bool isRead = true;
  if (equalIgnoringCase(name, "Max-Age")) {
    isRead = readMaxAge(value, options);
  } else if (equalIgnoringCase(name, "Domain")) {
    options.domain = value;
  } else if (equalIgnoringCase(name, "Path")) {
    options.path = value;
  } else if (equalIgnoringCase(name, "Expires")) {
    options.expires = detail::parseHttpDate(value);
    isRead = options.expires.has_value();
  } else if (equalIgnoringCase(name, "HttpOnly")) {
    options.httpOnly = true;
  } else if (equalIgnoringCase(name, "Secure")) {
    options.secure = true;
  } else if (equalIgnoringCase(name, "Partitioned")) {
    options.partitioned = true;
  } else if (equalIgnoringCase(name, "Priority")) {
    isRead = readWord(value, priorities, options.priority);
  } else if (equalIgnoringCase(name, "SameSite")) {
    isRead = readWord(value, sameSites, options.sameSite);
  } else {
    return fail(Errc::unsupported, "Set-Cookie has an attribute that CookieOptions has not");
  }
  if (isRead) return std::nullopt;
  return fail(Errc::malformed, "an attribute of Set-Cookie has a value that it cannot have");
}

}  // namespace

Result<SetCookie> parseSetCookie(std::string_view line) {
  const auto isControl = [](char c) { return (c >= '\0' && c < ' ' && c != '\t') || c == '\x7f'; };
  if (std::any_of(line.begin(), line.end(), isControl)) return fail(Errc::malformed, "Set-Cookie has a control in it");
  const std::size_t end = std::min(line.find(';'), line.size());
  std::string_view pair = line.substr(0, end);
  const std::optional<CookiePair> cookie = detail::nextCookie(pair);
  if (!cookie) return fail(Errc::malformed, "Set-Cookie has no name");
  SetCookie parts{.name = std::string(cookie->name),
                  .value = std::string(cookie->value),
                  .options = {.path = {}, .httpOnly = false, .secure = false, .sameSite = SameSite::unset}};
  for (std::string_view left = line.substr(end); !left.empty();) {
    left.remove_prefix(1);
    const std::size_t size = std::min(left.find(';'), left.size());
    const std::string_view attribute = left.substr(0, size);
    left.remove_prefix(size);
    const std::size_t equals = std::min(attribute.find('='), attribute.size());
    const std::string_view name = detail::trim(attribute.substr(0, equals));
    const std::string_view value = detail::trim(attribute.substr(std::min(equals + 1, attribute.size())));
    if (name.empty() && value.empty()) continue;
    if (auto problem = readAttribute(name, value, parts.options)) return *std::move(problem);
  }
  return parts;
}

}  // namespace ironjar
