#include "base/url.hpp"

#include "base/ascii.hpp"
#include "base/number.hpp"

#include <algorithm>
#include <cstdint>

namespace ironjar::detail {
namespace {

bool isHostCharacter(char c) { return isAlphanumeric(c) || c == '.' || c == '-' || c == '_'; }
bool isIpv6Character(char c) { return isHexDigit(c) || c == ':' || c == '.'; }
bool isUrlCharacter(char c) { return isVisible(c) && c != '\\' && c != '#'; }

bool isHost(std::string_view host) {
  if (host.starts_with('[')) {
    return host.size() > 4 && host.ends_with(']') && allOf(host.substr(1, host.size() - 2), isIpv6Character);
  }
  return !host.empty() && allOf(host, isHostCharacter);
}

bool isPort(std::string_view port) {
  const auto number = parseCanonicalDecimal<std::uint16_t>(port);
  return number && *number > 0;
}

}  // namespace

bool Url::isLoopback() const {
  if (host == "localhost" || host == "[::1]") return true;
  // 127.0.0.0/8 in its four-part spelling only: `127.0.0.1.example.com` is somebody else.
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

Result<Url> parseUrl(std::string_view text) {
  if (!allOf(text, isUrlCharacter)) return fail(Errc::malformed, "the URL holds a character that is not allowed");
  Url url;
  url.https = startsWithIgnoringCase(text, "https://");
  if (!url.https && !startsWithIgnoringCase(text, "http://")) {
    return fail(Errc::malformed, "the URL does not start with https:// or http://");
  }
  const std::size_t scheme = url.https ? 8 : 7;
  const auto end = std::find_if(text.begin() + scheme, text.end(), [](char c) { return c == '/' || c == '?'; });
  const std::string_view authority(text.begin() + scheme, end);
  const std::string_view rest(end, text.end());

  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view host = authority.substr(0, colon);
  if (!isHost(host)) return fail(Errc::malformed, "the URL's host is not a plain host name or address");
  url.host = lower(host);
  url.origin = lower(text.substr(0, scheme + host.size()));
  if (colon != std::string_view::npos) {
    const std::string_view port = authority.substr(colon + 1);
    if (!isPort(port)) return fail(Errc::malformed, "the URL's port is not 1 to 65535");
    if (port != (url.https ? "443" : "80")) url.origin.append(":").append(port);
  }
  url.target.append(rest.starts_with('/') ? "" : "/").append(rest);
  return url;
}

}  // namespace ironjar::detail
