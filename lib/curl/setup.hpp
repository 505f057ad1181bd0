// What the two transports on libcurl stand on, and how one is made whose names are looked up in another way.
#pragma once

#include "curl/resolver.hpp"
#include "curl/tls.hpp"

#include <optional>

#include <ironjar/curl.hpp>
#include <ironjar/http1.hpp>

namespace ironjar::detail {

struct Setup {
  // Throws std::invalid_argument for options that cannot be.
  Setup(CurlTransportOptions given, Lookup lookup);

  // Which connections a request may use; empty: one of its own, which is closed afterwards.
  [[nodiscard]] std::string keyOf(const Request& request, const HttpTarget& target) const;
  // Whom a connection for that target is made to.
  [[nodiscard]] const HttpTarget& peerOf(const HttpTarget& target) const {
    return target.https && proxy ? *proxy : target;
  }
  [[nodiscard]] std::size_t maxIdlePerKey() const {
    return options.shareAmongGroups ? options.maxIdle : options.maxIdlePerGroup;
  }

  const CurlTransportOptions options;
  const std::optional<HttpTarget> proxy;
  const Tls tls;
  const Resolver resolver;
};

[[nodiscard]] Transport makeCurlTransport(CurlTransportOptions options, Lookup lookup);
[[nodiscard]] AsyncTransport makeAsyncCurlTransport(CurlTransportOptions options, Lookup lookup);

}  // namespace ironjar::detail
