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

// Of a Set-Cookie field; views into it.
struct SetCookie {
  std::string_view name;
  std::string_view value;
  std::vector<CookiePair> attributes;

  [[nodiscard]] bool hasAttribute(std::string_view wanted, const auto& accepts) const {
    return std::any_of(attributes.begin(), attributes.end(), [&](const CookiePair& attribute) {
      return equalIgnoringCase(attribute.name, wanted) && accepts(attribute.value);
    });
  }
  // RFC 6265 section 5.2.2: a Max-Age of 0 or less takes effect at once.
  [[nodiscard]] bool deletes() const {
    return hasAttribute("Max-Age", [](std::string_view age) {
      return age.starts_with('-') || (!age.empty() && age.find_first_not_of('0') == std::string_view::npos);
    });
  }
  // Max-Age goes before Expires (section 5.3, step 3), whose date many write with dashes (section 5.1.1).
  [[nodiscard]] bool hasEnded(TimePoint now) const {
    if (hasAttribute("Max-Age", [](std::string_view age) { return !age.empty() && allOf(age, isDigit); })) {
      return deletes();
    }
    return hasAttribute("Expires", [now](std::string_view date) {
      std::string spaced(date);
      std::replace(spaced.begin(), spaced.end(), '-', ' ');
      const auto end = parseHttpDate(spaced);
      return end && *end <= now;
    });
  }
};

std::optional<SetCookie> setCookieIn(const std::pair<std::string, std::string>& field) {
  const std::string_view line = field.second;
  if (!equalIgnoringCase(field.first, "Set-Cookie") || !isFieldValue(line)) return std::nullopt;
  const std::size_t end = std::min(line.find(';'), line.size());
  const std::vector<CookiePair> pair = parseCookies(line.substr(0, end));
  if (pair.empty()) return std::nullopt;
  return SetCookie{pair[0].name, pair[0].value, parseCookies(line.substr(end))};
}

}  // namespace

std::string withCookiesOf(const Response& response, const std::vector<std::string>& names, std::string_view held) {
  Pairs pairs = pairsOf(held);
  for (const auto& field : response.headers) {
    if (names.empty() || field.second.size() > maxSize || !isUtf8(field.second)) continue;
    const auto cookie = setCookieIn(field);
    if (!cookie || std::find(names.begin(), names.end(), cookie->name) == names.end()) continue;
    put(pairs, cookie->name, cookie->deletes() ? "" : cookie->value);  // Expires is left to those who have a clock
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
  if (name.empty()) return value;
  for (const auto& field : response.headers) {
    const auto cookie = setCookieIn(field);
    if (!cookie || cookie->name != name || cookie->value.empty() || cookie->value.size() > longestValue) continue;
    if (!cookie->deletes() && !cookie->hasEnded(now)) value = std::string(cookie->value);
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
