// A request to the token endpoint on its way: authenticated, and with a DPoP proof where there is a key (RFC 9449).
#pragma once

#include "oauth/dpop.hpp"

#include <functional>

namespace ironjar::detail {

// What it refers to must outlive it.
struct TokenRequest {
  const Transport& transport;
  const TokenEndpoint& endpoint;
  const std::function<Request()>& write;  // as authenticated() takes it
  const std::string& dpopKey;             // empty: no proof
  DpopNonces& nonces;
  const Clock& now;

  // A new one for each try: credentials and proofs are good for one request. Errors as authenticated()'s and prove()'s.
  [[nodiscard]] Result<Request> made() const;
  // Sends it and returns the answer. An answer that refuses the proof says that the refresh token or code is not spent:
  // if the next proof has another nonce, a second request is sent, and its answer returned.
  [[nodiscard]] Result<Response> sent(const Request& request, Deadline deadline) const;
};

}  // namespace ironjar::detail
