// What a coordinator does on its own threads: asking for tokens and revoking them.
#pragma once

#include <ironjar/fetch.hpp>

namespace ironjar::detail {

// Both hold copies of what they need, since a call may outlive the request that started it and the Fetcher; and never
// the coordinator on whose threads they run.
[[nodiscard]] RefreshCoordinator::Ask asker(const FetchOptions& options);
[[nodiscard]] RefreshCoordinator::Revoke revoker(const FetchOptions& options);  // empty without a revocationUrl

}  // namespace ironjar::detail
