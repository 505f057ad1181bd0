// The life of one call: begun or withdrawn, completed, and what its answer means for the table and for who waits.
#include "base/completion.hpp"
#include "refresh/observed_refresh.hpp"
#include "refresh/policy.hpp"
#include "refresh/single_flight.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

// What a call that did not say shows of the endpoint.
EndpointState shownBy(const Result<TokenSet>& answer) {
  if (answer) return EndpointState::well;
  const Error& error = answer.error();
  if (error.end) return keepsCookie(*error.end) ? EndpointState::notAsked : EndpointState::well;
  switch (error.code) {
    case Errc::notAllowed:
      return EndpointState::refusesClient;
    case Errc::unreachable:
      return EndpointState::unreachable;
    default:
      return EndpointState::failing;
  }
}

}  // namespace

// The locks of two parts, or of the one that is both.
class SingleFlight::PartsLock {
 public:
  PartsLock(Part& one, Part& other, MonotonicTime now)
      : one_(one.mutex, std::defer_lock), other_(other.mutex, std::defer_lock) {
    if (&one == &other) {
      one_.lock();
    } else {
      std::lock(one_, other_);
    }
    one.states.age(now);
    other.states.age(now);
  }

 private:
  std::unique_lock<std::mutex> one_;
  std::unique_lock<std::mutex> other_;
};

bool SingleFlight::start(const Call& call, MonotonicTime now) {
  const bool mayBegin =
      withBreaker(call->client, [&](const CircuitBreaker& breaker) { return breaker.isValid(call->permit); });
  Part& part = partOf(call->key);
  auto lock = locked(part, now);
  if (mayBegin && !call->loggedOut && !call->waiters.empty()) {
    if (call->cause == RefreshCause::refused) part.meter.count(call->key, now);
    return true;
  }
  part.states.withdraw(call->key, now);
  const Error why = call->loggedOut ? signedOut() : laterBecause("the call was not made", soon);
  lock.unlock();
  withBreaker(call->client, [&](CircuitBreaker& breaker) { breaker.withdrawn(call->permit); });
  completeAll(*call, why);
  return false;
}

void SingleFlight::cancel(const Call& call, MonotonicTime now) {
  {
    Part& part = partOf(call->key);
    const auto lock = locked(part, now);
    const auto* entry = part.states.find(call->key);
    if (entry == nullptr || entry->inFlight != call) return;
    part.states.withdraw(call->key, now);
  }
  withBreaker(call->client, [&](CircuitBreaker& breaker) { breaker.withdrawn(call->permit); });
  completeAll(*call, fail(Errc::overloaded, "the call could not be made", soon));
}

std::optional<TokenSet> SingleFlight::complete(const Call& call, const RefreshAnswer& answer, MonotonicTime now) {
  const EndpointState endpoint = answer.endpoint.value_or(shownBy(answer.tokens));
  tellBreaker(*call, answer, endpoint, now);
  std::optional<TokenSet> fresh;
  if (answer.tokens) fresh = successorOf(call->spent, *answer.tokens);
  const TokenKey successor = fresh ? keyOf(call->client, fresh->refreshToken) : call->key;
  Result<TokenSet> result = signedOut();
  std::optional<Rotation> rotation;
  bool isOrphaned = false;
  {
    // Two that were linked at once, each to what leads to the other, would be a circle.
    std::unique_lock<std::mutex> linking(linking_, std::defer_lock);
    if (successor != call->key) linking.lock();
    const bool goesOn = leadsOn(successor, call->key, now);
    Part& part = partOf(call->key);
    const PartsLock lock(part, partOf(successor), now);
    isOrphaned = call->loggedOut.has_value();
    if (isOrphaned) {
      part.states.withdraw(call->key, now);
      // Once more: the call may have taken longer than the logout was remembered.
      part.states.logOut(call->key, *call->loggedOut, now);
    } else if (fresh) {
      rotation = rotate(*call, *fresh, successor, goesOn, now);
      result = *fresh;
    } else {
      result = failed(*call, answer, endpoint, now);
    }
  }
  if (rotation) boundChain(call->key, *rotation, now);
  completeAll(*call, result);
  if (!isOrphaned) return std::nullopt;
  return fresh ? std::move(fresh) : call->spent;
}

void SingleFlight::tellBreaker(const InFlightRefresh& call, const RefreshAnswer& answer, EndpointState endpoint,
                               MonotonicTime now) {
  TokenFailures failures;
  {
    Part& part = partOf(call.key);
    const auto lock = locked(part, now);
    failures = part.states.find(call.key)->failures;
  }
  withBreaker(call.client, [&](CircuitBreaker& breaker) {
    if (answer.tokens) breaker.succeeded(now);
    const bool isOwnError = endpoint == EndpointState::well && !answer.tokens && !answer.tokens.error().end;
    const bool isOfToken = isOwnError || endpoint == EndpointState::failing || endpoint == EndpointState::refusing;
    if (isOfToken && failures.failsBeside(breaker.lastSuccess())) return breaker.probedInVain(call.permit, now);
    if (isOwnError) return breaker.refusedToken(call.permit, call.key, now);
    breaker.ended(call.permit, call.key, endpoint, answer.retryAfter, now);
  });
}

