// One refresh as a Fetcher and a RefreshService have it: for one resource, told to an observer.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <ironjar/refresh_service.hpp>

namespace ironjar::detail {

struct ObservedRefresh {
  std::shared_ptr<const TokenSource> source;
  std::string tag;  // whose it is, for the observer
  RefreshTrigger trigger = RefreshTrigger::request;
  RefreshContext context = {};
};

// Tokens newer than `rejected`, for the same resource. A call for another resource spends the refresh token just the
// same: what such calls bring is given to `keep`, and asked from in turn. `done` is called once, at once or later,
// after all others; nothing of the source is held any more then. Errors: RefreshCoordinator::refresh's.
void startRefreshObserved(ObservedRefresh refresh, const TokenSet& rejected, Deadline deadline,
                          std::function<void(const TokenSet&)> keep, RefreshHandler done);

// What a coordinator's newest tokens mean for a holder of `held`: they themselves, or, when they are for another
// resource, held ones with the newer refresh token.
[[nodiscard]] TokenSet caughtUp(TokenSet held, const TokenSet& newest);

// Whether `found` should replace `held`. Another refresh token is always newer. With the same one (a provider without
// rotation) `found` may be older, since another process may have refreshed meanwhile: then the expiry decides.
[[nodiscard]] bool isNewer(const TokenSet& found, const TokenSet& held);
// Whether `found` expires later. A provider may extend an access token without changing it.
[[nodiscard]] bool endsLater(const TokenSet& found, const TokenSet& held);

// The tokens that take the place of `spent` when `answer` came for them: what it leaves out goes on as it was.
[[nodiscard]] TokenSet successorOf(const TokenSet& spent, TokenSet answer);

}  // namespace ironjar::detail
