#include "refresh/circuit_breaker.hpp"

#include "refresh/policy.hpp"

#include <algorithm>

namespace ironjar::detail {
std::optional<CircuitBreaker::Duration> CircuitBreaker::refusal(MonotonicTime now, Token token) const {
  if (allowed_ == 0) return std::nullopt;
  const bool waitsForOthers = token == Token::hasFailed && isUnproven();
  const MonotonicTime from = waitsForOthers ? until_ + std::min<Duration>(pause_, headStart) : until_;
  if (now < from) return from - now;
  return probes_ < allowed_ ? std::nullopt : std::optional<Duration>(whileProbed);
}

CircuitBreaker::Permit CircuitBreaker::begin() {
  if (allowed_ > 0) ++probes_;
  return opened_;
}

void CircuitBreaker::ended(Permit permit, const TokenKey& token, EndpointState endpoint,
                           std::optional<Seconds> retryAfter, MonotonicTime now) {
  if (endpoint == EndpointState::notAsked) return withdrawn(permit);
  if (endpoint == EndpointState::well) return wasWell(permit, now);
  if (retryAfter == Seconds{0}) retryAfter.reset();  // or a date that has passed: it asks for nothing
  if (retryAfter) asked_ = std::max(asked_.value_or(Seconds{0}), std::min(*retryAfter, longestAsked));
  if (!isValid(permit)) return;
  if (std::find(failed_.begin(), failed_.end(), token) == failed_.end()) failed_.push_back(token);
  const bool concernsAll = endpoint == EndpointState::unreachable || endpoint == EndpointState::refusesClient;
  // asked_ holds pauses that were asked for single tokens: they do not count when the endpoint fails for all tokens.
  if (concernsAll) return open(endpoint, retryAfter, now);
  if (failed_.size() >= failuresThatOpen) return open(endpoint, asked_, now);
  if (allowed_ == 0) return;
  if (endpoint == EndpointState::failing) return open(endpoint, std::nullopt, now);
  withdrawn(permit);
}

void CircuitBreaker::wasWell(Permit permit, MonotonicTime now) {
  failed_.clear();
  asked_.reset();
  if (allowed_ == 0 || !isValid(permit)) return;
  if (allowed_ == 1) recoveredAt_ = now;
  if (probes_ > 0) --probes_;
  allowed_ = allowed_ >= callsThatClose ? 0 : allowed_ * 2;
  if (allowed_ == 0) probes_ = 0;
}

void CircuitBreaker::open(EndpointState why, std::optional<Seconds> asked, MonotonicTime now) {
  const bool refused = why == EndpointState::refusing || why == EndpointState::refusesClient;
  pause_ = asked ? std::clamp(*asked, shortestAsked, longestAsked) : refused ? pauseWhenRefused : pauseWhenDown;
  until_ = now + pause_;
  allowed_ = 1;
  probes_ = 0;
  failed_.clear();
  asked_.reset();
  ++opened_;
}

void CircuitBreaker::withdrawn(Permit permit) {
  if (isValid(permit) && probes_ > 0) --probes_;
}

}  // namespace ironjar::detail
