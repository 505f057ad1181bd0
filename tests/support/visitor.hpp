// A browser that keeps a site's cookies, and the forms that it and the site send.
#pragma once

#include "base/form.hpp"
#include "support.hpp"

#include <algorithm>
#include <map>

#include <ironjar/cookie.hpp>
#include <ironjar/http.hpp>

namespace support {

using Fields = std::map<std::string, std::string>;

inline Fields fieldsOf(std::string_view form) {
  Fields fields;
  for (auto& [name, value] : ironjar::detail::parseForm(form)) fields.emplace(name, value);
  return fields;
}
inline Fields queryOf(const std::string& url) { return fieldsOf(std::string_view(url).substr(url.find('?') + 1)); }

// The cookies of one browser for one site.
struct Visitor {
  std::map<std::string, std::string> cookies = {};

  [[nodiscard]] std::string header() const {
    std::string text;
    for (const auto& [name, value] : cookies) text.append(text.empty() ? "" : "; ").append(name + "=" + value);
    return text;
  }
  void take(const ironjar::Headers& headers) {
    for (const auto& [name, value] : headers) {
      if (name == "Set-Cookie") take(value);
    }
  }
  void take(const std::string& line) {
    const auto cookie = ironjar::parseSetCookie(line).value();
    if (cookie.options.maxAge == ironjar::Seconds{0}) {
      cookies.erase(cookie.name);
    } else {
      cookies[cookie.name] = cookie.value;
    }
  }
  [[nodiscard]] std::size_t attempts() const {
    const auto isAttempt = [](const auto& cookie) { return cookie.first.find("-login-") != std::string::npos; };
    return static_cast<std::size_t>(std::count_if(cookies.begin(), cookies.end(), isAttempt));
  }
};

}  // namespace support
