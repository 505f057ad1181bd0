// Sends over an asynchronous transport, whatever that does: the application brings it.
#pragma once

#include "base/completion.hpp"

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

}  // namespace ironjar::detail
