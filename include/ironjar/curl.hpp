// Transports on libcurl, a library of its own: link ironjar::curl. HTTP/2 and HTTP/1.1, connections for one login each,
// verified TLS, one deadline for everything (a name's resolution, too), bodies that flow both ways.
//
// Example:
//   const ironjar::Transport blocking = ironjar::curlTransport({.maxHeadSize = 16 * 1024});
//   const ironjar::AsyncTransport transport = ironjar::asyncCurlTransport({.proxy = "http://proxy.example:3128"});
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include <ironjar/http.hpp>

namespace ironjar {

struct CurlTransportOptions {
  // For all of connecting but the name: the host's addresses in turn, the proxy's answer, the TLS handshake.
  std::chrono::milliseconds connectTimeout{4000};
  std::size_t maxHeadSize = 64 * 1024;          // of a response; libcurl takes 300 KiB, and 100 KiB a line, at most
  std::size_t maxBodySize = 8 * 1024 * 1024;    // of a response that is not streamed
  std::size_t maxIdle = 256;                    // unused connections in all; the one idle longest goes first
  std::size_t maxIdlePerGroup = 4;              // and for one origin and Request::connectionGroup
  std::chrono::milliseconds idleTimeout{4000};  // below the 5 s after which many servers close theirs
  // How long the next piece of a streamed response may take.
  std::chrono::milliseconds streamIdle{std::chrono::minutes{5}};
  // Connections serve whoever comes next, whatever the request's connectionGroup, and on HTTP/2 several at a time. On
  // HTTP/1.1 that trusts the API with its users: one that answers twice gives one user's answer to another. What has
  // come when a connection is taken is noticed; what comes a moment later is not.
  bool shareAmongGroups = false;
  bool http2 = true;            // offered to https servers (ALPN)
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

// Both keep to the contract of Transport. Thread-safe; copies share the connections. What is particular:
// - Content codings are neither asked for nor undone; User-Agent and Accept are set where the request has none. A HEAD
//   with a body is Errc::malformed.
// - Names are resolved on threads of the transport's own, one for each name that is being looked for, and an answer
//   serves for 30 s. The system's resolver cannot be interrupted: when it hangs, such a thread outlives the transport,
//   of which it touches nothing.
// - On HTTP/1.1 a connection is closed after a response without a body: libcurl does not tell what came behind it.
// - On HTTP/2 requests of one group use one connection at a time together (asyncCurlTransport), but for what is
//   streamed, up or down: that has a connection of its own, so that it holds up nobody. A stream that the server
//   refuses is Errc::transport.
// - With Request::streamsResponse the response comes at its head, whatever of the request is still being sent.
// - Of the environment, SSLKEYLOGFILE alone counts: libcurl reads it.
// Both throw std::invalid_argument for authorities, a client certificate or a key that cannot be read or do not belong
// together, a `proxy` that is no http URL of a host, credentials with a line break in them, and times out of range.

// Sends on the caller's own thread.
[[nodiscard]] Transport curlTransport(CurlTransportOptions options = {});

// One thread for any number of requests. It reads Request::openAsyncBody or, on a few more threads, Request::openBody.
// The last copy that goes drops what is in flight and waits for the thread; it may go in a completion.
[[nodiscard]] AsyncTransport asyncCurlTransport(CurlTransportOptions options = {});

}  // namespace ironjar
