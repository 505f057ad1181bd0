#include "backoff.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

constexpr Seconds base{1};
constexpr Seconds longest{60};
constexpr Seconds longestAsked{600};  // what a Retry-After may ask for
constexpr unsigned doublings = 6;     // 2^6 s is past the longest

}  // namespace

bool Backoff::admits(Time now) {
  if (failures_ == 0) return true;
  if (now < until_ || probing_) return false;
  probing_ = true;
  return true;
}

void Backoff::failed(Time now, std::optional<Seconds> retryAfter, double jitter) {
  const Seconds ceiling = std::min(longest, base * (1U << std::min(failures_, doublings)));
  const Duration pause = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(ceiling) * jitter);
  const Duration asked = std::clamp(retryAfter.value_or(Seconds{0}), Seconds{0}, longestAsked);
  until_ = std::max(until_, now + std::max(pause, asked));
  ++failures_;
  probing_ = false;
}

}  // namespace ironjar::detail
