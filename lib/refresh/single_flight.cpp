#include "refresh/single_flight.hpp"

#include "refresh/observed_refresh.hpp"

#include <algorithm>
#include <stdexcept>

namespace ironjar::detail {
namespace {

constexpr Seconds soon{1};  // what goes on without the request will have ended by then
constexpr Seconds longestFailing{600};
constexpr Seconds longestAsked{600};

// Of a chain A to B to C …, the links that still lead a late request to the newest tokens. Older ones are only known as
// spent, and those before them not at all: a login takes a bounded part of the memory, following its chain a bounded
// time.
constexpr std::size_t longestChain = 16;
constexpr std::size_t mostOfLogin = 64;

// A table of less is not taken apart, so that its bounds are exact.
constexpr std::size_t parts = 16;
constexpr std::size_t leastEntries = 16'384;
constexpr std::size_t leastBytes = std::size_t{16} * 1024 * 1024;

Error signedOut() { return loginOver(RefreshEnd::loggedOut, "signed out meanwhile"); }

Error laterBecause(const char* why, MonotonicTime::duration pause) {
  return fail(Errc::refreshFailed, why, std::chrono::ceil<Seconds>(pause));
}

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

void requireValid(const LocalCoordinatorOptions& o) {
  constexpr Seconds longest{1'000'000'000};
  if (o.keepUnconfirmed > longest || o.threads == 0 || o.maxEntries == 0 || o.maxBytes == 0 || o.maxWaiters == 0 ||
      o.maxWaitersPerToken == 0 || o.refusedBurst == 0 || o.refusedBurst > 1'000'000 ||
      o.refusedInterval <= Seconds{0} || o.refusedInterval > Seconds{86'400} || o.keep <= Seconds{0} ||
      o.keepUnconfirmed < o.keep || !o.now) {
    throw std::invalid_argument(
        "ironjar: LocalCoordinatorOptions: numbers must be positive, functions set, and "
        "keepUnconfirmed no shorter than keep");
  }
}

}  // namespace

SingleFlight::SingleFlight(const LocalCoordinatorOptions& options)
    : maxWaiters_(options.maxWaiters), maxWaitersPerToken_(options.maxWaitersPerToken) {
  requireValid(options);
  random(processKey_.fill());
  const std::size_t count = options.maxEntries >= leastEntries && options.maxBytes >= leastBytes ? parts : 1;
  const std::size_t entries = options.maxEntries / count;
  while (parts_.size() < count) {
    parts_.push_back(std::make_unique<Part>(
        TokenStates::Options{options.keep, options.keepUnconfirmed, entries, options.maxBytes / count},
        RefreshMeter::Options{options.refusedBurst, options.refusedInterval, entries}));
  }
}

// Under a key of this process: what the table holds says nothing about the tokens behind it, and nobody outside can
// make two of them meet.
TokenKey SingleFlight::keyOf(std::string_view client, std::string_view refreshToken) const {
  Scratch memory;
  const MutableBytes message = memory.take(client.size() + 1 + refreshToken.size());
  const auto end = std::copy(client.begin(), client.end(), message.begin());
  *end = 0;
  std::copy(refreshToken.begin(), refreshToken.end(), end + 1);
  TokenKey key{};
  siphash(key, processKey_.expose(), message);
  return key;
}

std::unique_lock<std::mutex> SingleFlight::locked(Part& part, MonotonicTime now) {
  std::unique_lock lock(part.mutex);
  part.states.age(now);
  return lock;
}

// A place among those who may wait; given back, unless somebody waits there.
class SingleFlight::Place {
 public:
  Place(std::atomic<std::size_t>& taken, std::size_t most) : taken_(taken), isFree_(taken.fetch_add(1) < most) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    if (!isTaken_) taken_.fetch_sub(1);
  }
  [[nodiscard]] bool isFree() const { return isFree_; }
  void take() { isTaken_ = true; }

 private:
  std::atomic<std::size_t>& taken_;
  bool isFree_;
  bool isTaken_ = false;
};

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

std::optional<Error> SingleFlight::End::over() const {
  if (loggedOut) return signedOut();
  if (entry && entry->state == TokenState::retired) return loginOver(RefreshEnd::superseded, "spent long ago");
  return std::nullopt;
}

TokenSet SingleFlight::End::newest(const TokenSet& brought) const {
  const TokenSet& last = tokens ? *tokens : brought;
  const bool hasOwn = own && last.resource != brought.resource && own->accessToken != brought.accessToken;
  return hasOwn ? caughtUp(*own, last) : last;
}

// From A to the end of A→B→C. It ends: whenever a token is given a successor, that one has none.
SingleFlight::End SingleFlight::follow(const TokenKey& key, const TokenSet& tokens, std::optional<TimePoint> begun,
                                       MonotonicTime now, std::vector<TokenKey>* path) {
  End end{.key = key};
  while (true) {
    end.part = &partOf(end.key);
    end.lock = locked(*end.part, now);
    const TokenStates& states = end.part->states;
    end.loggedOut = states.isLoggedOut(end.key, begun);
    end.entry = end.loggedOut ? nullptr : states.find(end.key);
    if (end.entry == nullptr || end.entry->state != TokenState::rotated) return end;
    end.tokens = end.entry->tokens;
    if (end.tokens->resource == tokens.resource) end.own = end.tokens;
    if (end.entry->successor == end.key) return end;  // not rotated
    if (path) path->push_back(end.key);
    end.key = end.entry->successor;
    end.lock.unlock();
  }
}

Result<std::optional<TokenSet>> SingleFlight::newest(std::string_view client, const TokenSet& tokens,
                                                     RefreshCoordinator::From from, const RefreshContext& context,
                                                     MonotonicTime now) {
  const TokenKey key = keyOf(client, tokens.refreshToken);
  std::optional<TokenKey> toConfirm;
  bool isNewest = false;
  {
    Part& part = partOf(key);
    const auto lock = locked(part, now);
    const auto* entry = part.states.find(key);
    const bool isFromCookie = from == RefreshCoordinator::From::cookie;
    if (entry && isFromCookie && !entry->wasBrought) toConfirm = part.states.bring(key, now);
    isNewest = (!entry || entry->state == TokenState::issued) && !part.states.isLoggedOut(key, context.begun);
  }
  confirm(toConfirm, key, now);
  if (isNewest) return std::optional<TokenSet>();  // the usual case
  const End end = follow(key, tokens, context.begun, now);
  if (auto over = end.over()) return *std::move(over);
  if (!end.tokens) return std::optional<TokenSet>();
  TokenSet newest = end.newest(tokens);
  return isNewer(newest, tokens) ? std::optional(std::move(newest)) : std::nullopt;
}

// Back along the chain: who brings C has B's cookie no more.
void SingleFlight::confirm(std::optional<TokenKey> key, TokenKey successor, MonotonicTime now) {
  while (key) {
    Part& part = partOf(*key);
    const auto lock = locked(part, now);
    const auto before = part.states.confirm(*key, successor, now);
    successor = *key;
    key = before;
  }
}

SingleFlight::Decision SingleFlight::request(std::string_view client, const TokenSet& rejected,
                                             const RefreshContext& context, RefreshCompletion done, MonotonicTime now) {
  End end = follow(keyOf(client, rejected.refreshToken), rejected, context.begun, now);
  if (auto over = end.over()) return *std::move(over);
  if (end.entry && end.entry->state == TokenState::invalidGrant) {
    return loginOver(RefreshEnd::invalidGrant, "the provider has ended this login");
  }
  if (end.tokens) {
    TokenSet newest = end.newest(rejected);
    const bool isOther = newest.accessToken != rejected.accessToken;
    // What an API has refused is not better for ending later.
    if (isOther ? isNewer(newest, rejected) : context.cause == RefreshCause::ended && endsLater(newest, rejected)) {
      return NewTokens{std::move(newest), RefreshedBy::chain};
    }
  }
  const Call current = end.entry ? end.entry->inFlight : nullptr;
  if (current && current->loggedOut) return laterBecause("a call of a login that has ended is in flight", soon);
  if (current && current->waiters.size() >= maxWaitersPerToken_) {
    return fail(Errc::overloaded, "too many requests wait for this refresh", soon);
  }
  Place place(waiters_, maxWaiters_);
  if (!place.isFree()) return fail(Errc::overloaded, "too many requests wait for a refresh", soon);
  if (current) {
    Waiting waiting = join(current, RefreshedBy::follower, std::move(done));
    place.take();
    return waiting;
  }
  Decision decision = lead(client, end, rejected, context.cause, std::move(done), now);
  if (std::holds_alternative<Waiting>(decision)) place.take();
  return decision;
}

SingleFlight::Waiting SingleFlight::join(const Call& call, RefreshedBy by, RefreshCompletion done) {
  const std::uint64_t number = ++numbers_;
  call->waiters.push_back({number, by, std::move(done)});
  return {call, number, by == RefreshedBy::self};
}

SingleFlight::Decision SingleFlight::lead(std::string_view client, End& end, const TokenSet& rejected,
                                          RefreshCause cause, RefreshCompletion done, MonotonicTime now) {
  const auto call = std::make_shared<InFlightRefresh>(
      InFlightRefresh{.client = std::string(client), .key = end.key, .spent = end.newest(rejected), .cause = cause});
  const Waiting waiting = join(call, RefreshedBy::self, std::move(done));
  return withBreaker(call->client, [&](CircuitBreaker& breaker) -> Decision {
    if (auto why = refusal(breaker, end, cause, now)) return Result<NewTokens>(*std::move(why));
    end.part->states.begin(end.key, call);
    call->permit = breaker.begin();  // last: it cannot throw
    return waiting;
  });
}

// Why no call may be made about the token at the end now.
std::optional<Error> SingleFlight::refusal(const CircuitBreaker& breaker, const End& end, RefreshCause cause,
                                           MonotonicTime now) {
  const TokenFailures failures = end.entry ? end.entry->failures : TokenFailures();
  const bool hasFailed = failures.count > 0;
  if (hasFailed && now - failures.since >= longestFailing && breaker.lastWell() &&
      *breaker.lastWell() > failures.since) {
    return loginOver(RefreshEnd::failing, "calls about this token have failed for ten minutes, others have not");
  }
  if (hasFailed && now < failures.pauseUntil) {
    return laterBecause("the last call about this token has failed", failures.pauseUntil - now);
  }
  const auto pause =
      breaker.refusal(now, hasFailed ? CircuitBreaker::Token::hasFailed : CircuitBreaker::Token::unknown);
  if (pause) return laterBecause("the token endpoint's circuit breaker is open", *pause);
  if (cause == RefreshCause::refused && !end.part->meter.admits(end.key, now)) {
    return fail(Errc::throttled, "this login was refreshed for a 401 too often");
  }
  return std::nullopt;
}

bool SingleFlight::leave(const Waiting& waiting) {
  RefreshCompletion done;  // destroyed without the lock
  const std::lock_guard lock(partOf(waiting.call->key).mutex);
  auto& waiters = waiting.call->waiters;
  const auto found =
      std::find_if(waiters.begin(), waiters.end(), [&](const auto& waiter) { return waiter.number == waiting.number; });
  if (found == waiters.end()) return false;
  done = std::move(found->done);
  waiters.erase(found);
  waiters_.fetch_sub(1);
  return true;
}

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
    part.states.withdraw(call->key, now);
  }
  withBreaker(call->client, [&](CircuitBreaker& breaker) { breaker.withdrawn(call->permit); });
  completeAll(*call, fail(Errc::overloaded, "no thread could be had for the call", soon));
}

