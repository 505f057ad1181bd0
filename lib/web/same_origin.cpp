#include "base/url.hpp"
#include "web/fields.hpp"

#include <algorithm>
#include <stdexcept>

#include <ironjar/web.hpp>

namespace ironjar {
namespace {

std::string checked(const std::string& origin) {
  const auto url = detail::parseUrl(origin);
  if (url && url->target == "/" && !origin.ends_with('/')) return url->origin;
  throw std::invalid_argument("ironjar: Origins: `" + origin + "` is not an origin such as https://app.example.com");
}

std::vector<std::string> checked(std::vector<std::string> origins) {
  for (std::string& origin : origins) origin = checked(origin);
  for (const std::string& origin : origins) {
    const auto url = detail::parseUrl(origin);
    if (url->https || url->isLoopback()) continue;
    const bool isMixed = std::any_of(origins.begin(), origins.end(), [&](const std::string& other) {
      const auto secure = detail::parseUrl(other);
      return secure->https && secure->host == url->host;
    });
    if (!isMixed) continue;
    throw std::invalid_argument("ironjar: Origins: `" + origin + "` beside https of the same host: leave it out");
  }
  return origins;
}

// By the Host that the request was sent to. A proxy that ends TLS speaks http to us, the browser https to it.
bool isOfHost(std::string_view origin, std::string_view host) {
  const auto url = detail::parseUrl("https://" + std::string(host));
  if (!url || url->target != "/" || host.ends_with('/')) return false;
  if (origin == url->origin) return true;
  const auto plain = detail::parseUrl("http://" + std::string(host));
  return plain && plain->isLoopback() && origin == plain->origin;
}

}  // namespace

Origins::Origins(std::initializer_list<std::string> origins) : Origins(std::vector<std::string>(origins)) {}
Origins::Origins(std::vector<std::string> origins) : origins_(checked(std::move(origins))) {}

bool Origins::contains(std::string_view origin) const {
  return std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

bool detail::isOriginOfSite(const WebRequest& request, const Origins& origins) {
  const Single origin = singleField(request, "Origin");
  const Single host = singleField(request, "Host");
  if (origin.repeats || host.repeats || !origin.value) return false;
  if (!origins.empty()) return origins.contains(*origin.value);
  return host.value && isOfHost(*origin.value, *host.value);
}

bool isSameOrigin(const WebRequest& request, const Origins& origins) {
  const detail::Single site = detail::singleField(request, "Sec-Fetch-Site");
  const detail::Single origin = detail::singleField(request, "Origin");
  if (site.repeats || origin.repeats || detail::singleField(request, "Host").repeats) return false;
  if (site.value) return site.value == "same-origin";
  if (!origin.value) return detail::hasField(request, "X-Requested-With");
  return detail::isOriginOfSite(request, origins);
}

}  // namespace ironjar
