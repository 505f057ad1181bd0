// Transports on libcurl, a library of its own: link ironjar::curl. HTTP/2 and HTTP/1.1, connections for one login each,
// verified TLS, one deadline for everything (a name's resolution, too), bodies that flow both ways.
//
// Example:
//   const ironjar::Transport blocking = ironjar::curlTransport({.maxHeadSize = 16 * 1024});
//   const ironjar::AsyncTransport transport = ironjar::asyncCurlTransport({.proxy = "http://proxy.example:3128"});
#pragma once

#include <ironjar/transport_options.hpp>

namespace ironjar {

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
[[nodiscard]] Transport curlTransport(TransportOptions options = {});

// One thread for any number of requests. It reads Request::openAsyncBody or, on a few more threads, Request::openBody.
// The last copy that goes drops what is in flight and waits for the thread; it may go in a completion.
[[nodiscard]] AsyncTransport asyncCurlTransport(TransportOptions options = {});

}  // namespace ironjar
