#include "backoff.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

constexpr Seconds base{1};
constexpr Seconds longest{60};
constexpr Seconds longestAsked{600};  // what a Retry-After may ask for
constexpr unsigned doublings = 6;     // 2^6 s is past the longest

}  // namespace

std::optional<Backoff::Permit> Backoff::admit(Time now) {
  if (failures_ == 0) return counted_;
  if (now < until_ || probing_) return std::nullopt;
  probing_ = true;
  return counted_;
}

void Backoff::failed(Permit permit, Time now, std::optional<Seconds> retryAfter, double jitter) {
  const Duration asked = std::clamp(retryAfter.value_or(Seconds{0}), Seconds{0}, longestAsked);
  until_ = std::max(until_, now + asked);
  if (!isValid(permit)) return;
  const Seconds ceiling = std::min(longest, base * (1U << std::min(failures_, doublings)));
  const auto pause = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(ceiling) * jitter);
  until_ = std::max(until_, now + pause);
  ++failures_;
  ++counted_;
  probing_ = false;
}

void Backoff::succeeded() {
  failures_ = 0;
  until_ = {};
  probing_ = false;
}

void Backoff::withdrawn(Permit permit) {
  if (isValid(permit)) probing_ = false;
}

}  // namespace ironjar::detail
