#include "base/ascii.hpp"
#include "cookie/cookie_pairs.hpp"
#include "web/fields.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include <ironjar/web.hpp>

namespace ironjar {
namespace {

// Where a browser stores a cookie (RFC 6265bis section 5.7): cookies of the same place replace each other. A Path that
// is left out stands for the request's folder, which is not looked at: at worst both are sent, and the later one
// counts.
struct Place {
  std::string_view name = {};
  std::string domain = {};  // in lower case; empty: this host only
  std::string_view path = {};
  bool isPartitioned = false;

  friend bool operator<(const Place& a, const Place& b) {
    return std::tie(a.name, a.domain, a.path, a.isPartitioned) < std::tie(b.name, b.domain, b.path, b.isPartitioned);
  }
};

std::string domainOf(std::string_view value) {
  if (value.starts_with('.')) value.remove_prefix(1);
  return detail::lower(value);
}

// The last attribute of a name counts; one of more than 1024 bytes is ignored.
Place placeOf(std::string_view line) {
  std::size_t end = std::min(line.find(';'), line.size());
  const std::string_view pair = line.substr(0, end);
  const std::size_t equals = pair.find('=');
  Place place{.name = equals == std::string_view::npos ? std::string_view() : detail::trim(pair.substr(0, equals))};
  while (end < line.size()) {
    line.remove_prefix(end + 1);
    end = std::min(line.find(';'), line.size());
    const std::string_view attribute = line.substr(0, end);
    const std::size_t sign = std::min(attribute.find('='), attribute.size());
    const std::string_view name = detail::trim(attribute.substr(0, sign));
    const std::string_view value = detail::trim(attribute.substr(std::min(sign + 1, attribute.size())));
    if (value.size() > 1024) continue;
    if (detail::equalIgnoringCase(name, "Domain")) place.domain = domainOf(value);
    if (detail::equalIgnoringCase(name, "Path")) place.path = value.starts_with('/') ? value : std::string_view();
    if (detail::equalIgnoringCase(name, "Partitioned")) place.isPartitioned = true;
  }
  return place;
}

bool listsCookie(std::string_view vary) {
  while (!vary.empty()) {
    const std::size_t end = std::min(vary.find(','), vary.size());
    const std::string_view name = detail::trim(vary.substr(0, end));
    if (name == "*" || detail::equalIgnoringCase(name, "Cookie")) return true;
    vary.remove_prefix(std::min(end + 1, vary.size()));
  }
  return false;
}

}  // namespace

void putSetCookies(Headers& headers, const std::vector<std::string>& cookies) {
  if (cookies.empty()) return;
  std::map<Place, const std::string*> last;  // of those that browsers would store in one place
  for (const std::string& cookie : cookies) last.insert_or_assign(placeOf(cookie), &cookie);
  bool varies = false;
  std::erase_if(headers, [&](const auto& field) {
    const std::string name = detail::lower(field.first);
    if (name == "set-cookie") return last.contains(placeOf(field.second));
    if (name == "vary") varies = varies || listsCookie(field.second);
    return name != "vary" && detail::isCaching(name);
  });
  for (const std::string& cookie : cookies) {
    if (last.at(placeOf(cookie)) == &cookie) headers.emplace_back("Set-Cookie", cookie);
  }
  headers.emplace_back("Cache-Control", "no-store");
  if (!varies) headers.emplace_back("Vary", "Cookie");
}

}  // namespace ironjar
