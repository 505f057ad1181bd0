// HTTP as values. The core does no network I/O: the application brings a Transport, or an adapter does.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/error.hpp>

namespace ironjar {

// Header fields in order, duplicates included. Names compare without regard to case.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first field of that name; a view into `headers`.
[[nodiscard]] std::optional<std::string_view> findHeader(const Headers& headers, std::string_view name);
void eraseHeader(Headers& headers, std::string_view name);

struct Request {
  std::string method = "GET";
  std::string url;  // absolute
  Headers headers = {};
  std::string body = {};
  // On a connection of its own: for a request that must not be sent twice, such as a refresh token's only use. A kept
  // connection may be closed by the peer just as the request leaves, and then nobody knows whether it arrived.
  bool freshConnection = false;
};

// Who brought the tokens that a response was fetched with.
enum class RefreshedBy {
  none,      // the session's own were good
  self,      // this request asked the token endpoint
  follower,  // another request was asking already; this one waited for its answer
  chain,     // an earlier request had asked; no call, no wait
};

// How a response came about.
struct Trace {
  unsigned attempts = 0;  // requests sent to the API
  RefreshedBy refreshedBy = RefreshedBy::none;
  // A 401 that was not tried again although the tokens are fresh now, since the body was over maxReplayBody: a second
  // performFetch of the same request will succeed.
  bool worthRepeating = false;
};

struct Response {
  int status = 0;
  Headers headers = {};
  std::string body = {};
  Trace trace = {};  // filled by performFetch
};

// Monotonic: the moment by which an answer must have come.
using Deadline = std::chrono::steady_clock::time_point;

// Sends one request and returns its response, whatever the status: no redirects followed, nothing repeated. Errors:
// Errc::timeout when the deadline passes, Errc::tooLarge for a body over the transport's limit, Errc::unreachable when
// certainly nothing was sent, Errc::transport otherwise. Called from many threads at once, never under a lock.
using Transport = std::function<Result<Response>(const Request&, Deadline)>;

}  // namespace ironjar