std::optional<TokenSet> SingleFlight::complete(const Call& call, const RefreshAnswer& answer, MonotonicTime now) {
  const EndpointState endpoint = answer.endpoint.value_or(shownBy(answer.tokens));
  withBreaker(call->client, [&](CircuitBreaker& breaker) {
    breaker.ended(call->permit, call->key, endpoint, answer.retryAfter, now);
  });
  std::optional<TokenSet> fresh;
  if (answer.tokens) fresh = successorOf(call->spent, *answer.tokens);
  const TokenKey successor = fresh ? keyOf(call->client, fresh->refreshToken) : call->key;
  Result<TokenSet> result = signedOut();
  std::optional<Rotation> rotation;
  bool isOrphaned = false;
  {
    Part& part = partOf(call->key);
    const PartsLock lock(part, partOf(successor), now);
    isOrphaned = call->loggedOut;
    if (isOrphaned) {
      part.states.withdraw(call->key, now);
    } else if (fresh) {
      rotation = rotate(*call, *fresh, successor, now);
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

// With both parts' locks.
SingleFlight::Rotation SingleFlight::rotate(const InFlightRefresh& call, const TokenSet& fresh,
                                            const TokenKey& successor, MonotonicTime now) {
  Part& part = partOf(call.key);
  Part& next = partOf(successor);
  const std::size_t before = part.states.evicted() + next.states.evicted();
  const auto predecessor = part.states.find(call.key)->predecessor;
  if (successor != call.key) {
    next.states.issue(successor, call.key, now);
    next.meter.put(successor, part.meter.take(call.key));
  }
  part.states.rotate(call.key, fresh, successor, now);
  return {predecessor, part.states.evicted() + next.states.evicted() > before};
}

// A login that has crowded others' tokens out loses its own oldest too.
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
    error.retryAfter = std::chrono::ceil<Seconds>(states.fail(call.key, answer.retryAfter, now) - now);
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

// Of a call that is not in the table any more. Who cannot be given a result for want of memory is given that.
void SingleFlight::completeAll(InFlightRefresh& call, const Result<TokenSet>& result) noexcept {
  std::vector<InFlightRefresh::Waiter> waiters;
  {
    const std::lock_guard lock(partOf(call.key).mutex);
    waiters.swap(call.waiters);
  }
  waiters_.fetch_sub(waiters.size());
  for (const auto& waiter : waiters) {
    try {
      waiter.done(result ? Result<NewTokens>(NewTokens{*result, waiter.by}) : result.error());
    } catch (const std::bad_alloc&) {
      waiter.done(Error{Errc::overloaded, {}, soon});
    }
  }
}

std::optional<TokenSet> SingleFlight::end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke,
                                          const Logout& logout, MonotonicTime now) {
  std::vector<TokenKey> path;
  std::optional<TokenSet> last;
  {
    const End end = follow(keyOf(client, tokens.refreshToken), tokens, logout.begun, now, &path);
    if (end.loggedOut) return std::nullopt;
    const bool isInFlight = end.entry && end.entry->inFlight;
    const bool isInvalid = end.entry && end.entry->state == TokenState::invalidGrant;  // nothing to revoke
    if (isInFlight) {
      end.entry->inFlight->loggedOut = true;
      end.entry->inFlight->revoke = revoke;
    } else if (!isInvalid) {
      last = end.newest(tokens);
    }
    end.part->states.logOut(end.key, logout.at, now);
  }
  for (const TokenKey& spent : path) {
    Part& part = partOf(spent);
    const auto lock = locked(part, now);
    part.states.logOut(spent, logout.at, now);
  }
  return last;
}

CoordinatorStats SingleFlight::stats(MonotonicTime now) {
  CoordinatorStats stats{.waiters = waiters_};
  for (const auto& part : parts_) {
    const auto lock = locked(*part, now);
    stats.tokens += part->states.size();
    stats.bytes += part->states.bytes();
    stats.evicted += part->states.evicted();
  }
  const std::lock_guard lock(breakersMutex_);
  stats.openCircuits = static_cast<std::size_t>(std::count_if(
      breakers_.begin(), breakers_.end(), [now](const auto& breaker) { return breaker.second.isOpen(now); }));
  return stats;
}

}  // namespace ironjar::detail
