#include "refresh/circuit_breaker.hpp"

#include "refresh/policy.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

// How many different tokens there are then.
std::size_t add(std::vector<TokenKey>& tokens, const TokenKey& token) {
  if (std::find(tokens.begin(), tokens.end(), token) == tokens.end()) tokens.push_back(token);
  return tokens.size();
}

}  // namespace

// Whoever opened it may have tokens of no use, and come again and again: others must not wait for what those show.
std::optional<CircuitBreaker::Duration> CircuitBreaker::refusal(MonotonicTime now, Token token) const {
  if (allowed_ == 0) return std::nullopt;
  MonotonicTime from = until_;
  if (isUnproven() && token == Token::hasFailed) from += std::min<Duration>(pause_, headStart);
  if (!isUnproven() && token == Token::hasFailed) from = std::max(from, nextFailed_);
  if (isUnproven() && token == Token::unknown && !wasAsked_) from = std::min(from, nextUnknown_);
  if (now < from) return from - now;
  return probes_ < allowed_ ? std::nullopt : std::optional<Duration>(whileProbed);
}

CircuitBreaker::Permit CircuitBreaker::begin(Token token, MonotonicTime now) {
  if (allowed_ > 0) ++probes_;
  if (token == Token::unknown) nextUnknown_ = now + std::min<Duration>(pause_, betweenUnknown);
  return opened_;
}

void CircuitBreaker::ended(Permit permit, const TokenKey& token, EndpointState endpoint,
                           std::optional<Seconds> retryAfter, MonotonicTime now) {
  if (endpoint == EndpointState::notAsked) return withdrawn(permit);
  if (endpoint == EndpointState::well) return wasWell(permit, now);
  if (retryAfter == Seconds{0}) retryAfter.reset();  // or a date that has passed: it asks for nothing
  if (retryAfter) asked_ = std::max(asked_.value_or(Seconds{0}), std::min(*retryAfter, longestAsked));
  if (!isValid(permit)) return;
  const std::size_t failed = add(failed_, token);
  const bool concernsAll = endpoint == EndpointState::unreachable || endpoint == EndpointState::refusesClient;
  // asked_ holds pauses that were asked for single tokens: they do not count when the endpoint fails for all tokens.
  if (concernsAll) return open(endpoint, retryAfter, now);
  if (failed >= failuresThatOpen) return open(endpoint, asked_, now);
  if (allowed_ == 0) return;
  if (endpoint == EndpointState::failing) return open(endpoint, std::nullopt, now);
  probedInVain(permit, now);
}

void CircuitBreaker::refusedToken(Permit permit, const TokenKey& token, MonotonicTime now) {
  if (!isValid(permit)) return;
  if (add(refused_, token) >= refusalsThatOpen) return open(EndpointState::refusing, std::nullopt, now);
  failed_.clear();
  asked_.reset();
  if (allowed_ > 0) probedInVain(permit, now);
}

// One success among many failures does not prove much: tokens that failed before it count as failing beside others.
void CircuitBreaker::probedInVain(Permit permit, MonotonicTime now) {
  withdrawn(permit);
  if (isUnproven()) until_ = std::max(until_, now + pauseAfterProbe);
  if (++inVain_ >= failuresThatOpen) nextFailed_ = now + pauseAfterProbe;
}

void CircuitBreaker::wasWell(Permit permit, MonotonicTime now) {
  failed_.clear();
  refused_.clear();
  asked_.reset();
  inVain_ = 0;
  nextFailed_ = {};
  if (allowed_ == 0 || !isValid(permit)) return;
  if (allowed_ == 1) recoveredAt_ = now;
  if (probes_ > 0) --probes_;
  allowed_ = allowed_ >= callsThatClose ? 0 : allowed_ * 2;
  if (allowed_ == 0) probes_ = 0;
}

void CircuitBreaker::open(EndpointState why, std::optional<Seconds> asked, MonotonicTime now) {
  const bool refused = why == EndpointState::refusing || why == EndpointState::refusesClient;
  wasAsked_ = asked.has_value();
  pause_ = asked ? std::clamp(*asked, shortestAsked, longestAsked) : refused ? pauseWhenRefused : pauseWhenDown;
  until_ = now + pause_;
  if (allowed_ == 0) nextUnknown_ = now + std::min<Duration>(pause_, betweenUnknown);
  allowed_ = 1;
  probes_ = 0;
  inVain_ = 0;
  failed_.clear();
  refused_.clear();
  asked_.reset();
  ++opened_;
}

void CircuitBreaker::withdrawn(Permit permit) {
  if (isValid(permit) && probes_ > 0) --probes_;
}

}  // namespace ironjar::detail
