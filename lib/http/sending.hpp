// Sends over an asynchronous transport, and reads bodies that may block, whatever those do: the application brings
// them.
#pragma once

#include "base/completion.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <ironjar/http.hpp>

namespace ironjar::detail {

// `done` is called once, also when the transport throws, drops it or calls it twice.
inline void send(const AsyncTransport& transport, const Request& request, Deadline deadline,
                 const std::stop_token& stop, ResponseHandler done) {
  const auto once =
      exactlyOnce<Result<Response>>(std::move(done), fail(Errc::transport, "the transport has gone with the request"));
  try {
    transport(request, deadline, stop, once);
  } catch (...) {
    once(fail(Errc::transport, "the transport threw an exception"));
  }
}

// The asynchronous one; without, one that has sent, and blocked meanwhile, when it returns.
[[nodiscard]] inline AsyncTransport asynchronous(const Transport& transport, const AsyncTransport& asyncTransport) {
  if (asyncTransport) return asyncTransport;
  return [transport](const Request& request, Deadline deadline, const std::stop_token&, const ResponseHandler& done) {
    done(transport(request, deadline));
  };
}

// An asynchronous reader of one that may block. `post` runs a function on a thread, or is false; `read` is for what the
// reader throws. One reader gives all pieces: a copy may begin anew.
template <class Post, class Read>
[[nodiscard]] AsyncBodyReader readingOn(BodyReader own, Post post, Read read) {
  return [reader = std::make_shared<const BodyReader>(std::move(own)), post = std::move(post),
          read](const std::function<void(Result<std::string>)>& done) {
    const auto once = exactlyOnce<Result<std::string>>(done, fail(Errc::transport, "the transport has gone"));
    if (!post([reader, read, once] { once(read(*reader)); })) {
      once(fail(Errc::overloaded, "no thread can be had for the body"));
    }
  };
}

}  // namespace ironjar::detail
