#include "http/upstream_cookies.hpp"

#include "base/ascii.hpp"
#include "base/http_date.hpp"
#include "http/field.hpp"
#include "json/simdjson.hpp"

#include <algorithm>

#include <ironjar/cookie.hpp>

namespace ironjar::detail {
namespace {

// Of a line, as browsers have it; and of all cookies, which go into one of ours.
constexpr std::size_t maxSize = 4096;

constexpr std::size_t longestValue = 16 * 1024;  // of a token's

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs pairsOf(std::string_view held) {
  Pairs pairs;
  for (const CookiePair& pair : parseCookies(held)) pairs.emplace_back(pair.name, pair.value);
  return pairs;
}

void put(Pairs& pairs, std::string_view name, std::string_view value) {
  std::erase_if(pairs, [&](const auto& pair) { return pair.first == name; });
  if (!value.empty()) pairs.emplace_back(name, value);
}

std::string textOf(const Pairs& pairs) {
  std::string text;
  for (const auto& [name, value] : pairs) {
    text.append(text.empty() ? "" : "; ").append(name).append("=").append(value);
  }
  return text;
}

// RFC 6265 section 5.2.2: a Max-Age of 0 or less takes effect at once. Expires is left to those who have a clock.
bool isDeletion(std::string_view attributes) {
  const std::vector<CookiePair> all = parseCookies(attributes);
  return std::any_of(all.begin(), all.end(), [](const CookiePair& attribute) {
    return equalIgnoringCase(attribute.name, "Max-Age") && (attribute.value == "0" || attribute.value.starts_with('-'));
  });
}

bool isPast(std::string_view attributes, TimePoint now) {
  const std::vector<CookiePair> all = parseCookies(attributes);
  return std::any_of(all.begin(), all.end(), [now](const CookiePair& attribute) {
    const auto end = equalIgnoringCase(attribute.name, "Expires") ? parseHttpDate(attribute.value) : std::nullopt;
    return end && *end <= now;
  });
}

}  // namespace

std::string withCookiesOf(const Response& response, const std::vector<std::string>& names, std::string_view held) {
  Pairs pairs = pairsOf(held);
  for (const auto& [field, line] : response.headers) {
    if (names.empty() || !equalIgnoringCase(field, "Set-Cookie") || !isFieldValue(line)) continue;
    if (line.size() > maxSize || !isUtf8(line)) continue;
    const std::size_t end = std::min(line.find(';'), line.size());
    const std::vector<CookiePair> cookie = parseCookies(std::string_view(line).substr(0, end));
    if (cookie.empty() || std::find(names.begin(), names.end(), cookie[0].name) == names.end()) continue;
    put(pairs, cookie[0].name, isDeletion(std::string_view(line).substr(end)) ? "" : cookie[0].value);
  }
  std::string text = textOf(pairs);
  while (text.size() > maxSize) {
    pairs.pop_back();
    text = textOf(pairs);
  }
  return text;
}

std::optional<std::string> cookieSetBy(const Response& response, const std::string& name, TimePoint now) {
  std::optional<std::string> value;
  for (const auto& [field, line] : response.headers) {
    if (name.empty() || !equalIgnoringCase(field, "Set-Cookie") || !isFieldValue(line)) continue;
    const std::size_t end = std::min(line.find(';'), line.size());
    const std::vector<CookiePair> cookie = parseCookies(std::string_view(line).substr(0, end));
    const std::string_view attributes = std::string_view(line).substr(end);
    if (cookie.empty() || cookie[0].name != name || cookie[0].value.empty()) continue;
    if (cookie[0].value.size() > longestValue || isDeletion(attributes) || isPast(attributes, now)) continue;
    value = std::string(cookie[0].value);
  }
  return value;
}

std::string joinedCookies(std::string_view first, std::string_view second) {
  if (first.empty() && second.empty()) return {};
  Pairs pairs = pairsOf(first);
  for (const auto& [name, value] : pairsOf(second)) put(pairs, name, value);
  return textOf(pairs);
}

}  // namespace ironjar::detail
