// What every transport of ironjar's is told: httplibTransport, asioTransport, curlTransport and asyncCurlTransport.
//
// Example:
//   const ironjar::TransportOptions options{.maxHeadSize = 16 * 1024, .proxy = "http://proxy.example:3128"};
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include <ironjar/http1.hpp>

namespace ironjar {

struct TransportOptions {
  // For each address of the host; again for what follows: the proxy's answer and the TLS handshake together. Of
  // libcurl's transports: twice this for all of that together.
  std::chrono::milliseconds connectTimeout{2000};
  // Of a response; for all that frames its body, too. libcurl takes 300 KiB, and 100 KiB a line, at most.
  std::size_t maxHeadSize = 64 * 1024;
  std::size_t maxBodySize = 8 * 1024 * 1024;  // of a response that is not streamed
  // How long a streamed body's next piece may take, once asked for.
  std::chrono::milliseconds streamIdle{300'000};
  std::size_t maxIdle = 256;                    // kept connections in all; the one idle longest goes first
  std::size_t maxIdlePerGroup = 4;              // and for one origin and Request::connectionGroup
  std::chrono::milliseconds idleTimeout{4000};  // below the 5 s after which many servers close theirs
  // Keeps connections for whoever comes next, whatever the request's connectionGroup; on HTTP/2 for several at a time.
  // Saves a handshake per login, and on HTTP/1.1 trusts the API with its users: one that answers twice, or answers a
  // request that was given up, gives one user's answer to another. What has come when a connection is taken is
  // noticed; what comes a moment later is not.
  bool shareAmongGroups = false;
  bool http2 = true;            // offered to https servers (ALPN) by libcurl's transports; the others speak HTTP/1.1
  std::string caCertFile = {};  // PEM; empty: the system's authorities
  // PEM files: a certificate, with those that lead to its authority, and its key. Servers that ask for a client
  // certificate are shown it; at a token endpoint that is client authentication (RFC 8705 section 2), with
  // publicClient(). Read when the transport is made. Empty: none.
  std::string clientCertFile = {};
  std::string clientKeyFile = {};
  // `http://proxy.example:3128`: https requests go through it by CONNECT (RFC 9110 section 9.3.6), so that it learns
  // host and port alone. http requests, which are for this machine, do not. Empty: none, whatever the environment says.
  // A proxy that refuses or breaks is Errc::unreachable: nothing was sent to the host.
  std::string proxy = {};
  std::string proxyAuthorization = {};  // the proxy's credentials as a field's value, such as "Basic dXNlcjpwYXNz"
};

namespace detail {

// The options' proxy. Throws std::invalid_argument for options that cannot be meant.
[[nodiscard]] std::optional<HttpTarget> proxyOf(const TransportOptions& options);

// Which kept connections a request may use; empty: one of its own, which is closed afterwards.
[[nodiscard]] std::string connectionKey(const TransportOptions& options, const Request& request,
                                        const HttpTarget& target);
// How many of one key are kept.
[[nodiscard]] std::size_t maxIdlePerKey(const TransportOptions& options);

}  // namespace detail
}  // namespace ironjar
