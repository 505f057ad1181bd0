// A request to the token endpoint: authenticated, and with a DPoP proof where there is a key (RFC 9449).
#pragma once

#include "oauth/dpop.hpp"

#include <functional>
#include <string>

#include <ironjar/token_endpoint.hpp>

namespace ironjar::detail {

// Of it each try makes a request of its own: credentials and proofs are good for one. What it refers to must outlive
// it.
struct TokenRequest {
  const TokenEndpoint& endpoint;
  std::function<Request()> write;  // as authenticated() takes it
  std::string dpopKey;             // empty: no proof
  DpopNonces& nonces;
  const Clock& now;

  // Errors as authenticated()'s and prove()'s.
  [[nodiscard]] Result<Request> made() const;
  // The request that is to be sent in place of one whose proof this answer refuses, which says that the refresh token
  // or code is not spent; if the next proof has another nonce. Nothing: the answer counts.
  [[nodiscard]] std::optional<Request> again(const Result<Response>& answer) const;
  // Which answer counts after such a second request: that to the first, when the second was never sent.
  [[nodiscard]] Result<Response> counting(Result<Response> first, Result<Response> second) const;
};

}  // namespace ironjar::detail
