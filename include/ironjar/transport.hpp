// HTTP as values. The core does no network I/O: the application brings a Transport, or an adapter does.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/observer.hpp>

namespace ironjar {

// Header fields in order, duplicates included. Names compare without regard to case.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first field of that name; a view into `headers`.
[[nodiscard]] std::optional<std::string_view> findHeader(const Headers& headers, std::string_view name);
void eraseHeader(Headers& headers, std::string_view name);

// The next piece of a body; an empty one is its end.
using BodyReader = std::function<Result<std::string>()>;

struct Request {
  std::string method = "GET";
  std::string url;  // absolute
  Headers headers = {};
  std::string body = {};
  // In place of `body`, for one that is not held in memory: begins it and gives its reader, which must return by
  // itself. performFetch calls it for each try; when it gives an empty reader then, because the stream is gone, there
  // is none. Transports call it once and send the body in chunks (RFC 9112 section 7.1).
  std::function<BodyReader()> openBody = {};
  // On a connection of its own: for a request that must not be sent twice, such as a refresh token's only use. A kept
  // connection may be closed by the peer just as the request leaves, and then nobody knows whether it arrived.
  bool freshConnection = false;
};

// How a response came about.
struct Trace {
  unsigned attempts = 0;  // requests sent to the API
  RefreshedBy refreshedBy = RefreshedBy::none;
  // A 401 that was not tried again although the tokens are fresh now, since the body was over maxReplayBody or could
  // not be begun again: a second performFetch of the same request will succeed.
  bool worthRepeating = false;
};

struct Response {
  int status = 0;
  Headers headers = {};
  std::string body = {};
  Trace trace = {};  // filled by performFetch
};

// The whole body, whichever way the request has it. The reader's error, if it gives one.
[[nodiscard]] Result<std::string> readBody(const Request& request);

// Monotonic: the moment by which an answer must have come.
using Deadline = std::chrono::steady_clock::time_point;

// Sends one request and returns its response, whatever the status: no redirects followed, nothing repeated. Errors:
// Errc::timeout when the deadline passes, Errc::tooLarge for a body over the transport's limit, Errc::unreachable when
// certainly nothing was sent, Errc::transport otherwise. Called from many threads at once, never under a lock.
using Transport = std::function<Result<Response>(const Request&, Deadline)>;

}  // namespace ironjar
