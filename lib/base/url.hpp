// Absolute http and https URLs, read strictly: this decides where tokens go.
#pragma once

#include <string>
#include <string_view>

#include <ironjar/error.hpp>

namespace ironjar::detail {

struct Url {
  std::string origin;  // scheme://host[:port], lower case, default port left out (RFC 6454 section 6.2)
  std::string host;    // lower case, IPv6 in its brackets
  std::string target;  // path and query as they are sent
  bool https = false;

  [[nodiscard]] std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  [[nodiscard]] bool isLoopback() const;
};

// Errc::malformed for anything that two parsers could read differently: user information, a fragment, backslashes,
// spaces, controls, non-ASCII or percent-encoding in the host, an IPv6 zone, a port that is not 1 to 65535.
[[nodiscard]] Result<Url> parseUrl(std::string_view text);

}  // namespace ironjar::detail
