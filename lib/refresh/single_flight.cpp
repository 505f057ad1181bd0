#include "refresh/single_flight.hpp"

#include "refresh/observed_refresh.hpp"
#include "refresh/policy.hpp"

#include <algorithm>
#include <stdexcept>

namespace ironjar::detail {
namespace {

void requireValid(const LocalCoordinatorOptions& o) {
  if (o.keepUnconfirmed > longestTime || o.threads == 0 || o.maxCalls == 0 || o.maxEntries == 0 || o.maxBytes == 0 ||
      o.maxWaiters == 0 || o.maxWaitersPerToken == 0 || o.refusedBurst == 0 || o.refusedBurst > 1'000'000 ||
      o.refusedInterval <= Seconds{0} || o.refusedInterval > Seconds{86'400} || o.keep <= Seconds{0} ||
      o.keepUnconfirmed < o.keep || !o.now) {
    throw std::invalid_argument(
        "ironjar: LocalCoordinatorOptions: numbers must be positive, functions set, and "
        "keepUnconfirmed no shorter than keep");
  }
}

CircuitBreaker::Token kindOf(bool hasFailed) {
  return hasFailed ? CircuitBreaker::Token::hasFailed : CircuitBreaker::Token::unknown;
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

std::optional<Error> SingleFlight::End::over() const {
  if (loggedOut) return signedOut();
  if (entry && entry->state == TokenState::retired) return loginOver(RefreshEnd::superseded, "spent long ago");
  return std::nullopt;
}

// In a large table each read of another place is a cache miss, so two are begun before they are needed: of the slot
// before the lock is had, and of the successor's slot, in whatever part, before this token's successor is read.
SingleFlight::End SingleFlight::look(const TokenKey& key, std::optional<TimePoint> begun, MonotonicTime now) {
  Part& part = partOf(key);
  part.states.prefetch(hashOf(key));
  End end{.key = key, .part = &part, .lock = locked(part, now)};
  end.loggedOut = part.states.isLoggedOut(key, begun);
  if (end.loggedOut) return end;
  const TokenStates::Link link = part.states.look(key);
  if (link.rotated) partOf(link.successor).states.prefetch(link.successor);
  end.entry = link.entry;
  end.rotated = link.rotated;
  return end;
}

// From A to the end of A→B→C. It ends: a token is given no successor that leads back to it (leadsOn).
void SingleFlight::follow(End& end, std::optional<TokenSet>& newest, const TokenSet& tokens,
                          std::optional<TimePoint> begun, MonotonicTime now, std::vector<TokenKey>* path) {
  std::optional<TokenSet> own;  // the last ones for the resource that is asked for, where others came after them
  while (end.rotated) {
    if (newest && newest->resource == tokens.resource) std::swap(own, newest);
    end.rotated->copyTo(newest ? *newest : newest.emplace());
    const TokenKey next = end.rotated->successor();
    if (next == end.key) break;  // not rotated
    if (path) path->push_back(end.key);
    end.lock.unlock();
    end = look(next, begun, now);
  }
  const bool hasOwn = own && newest->resource != tokens.resource && own->accessToken != tokens.accessToken;
  if (hasOwn) newest = caughtUp(*std::move(own), *newest);
}

Result<std::optional<TokenSet>> SingleFlight::newest(std::string_view client, const TokenSet& tokens,
                                                     RefreshCoordinator::From from, const RefreshContext& context,
                                                     MonotonicTime now) {
  Result<std::optional<TokenSet>> newest = std::optional<TokenSet>();
  const TokenKey key = keyOf(client, tokens.refreshToken);
  End end = look(key, context.begun, now);
  if (!end.entry && !end.rotated && !end.loggedOut) return newest;  // the usual case
  const bool isFirst = from == RefreshCoordinator::From::cookie && end.entry && !end.entry->wasBrought;
  const auto toConfirm = isFirst ? end.part->states.bring(key, now) : std::nullopt;
  follow(end, *newest, tokens, context.begun, now);
  auto over = end.over();
  end.lock.unlock();
  confirm(toConfirm, key, now);
  if (over) return *std::move(over);
  if (*newest && !isNewer(**newest, tokens)) newest->reset();
  return newest;
}

// Confirms the chain backwards: a browser that sends C's cookie has replaced B's, so A and B need not be kept long.
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
                                             const RefreshContext& context, RefreshHandler done, MonotonicTime now) {
  End end = look(keyOf(client, rejected.refreshToken), context.begun, now);
  std::optional<TokenSet> newest;
  follow(end, newest, rejected, context.begun, now);
  if (auto over = end.over()) return *std::move(over);
  if (end.entry && end.entry->state == TokenState::invalidGrant) {
    return loginOver(RefreshEnd::invalidGrant, "the provider has ended this login");
  }
  if (newest) {
    const bool isOther = newest->accessToken != rejected.accessToken;
    // The same access token with a later expiry does not help a request whose access token the API has refused.
    if (isOther ? isNewer(*newest, rejected) : context.cause == RefreshCause::ended && endsLater(*newest, rejected)) {
      return NewTokens{*std::move(newest), RefreshedBy::chain};
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
  Decision decision = lead(client, end, newest.value_or(rejected), context.cause, std::move(done), now);
  if (std::holds_alternative<Waiting>(decision)) place.take();
  return decision;
}

SingleFlight::Waiting SingleFlight::join(const Call& call, RefreshedBy by, RefreshHandler done) {
  const std::uint64_t number = ++numbers_;
  call->waiters.emplace(number, InFlightRefresh::Waiter{by, std::move(done)});
  return {call, number, by == RefreshedBy::self};
}

SingleFlight::Decision SingleFlight::lead(std::string_view client, End& end, const TokenSet& spent, RefreshCause cause,
                                          RefreshHandler done, MonotonicTime now) {
  const auto call = std::make_shared<InFlightRefresh>(
      InFlightRefresh{.client = std::string(client), .key = end.key, .spent = spent, .cause = cause});
  const Waiting waiting = join(call, RefreshedBy::self, std::move(done));
  return withBreaker(call->client, [&](CircuitBreaker& breaker) -> Decision {
    if (auto why = refusal(breaker, end, cause, now)) return Result<NewTokens>(*std::move(why));
    const bool hasFailed = end.entry && end.entry->failures.count > 0;
    end.part->states.begin(end.key, call);
    call->permit = breaker.begin(kindOf(hasFailed), now);  // last: it cannot throw
    return waiting;
  });
}

// Why no call may be made about the token at the end now.
std::optional<Error> SingleFlight::refusal(const CircuitBreaker& breaker, const End& end, RefreshCause cause,
                                           MonotonicTime now) {
  const TokenFailures failures = end.entry ? end.entry->failures : TokenFailures();
  const bool hasFailed = failures.count > 0;
  const auto& alone = failures.besideOthers;
  if (alone && failures.last - *alone >= longestFailing && breaker.lastSuccess() >= *alone) {
    return loginOver(RefreshEnd::failing, "calls about this token have failed for ten minutes, others have not");
  }
  // In an outage of the endpoint the breaker alone decides who asks again, and when; but for what the endpoint asked
  // for.
  const bool isOfOutage = breaker.isUnproven() || breaker.recoveredAt() >= failures.last;
  if (hasFailed && (failures.wasAsked || !isOfOutage) && now < failures.pauseUntil) {
    return laterBecause("the last call about this token has failed", failures.pauseUntil - now);
  }
  const auto pause = breaker.refusal(now, kindOf(hasFailed));
  if (pause) return laterBecause("the token endpoint's circuit breaker is open", *pause);
  if (cause == RefreshCause::refused && !end.part->meter.admits(end.key, now)) {
    return fail(Errc::throttled, "this login was refreshed for a 401 too often");
  }
  return std::nullopt;
}

bool SingleFlight::leave(const Waiting& waiting) {
  decltype(waiting.call->waiters)::node_type left;  // destroyed without the lock
  const std::lock_guard lock(partOf(waiting.call->key).mutex);
  left = waiting.call->waiters.extract(waiting.number);
  if (left.empty()) return false;
  waiters_.fetch_sub(1);
  return true;
}

std::vector<TokenKey> SingleFlight::leadingTo(const TokenKey& key, MonotonicTime now) {
  std::vector<TokenKey> path;
  std::optional<TokenKey> link;
  for (std::optional<TokenKey> at = key; at && path.size() < mostOfLogin;) {
    Part& part = partOf(*at);
    const auto lock = locked(part, now);
    const auto* entry = part.states.find(*at);
    if (entry == nullptr || (link && !entry->leadsTo(*link))) break;
    if (link) path.push_back(*at);
    link = at;
    at = entry->predecessor;
  }
  return path;
}

std::optional<TokenSet> SingleFlight::end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke,
                                          const Logout& logout, MonotonicTime now) {
  const TokenKey key = keyOf(client, tokens.refreshToken);
  // Those before it are forgotten sooner than the logout.
  std::vector<TokenKey> path = leadingTo(key, now);
  std::optional<TokenSet> last;
  TimePoint endedAt = logout.at;
  TokenKey newestKey{};
  {
    End end = look(key, logout.begun, now);
    std::optional<TokenSet> newest;
    follow(end, newest, tokens, logout.begun, now, &path);
    // Of tokens that were spent long ago it is still known where they led.
    while (end.entry && end.entry->state == TokenState::retired && end.entry->successor != TokenKey{} &&
           path.size() <= mostOfLogin) {
      const TokenKey next = end.entry->successor;
      path.push_back(end.key);
      end.lock.unlock();
      end = look(next, logout.begun, now);
      follow(end, newest, tokens, logout.begun, now, &path);
    }
    newestKey = end.key;
    const bool isInFlight = end.entry && end.entry->inFlight;
    const bool isInvalid = end.entry && end.entry->state == TokenState::invalidGrant;  // nothing to revoke
    if (end.loggedOut) {
      endedAt = end.part->states.renewLogout(end.key, now);  // no session that began since the first time
    } else {
      if (isInFlight) {
        end.entry->inFlight->loggedOut = logout.at;
        end.entry->inFlight->revoke = revoke;
      } else if (!isInvalid) {
        last = newest.value_or(tokens);
      }
      end.part->states.logOut(end.key, logout.at, now);
    }
  }
  logOutSpent(path, newestKey, endedAt, now);
  return last;
}

void SingleFlight::logOutSpent(const std::vector<TokenKey>& path, const TokenKey& newest, TimePoint endedAt,
                               MonotonicTime now) {
  if (path.empty()) return;
  for (const TokenKey& spent : path) {
    Part& part = partOf(spent);
    const auto lock = locked(part, now);
    part.states.logOut(spent, endedAt, now);
  }
  Part& part = partOf(newest);
  const auto lock = locked(part, now);
  if (part.states.isLoggedOut(newest, std::nullopt)) {
    part.states.renewLogout(newest, now);
  } else {
    part.states.logOut(newest, endedAt, now);
  }
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
