// HTTP as values. The core does no network I/O: the application brings a Transport, or an adapter does.
//
// Example:
//   const ironjar::Transport sockets = ironjar::httplibTransport();
//   const ironjar::Transport logged = [sockets](const ironjar::Request& asked, ironjar::Deadline deadline) {
//     std::clog << asked.method << ' ' << asked.url << '\n';
//     return sockets(asked, deadline);
//   };
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/observer.hpp>
#include <ironjar/types.hpp>

namespace ironjar {

// Header fields in order, duplicates included. Names compare without regard to case.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first field of that name; a view into `headers`.
[[nodiscard]] std::optional<std::string_view> findHeader(const Headers& headers, std::string_view name);
void eraseHeader(Headers& headers, std::string_view name);

// Whether a request field of that name is the transport's to write, from the URL, the body and its own connection:
// Host, Content-Length, Transfer-Encoding, Trailer, TE, Connection, Keep-Alive, Proxy-Connection, Upgrade and Expect,
// however they are spelled. A request's own are not sent: they could say where a body ends, or whose connection it is,
// other than it is (request smuggling). performFetch takes them off, too.
[[nodiscard]] bool isTransportField(std::string_view name);

// The next piece of a body; an empty one is its end. May block.
using BodyReader = std::function<Result<std::string>()>;
// The same without blocking: `done` is called once with the piece, at once or later, from any thread. Not called again
// before that.
using AsyncBodyReader = std::function<void(std::function<void(Result<std::string>)> done)>;
// Writes bytes without blocking; empty ones say that no more come. `done` is called once they have left, or cannot, at
// once or later, from any thread. Not called again before that.
using AsyncBodyWriter = std::function<void(std::string bytes, std::function<void(std::optional<Error>)> done)>;

struct Request {
  std::string method = "GET";
  std::string url;  // absolute
  Headers headers = {};
  std::string body = {};
  // In place of `body`, for one that is not held in memory: begins it and gives its reader, which must return by
  // itself. performFetch calls it for each try; when it gives an empty reader then, because the stream is gone, there
  // is none. Transports call it once and send the body in chunks (RFC 9112 section 7.1), unless bodySize is set.
  std::function<BodyReader()> openBody = {};
  // The same for a body that comes without blocking; set one of the two. A transport of either kind takes either: a
  // blocking one waits for the pieces, an asynchronous one calls a reader that may block.
  std::function<AsyncBodyReader()> openAsyncBody = {};
  // How many bytes that reader gives, where it is known: they are sent with Content-Length, for APIs that refuse
  // chunks. A piece that goes beyond, or an end before, is Errc::malformed; what is too much is not sent, and the
  // connection is closed. Once they are there the reader is not asked again.
  std::optional<std::uint64_t> bodySize = {};
  // How long a streamed body may go on without a byte of the request leaving for the peer, whether its reader or the
  // peer is waited for. Each that leaves moves the deadline on, to this long after it where that is later: a body may
  // take any time, and its response comes within this long of the last byte, or by the deadline. 0: the deadline is for
  // everything, as it is without a streamed body. performFetch sets it.
  std::chrono::milliseconds uploadIdle{0};
  // The response is wanted as soon as its head is there; a transport that can then gives a reader in place of the body.
  bool streamsResponse = false;
  // On a connection of its own: for a request that must not be sent twice, such as a refresh token's only use. A kept
  // connection may be closed by the peer just as the request leaves, and then nobody knows whether it arrived.
  bool freshConnection = false;
  // The protocol that the connection is to be switched to, such as `websocket` (RFC 9110 section 7.8); empty: none.
  // asioTransport sends it, on a connection of its own; other transports ask for nothing, as any server may answer. The
  // response comes at its head, as with streamsResponse.
  std::string upgrade = {};
  // For whom the connection may be kept afterwards, and whose kept connection may be used: it is never used for a
  // request with another group. Opaque, compared byte for byte; empty: not kept. On HTTP/1.1 an answer that comes too
  // late, or one too many, cannot be told from the next request's, so a group must never be shared by two users.
  // performFetch sets it, to a digest of the session's id and its tokens.
  std::string connectionGroup = {};
};

// How a response came about.
struct Trace {
  unsigned attempts = 0;  // requests sent to the API
  RefreshedBy refreshedBy = RefreshedBy::none;
  // A 401 that was not tried again although the tokens are fresh now, since the body was over maxReplayBody or could
  // not be begun again: a second performFetch of the same request will succeed.
  bool retryable = false;
};

// A connection that has left HTTP for another protocol: Response::asyncBodyReader reads from the peer, this writes to
// it. It is closed when the last copies of both are gone, and by close(). All but hasEnded on any thread.
struct Upgraded {
  std::string protocol = {};
  AsyncBodyWriter write = {};
  std::function<void()> close = {};  // what is pending gets Errc::cancelled
  // What a server keeps to that passes the bytes on; a Proxy sets it. It asks hasEnded, once at a time, every
  // `checkEvery`, and closes both sides when that says true, or when no byte has passed for `idle`. Never blocks, and
  // calls `done` exactly once, before it returns or later, on any thread. Must not throw.
  std::function<void(std::function<void(bool)> done)> hasEnded = {};
  std::chrono::milliseconds checkEvery{5000};
  std::chrono::milliseconds idle{600'000};
  std::shared_ptr<const void> holds = {};  // for as long as it is open
};

struct Response {
  int status = 0;
  Headers headers = {};
  std::string body = {};
  // With Request::streamsResponse, in place of `body`, where the transport can: the body as it comes, one of the two by
  // the transport's kind. Nothing is read ahead of who asks but what one read of the connection brings. The deadline
  // was for the head; a piece that does not come within the transport's idle time is Errc::timeout. What came before an
  // error is given first; the end, and an error, are given again to who asks again. A body that is cut, or whose chunks
  // are none, is Errc::transport. Once the last copy is gone before the end, the connection is closed.
  BodyReader bodyReader = {};
  AsyncBodyReader asyncBodyReader = {};
  std::shared_ptr<Upgraded> upgraded = {};  // with status 101, and only if Request::upgrade asked for that
  Trace trace = {};                         // filled by performFetch
};

[[nodiscard]] bool hasStreamedBody(const Request& request);
// Begins the body of one that has, as a transport wants to read it: the first blocks until a piece is there, the second
// only as the application's reader does. Empty when the stream is gone.
[[nodiscard]] BodyReader openBodyOf(const Request& request);
[[nodiscard]] AsyncBodyReader openAsyncBodyOf(const Request& request);
// The whole body, whichever way the request has it. May block. The reader's error, if it gives one.
[[nodiscard]] Result<std::string> readBody(const Request& request);

// Sends one request and returns its response, whatever the status: no redirects followed, no content coding undone.
// Called from many threads at once, never under a lock. Must not throw. The Request is dead once it returns: whatever
// goes on by itself needs a copy. ironjar::testing::checkTransport (<ironjar/testing/check_transport.hpp>) looks
// whether a transport keeps to this:
// - A request is sent once. Nobody but the caller knows whether it may be repeated, on a kept connection neither.
// - Path and query are sent byte for byte as the URL has them. Of the fields, those that are the transport's
//   (isTransportField) are written by it; all others are sent as they are.
// - A response that comes while the request is still being sent is returned, whether the server reads the rest or not.
// - Interim responses (1xx) and trailer fields are skipped. A head of 16 KiB is read; heads and bodies are bounded,
// however slowly they come.
// - A connection is kept only for requests of the same connectionGroup, only when the response was read to an end that
//   its length or its chunks told, and only while nothing is left in it: no byte, and no TLS record.
// - It returns at the deadline, be it in the past: then nothing is sent. What leaves of a request with a streamed body
//   moves the deadline on (Request::uploadIdle), nothing else does. Resolving a name counts; a transport whose resolver
//   takes no deadline says so. A body's reader that blocks is not interrupted: a blocking transport may take longer by
//   what it takes for a piece.
// Errors:
// - Errc::unreachable: certainly nothing was sent, whatever the reason: no address, no connection, a TLS handshake that
//   fails, the deadline passed while connecting or before. Goes before timeout.
// - Errc::timeout: the deadline passed, and the peer may have got the request.
// - Errc::tooLarge: a body over the transport's limit.
// - Errc::transport: everything else after the first byte was sent.
// - Errc::malformed: the request cannot be sent; otherwise the body's reader's error.
using Transport = std::function<Result<Response>(const Request&, Deadline)>;

using ResponseHandler = std::function<void(Result<Response>)>;

// A Transport that does not block: it begins to send and returns, and calls `done` once, at once or later, from any
// thread, never under a lock of its own. What is said of Transport holds, and:
// - The request lives until `done` has been called, not longer.
// - When a stop is requested `done` is called soon, with Errc::cancelled unless the response has come; the connection
//   is closed. That may be from any thread, also within the call that begins to send.
// - A transport that goes, or whose event loop does, drops `done` uncalled and with it what waits.
using AsyncTransport = std::function<void(const Request&, Deadline, std::stop_token, ResponseHandler done)>;

// A transport that waits for an asynchronous one; not on a thread that this one needs to go on.
[[nodiscard]] Transport blocking(AsyncTransport transport);

// An asynchronous transport on threads that block, as many requests at a time as there are threads; 10,000 more wait
// for their turn, beyond that Errc::overloaded. For a transport that there is no asynchronous form of: one request
// costs one thread. Whoever is cancelled, or waits for a turn until its deadline, is told at once. Copies share the
// threads; the last one to go waits for what they are doing. Throws std::invalid_argument for no threads.
[[nodiscard]] AsyncTransport onThreads(Transport transport, std::size_t threads);

}  // namespace ironjar
