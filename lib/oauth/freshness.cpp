#include "oauth/freshness.hpp"

#include "oauth/policy.hpp"

namespace ironjar::detail {

bool Freshness::serves(MonotonicTime now) const { return documentsOf_ && now - *documentsOf_ < oldestDocument; }

Freshness::Step Freshness::ask(Wanted wanted, MonotonicTime now) {
  const bool isThere = serves(now);
  if (isAsked_) return isThere && wanted == Wanted::any ? Step::use : Step::wait;
  if (!isThere && failedAt_ && now - *failedAt_ < documentPause) return Step::refuse;
  if (isThere) {
    const bool isFresh = now - *documentsOf_ <= keep_ && wanted == Wanted::any;
    if (isFresh) return Step::use;
    if (now - *askedAt_ < documentInterval) return wanted == Wanted::newer && failedAt_ ? Step::refuse : Step::use;
  }
  isAsked_ = true;
  askedAt_ = now;
  return Step::fetch;
}

void Freshness::fetched(bool isThere, MonotonicTime now) {
  isAsked_ = false;
  failedAt_ = isThere ? std::nullopt : std::optional(now);
  if (isThere) documentsOf_ = askedAt_;
}

}  // namespace ironjar::detail
