// Calls to the token endpoint, as a coordinator makes them on threads of its own: asking for tokens and revoking them.
#pragma once

#include <functional>

#include <ironjar/token_endpoint.hpp>

namespace ironjar::detail {

struct TokenCallOptions {
  Transport transport;
  TokenEndpoint endpoint;
  std::function<Result<TokenSet>(const TokenSet&, Deadline)> refresh = {};  // in place of the endpoint
  Clock now = systemClock;
};

// Both hold copies of what they need, since a call may outlive the request that started it and the Fetcher; and never
// the coordinator on whose threads they run.
[[nodiscard]] RefreshCall refreshCall(const TokenCallOptions& options);
[[nodiscard]] RevokeCall revokeCall(const TokenCallOptions& options);  // empty without a revocationUrl

}  // namespace ironjar::detail
