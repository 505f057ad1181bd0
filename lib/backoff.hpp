// When a token endpoint may be asked again after it has failed: exponential backoff with full jitter, for one issuer
// and client. Not thread-safe: its owner guards it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include <ironjar/seal.hpp>

namespace ironjar::detail {

class Backoff {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  // Whether a call may start now. After a failure's pause one call may, as a probe; the others when it has succeeded.
  [[nodiscard]] bool admits(Time now);
  // How a call that was admitted ended. `jitter` is in [0, 1); what the server asked for is never shortened by it.
  void failed(Time now, std::optional<Seconds> retryAfter, double jitter);
  void succeeded() { *this = {}; }
  void withdrawn() { probing_ = false; }  // it was not made

 private:
  unsigned failures_ = 0;
  Time until_{};
  bool probing_ = false;
};

}  // namespace ironjar::detail
