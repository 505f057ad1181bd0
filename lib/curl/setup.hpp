// What the two transports on libcurl stand on, and how one is made whose names are looked up in another way.
#pragma once

#include "base/resolver.hpp"
#include "curl/tls.hpp"

#include <optional>

#include <ironjar/curl.hpp>
#include <ironjar/http1.hpp>

namespace ironjar::detail {

struct Setup {
  // Throws std::invalid_argument for options that cannot be.
  Setup(TransportOptions given, Lookup lookup);

  // Whom a connection for that target is made to.
  [[nodiscard]] const HttpTarget& peerOf(const HttpTarget& target) const {
    return target.https && proxy ? *proxy : target;
  }

  const TransportOptions options;
  const std::optional<HttpTarget> proxy;
  const Tls tls;
  const Resolver resolver;
};

[[nodiscard]] Transport makeCurlTransport(TransportOptions options, Lookup lookup);
[[nodiscard]] AsyncTransport makeAsyncCurlTransport(TransportOptions options, Lookup lookup);

}  // namespace ironjar::detail
