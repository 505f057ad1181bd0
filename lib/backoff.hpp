// When a token endpoint may be asked again after it has failed: exponential backoff with full jitter, for one issuer
// and client. Not thread-safe: its owner guards it.
#pragma once

#include <chrono>
#include <optional>

#include <ironjar/seal.hpp>

namespace ironjar::detail {

class Backoff {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;
  using Permit = unsigned;  // how many failures there had been

  // A permit when a call may start now. After a failure's pause one call may, as a probe; the others when it has
  // succeeded.
  [[nodiscard]] std::optional<Permit> admit(Time now);
  [[nodiscard]] bool leavesAlone(Time now) const { return failures_ > 0 && (now < until_ || probing_); }
  // Whether no call has failed since.
  [[nodiscard]] bool isValid(Permit permit) const { return permit == counted_; }

  // How the call ended. Calls that were under way together fail together: they count once. `jitter` is in [0, 1); what
  // the server asked for is never shortened by it.
  void failed(Permit permit, Time now, std::optional<Seconds> retryAfter, double jitter);
  void succeeded();
  void withdrawn(Permit permit);  // it was not made

 private:
  Permit counted_ = 0;
  unsigned failures_ = 0;  // in a row
  Time until_{};
  bool probing_ = false;
};

}  // namespace ironjar::detail