// Whether a token that a call about `spent` has brought leads on to others, which are good for all that is known: a
// provider may give a token again that it has taken already. Not to `spent`, which would be a circle.
bool SingleFlight::leadsOn(const TokenKey& brought, const TokenKey& spent, MonotonicTime now) {
  TokenKey key = brought;
  for (std::size_t links = 0; links <= mostOfLogin && key != spent; ++links) {
    Part& part = partOf(key);
    const auto lock = locked(part, now);
    const auto* entry = part.states.find(key);
    if (entry && (entry->state == TokenState::retired || entry->state == TokenState::invalidGrant)) return false;
    if (entry == nullptr || entry->state != TokenState::rotated || entry->successor == key) return links > 0;
    key = entry->successor;
  }
  return false;
}

// With both parts' locks.
SingleFlight::Rotation SingleFlight::rotate(const InFlightRefresh& call, const TokenSet& fresh,
                                            const TokenKey& successor, bool leadsOn, MonotonicTime now) {
  Part& part = partOf(call.key);
  Part& next = partOf(successor);
  const std::size_t before = part.states.evicted() + next.states.evicted();
  const auto predecessor = part.states.find(call.key)->predecessor;
  if (successor != call.key) {
    next.states.issue(successor, call.key, leadsOn, now);
    next.meter.put(successor, part.meter.take(call.key));
  }
  part.states.rotate(call.key, fresh, successor, now);
  return {predecessor, part.states.evicted() + next.states.evicted() > before};
}

// Bounds what one login takes of the table: its chain leads for longestChain links and has mostOfLogin entries. If the
// rotation had other entries evicted, the login's own oldest one is evicted, too.
void SingleFlight::boundChain(TokenKey link, const Rotation& rotation, MonotonicTime now) {
  std::optional<TokenKey> before = rotation.predecessor;
  std::size_t links = 1;
  for (; before && links <= mostOfLogin; ++links) {
    Part& part = partOf(*before);
    const auto lock = locked(part, now);
    const auto* entry = part.states.find(*before);
    if (entry == nullptr || !entry->leadsTo(link)) break;
    link = *before;
    before = entry->predecessor;
    if (links == longestChain && entry->state == TokenState::rotated) part.states.retire(link, now);
  }
  const bool isOverMost = links > mostOfLogin;
  if (!isOverMost && (links == 1 || !rotation.hasCrowdedOut)) return;
  Part& part = partOf(link);
  const auto lock = locked(part, now);
  part.states.evict(link);
}

// With the lock of the token's part.
Error SingleFlight::failed(const InFlightRefresh& call, const RefreshAnswer& answer, EndpointState endpoint,
                           MonotonicTime now) {
  TokenStates& states = partOf(call.key).states;
  Error error = answer.tokens.error();
  if (error.end) {
    keepsCookie(*error.end) ? states.retire(call.key, now) : states.endGrant(call.key, now);
  } else if (endpoint == EndpointState::well || endpoint == EndpointState::failing ||
             endpoint == EndpointState::refusing) {
    const auto [success, others] = withBreaker(call.client, [&](const CircuitBreaker& breaker) {
      return std::pair(breaker.lastSuccess(), breaker.hasFailedOthers(call.key));
    });
    const unsigned ending = answer.mayBeOver ? states.countEnding(call.key) : 0;
    const bool isBeside = states.find(call.key)->failures.failsBeside(success) && ending >= failuresThatEndBeside;
    const bool isAlone = !others && ending >= failuresThatEnd;
    const bool isOver = answer.mayBeOver && (isBeside || isAlone);
    if (isOver) {
      states.endGrant(call.key, now);
      error = loginOver(RefreshEnd::invalidGrant, std::move(error.detail));
    } else {
      error.retryAfter = std::chrono::ceil<Seconds>(states.fail(call.key, answer.retryAfter, success, now) - now);
    }
  } else {
    states.withdraw(call.key, now);
    if (!error.retryAfter) error.retryAfter = std::clamp(answer.retryAfter.value_or(soon), soon, longestAsked);
  }
  const auto pause = withBreaker(call.client, [now](const CircuitBreaker& breaker) {
    return breaker.refusal(now, CircuitBreaker::Token::hasFailed);
  });
  if (pause && !error.end) {
    error.retryAfter =
        std::max(error.retryAfter.value_or(soon), std::min(std::chrono::ceil<Seconds>(*pause), longestAsked));
  }
  return error;
}

// Call it when the table no longer holds the call, so that no waiter can join. A waiter whose result cannot be copied
// for want of memory gets Errc::overloaded.
void SingleFlight::completeAll(InFlightRefresh& call, const Result<TokenSet>& result) noexcept {
  std::map<std::uint64_t, InFlightRefresh::Waiter> waiters;
  {
    const std::lock_guard lock(partOf(call.key).mutex);
    waiters.swap(call.waiters);
  }
  waiters_.fetch_sub(waiters.size());
  for (auto& [number, waiter] : waiters) {
    Result<NewTokens> its = fail(Errc::overloaded, {}, soon);
    try {
      its = result ? Result<NewTokens>(NewTokens{*result, waiter.by}) : result.error();
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): said above
    }
    completeSafely(waiter.done, std::move(its));
    waiter.done = nullptr;  // what it holds goes before the next one is told
  }
}

}  // namespace ironjar::detail
