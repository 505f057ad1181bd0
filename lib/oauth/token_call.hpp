// Calls to the token endpoint, as a coordinator makes them: asking for tokens and revoking them.
#pragma once

#include <functional>

#include <ironjar/token_endpoint.hpp>

namespace ironjar::detail {

struct TokenCallOptions {
  Transport transport;
  AsyncTransport asyncTransport = {};  // if there is one, it is asked, not the other
  TokenEndpoint endpoint;
  std::function<Result<TokenSet>(const TokenSet&, Deadline)> refresh = {};  // in place of the endpoint
  Clock now = systemClock;
};

// Both hold copies of what they need, since a call may outlive the request that started it and the Fetcher; and never
// the coordinator that makes them.
[[nodiscard]] RefreshCall refreshCall(const TokenCallOptions& options);
[[nodiscard]] RevokeCall revokeCall(const TokenCallOptions& options);  // empty without a revocationUrl

}  // namespace ironjar::detail
