#include "crypto/secret.hpp"
#include "refresh/circuit_breaker.hpp"
#include "refresh/in_flight.hpp"
#include "refresh/observed_refresh.hpp"
#include "refresh/refresh_meter.hpp"
#include "refresh/token_states.hpp"
#include "refresh/worker_pool.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <ironjar/coordinator.hpp>

namespace ironjar {
namespace {

using detail::CircuitBreaker;
using detail::InFlightRefresh;
using detail::successorOf;
using detail::TokenKey;
using detail::TokenState;

constexpr Seconds soon{1};  // what goes on without the request will have ended by then
constexpr Seconds longestFailing{600};
constexpr Seconds longestTold{600};

Error loginOver() { return fail(Errc::loginRequired, "signed out meanwhile, or spent long ago"); }

Error laterBecause(const char* why, MonotonicTime::duration pause) {
  return fail(Errc::refreshFailed, why, std::chrono::ceil<Seconds>(pause));
}

// What a call that did not say shows of the endpoint.
EndpointState shownBy(const Result<TokenSet>& answer) {
  if (answer) return EndpointState::well;
  switch (answer.error().code) {
    case Errc::expired:
      return EndpointState::well;
    case Errc::loginRequired:
      return EndpointState::notAsked;
    case Errc::notAllowed:
      return EndpointState::refusesClient;
    case Errc::unreachable:
      return EndpointState::unreachable;
    default:
      return EndpointState::failing;
  }
}

}  // namespace

class LocalCoordinator::State {
 public:
  explicit State(LocalCoordinatorOptions options)
      : options_(std::move(options)), states_(options_), meter_(options_), revoking_(1), calls_(options_.threads) {
    constexpr Seconds longest{1'000'000'000};
    const auto& o = options_;
    if (o.keepUnconfirmed > longest || o.threads == 0 || o.maxEntries == 0 || o.maxBytes == 0 || o.maxWaiters == 0 ||
        o.maxWaitersPerToken == 0 || o.refusedBurst == 0 || o.refusedBurst > 1'000'000 ||
        o.refusedInterval <= Seconds{0} || o.refusedInterval > Seconds{86'400} || o.keep <= Seconds{0} ||
        o.keepUnconfirmed < o.keep || !o.now) {
      throw std::invalid_argument(
          "ironjar: LocalCoordinatorOptions: numbers must be positive, functions set, and "
          "keepUnconfirmed no shorter than keep");
    }
    detail::random(processKey_.fill());
  }

  Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& tokens, From from,
                                         const RefreshContext& context) {
    const MonotonicTime now = options_.now();
    const TokenKey key = keyOf(client, tokens.refreshToken);
    const std::lock_guard lock(mutex_);
    if (from == From::cookie) states_.confirm(key, now);
    states_.age(now);
    if (!states_.knows(key)) return std::optional<TokenSet>();  // the usual case
    Newest newest = newestOf(key, tokens, context, now);
    if (newest.isOver()) return loginOver();
    const bool differs =
        newest.tokens.accessToken != tokens.accessToken || newest.tokens.refreshToken != tokens.refreshToken;
    const bool newer = differs && !isOlder(newest.tokens, tokens);
    return newer ? std::optional(std::move(newest.tokens)) : std::nullopt;
  }

  Result<NewTokens> refresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call,
                            Deadline deadline, const RefreshContext& context) {
    const MonotonicTime now = options_.now();
    const TokenKey key = keyOf(client, rejected.refreshToken);
    std::unique_lock lock(mutex_);
    Newest newest = newestOf(key, rejected, context, now);
    if (newest.isOver()) return loginOver();
    if (newest.state == TokenState::invalidGrant) return fail(Errc::expired, "the provider has ended this login");
    if (newest.tokens.accessToken != rejected.accessToken && !isOlder(newest.tokens, rejected)) {
      return NewTokens{std::move(newest.tokens), RefreshedBy::chain};
    }
    const std::shared_ptr<InFlightRefresh> current = newest.inFlight;
    if (current && current->loggedOut) return laterBecause("a call of a login that has ended is in flight", soon);
    if (waiters_ >= options_.maxWaiters || (current && current->waiters >= options_.maxWaitersPerToken)) {
      return fail(Errc::overloaded, "too many requests wait for a refresh", soon);
    }
    if (current) return wait(lock, *current, RefreshedBy::follower, deadline);
    const Result<std::shared_ptr<InFlightRefresh>> started = lead(client, std::move(newest), call, context, now);
    if (!started) return started.error();
    return wait(lock, **started, RefreshedBy::self, deadline);
  }

  CoordinatorStats stats() const {
    const MonotonicTime now = options_.now();
    const std::lock_guard lock(mutex_);
    const auto isOpen = [now](const auto& breaker) { return breaker.second.isOpen(now); };
    return {.tokens = states_.size(),
            .bytes = states_.bytes(),
            .waiters = waiters_,
            .openCircuits = static_cast<std::size_t>(std::count_if(breakers_.begin(), breakers_.end(), isOpen)),
            .evicted = states_.evicted()};
  }

  void end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke, const Logout& logout) {
    const MonotonicTime now = options_.now();
    const TokenKey key = keyOf(client, tokens.refreshToken);
    const std::lock_guard lock(mutex_);
    std::vector<TokenKey> path;
    Newest newest = newestOf(key, tokens, {.begun = logout.begun}, now, &path);
    if (newest.loggedOut) return;
    for (const TokenKey& spent : path) states_.logOut(spent, logout.at, now);
    states_.logOut(newest.key, logout.at, now);
    if (newest.state == TokenState::invalidGrant) return;  // nothing to revoke
    if (newest.inFlight) {
      newest.inFlight->loggedOut = true;
      newest.inFlight->revoke = revoke;
      return;
    }
    // With no thread to be had the tokens stay good until they end: the logout itself must not fail.
    const bool queued =
        revoke && revoking_.post([revoke, last = std::move(newest.tokens)] { revokeSafely(revoke, last); });
    static_cast<void>(queued);
  }

 private:
  struct Job {
    std::string client;
    TokenKey key;
    TokenSet spent;
    RefreshCall call;
    std::shared_ptr<InFlightRefresh> inFlight;
    CircuitBreaker::Permit permit;
  };

  // The end of a chain of successors, and how it stands with the last token.
  struct Newest {
    TokenSet tokens;
    TokenKey key;
    std::optional<TokenState> state = std::nullopt;  // nothing is known against it
    std::shared_ptr<InFlightRefresh> inFlight = nullptr;
    std::optional<detail::TokenFailures> failures = std::nullopt;
    bool loggedOut = false;

    [[nodiscard]] bool isOver() const { return loggedOut || state == TokenState::retired; }
  };

  // Without rotation a chain can end in tokens that were there before: another process may have refreshed since.
  static bool isOlder(const TokenSet& newest, const TokenSet& tokens) {
    return newest.refreshToken == tokens.refreshToken && newest.expiresAt && tokens.expiresAt &&
           *newest.expiresAt < *tokens.expiresAt;
  }

  // Under a key of this process: what the map holds says nothing about the tokens behind it, and nobody outside can
  // make two of them meet.
  TokenKey keyOf(std::string_view client, std::string_view refreshToken) const {
    detail::Scratch memory;
    const detail::MutableBytes message = memory.take(client.size() + 1 + refreshToken.size());
    const auto end = std::copy(client.begin(), client.end(), message.begin());
    *end = 0;
    std::copy(refreshToken.begin(), refreshToken.end(), end + 1);
    TokenKey key{};
    detail::siphash(key, processKey_.expose(), message);
    return key;
  }

  // Follows A→B→C from A.
  Newest newestOf(const TokenKey& key, const TokenSet& tokens, const RefreshContext& context, MonotonicTime now,
                  std::vector<TokenKey>* path = nullptr) {
    states_.age(now);
    Newest newest{.tokens = tokens, .key = key};
    TokenSet own = tokens;  // the newest on the way that are for the resource that is asked for
    while (true) {
      newest.loggedOut = states_.isLoggedOut(newest.key, context.begun);
      const auto* entry = newest.loggedOut ? nullptr : states_.find(newest.key);
      if (entry == nullptr) break;
      newest.inFlight = entry->inFlight;
      if (entry->failures.count > 0) newest.failures = entry->failures;
      if (entry->state != TokenState::rotated) {
        newest.state = entry->state;
        break;
      }
      newest.tokens = entry->tokens;
      if (newest.tokens.resource == own.resource) own = newest.tokens;
      if (entry->successor == newest.key) break;  // not rotated
      if (path) path->push_back(newest.key);
      newest.key = entry->successor;
    }
    const bool hasOwn = newest.tokens.resource != own.resource && own.accessToken != tokens.accessToken;
    if (hasOwn) newest.tokens = detail::caughtUp(std::move(own), newest.tokens);
    return newest;
  }

  // Why no call may be made for these tokens now.
  std::optional<Error> refusal(const CircuitBreaker& breaker, const Newest& newest, const RefreshContext& context,
                               MonotonicTime now) {
    const auto& failures = newest.failures;
    if (failures && now - failures->since >= longestFailing && breaker.lastWell() &&
        *breaker.lastWell() > failures->since) {
      return fail(Errc::loginRequired, "calls about this token have failed for ten minutes, others have not");
    }
    if (failures && now < failures->pauseUntil) {
      return laterBecause("the last call about this token has failed", failures->pauseUntil - now);
    }
    const auto pause =
        breaker.refusal(now, failures ? CircuitBreaker::Token::hasFailed : CircuitBreaker::Token::unknown);
    if (pause) return laterBecause("the token endpoint's circuit breaker is open", *pause);
    if (context.cause == RefreshCause::refused && !meter_.admits(newest.key, now)) {
      return fail(Errc::throttled, "this login was refreshed for a 401 too often");
    }
    return std::nullopt;
  }

  Result<std::shared_ptr<InFlightRefresh>> lead(std::string_view client, Newest newest, const RefreshCall& call,
                                                const RefreshContext& context, MonotonicTime now) {
    CircuitBreaker& breaker = breakers_[std::string(client)];
    if (auto refused = refusal(breaker, newest, context, now)) return *std::move(refused);
    const CircuitBreaker::Permit permit = breaker.begin();
    const auto inFlight = std::make_shared<InFlightRefresh>();
    states_.begin(newest.key, inFlight);
    bool started = false;
    try {
      started = start({std::string(client), newest.key, std::move(newest.tokens), call, inFlight, permit});
    } catch (...) {  // without memory, say: it must not seem to be in flight for ever
      started = false;
    }
    if (!started) {
      breaker.withdrawn(permit);
      states_.withdraw(newest.key, now);
      return fail(Errc::overloaded, "no thread could be had for the call", soon);
    }
    if (context.cause == RefreshCause::refused) meter_.count(newest.key, now);
    return inFlight;
  }

  Result<NewTokens> wait(std::unique_lock<std::mutex>& lock, InFlightRefresh& inFlight, RefreshedBy by,
                         Deadline deadline) {
    ++waiters_;
    ++inFlight.waiters;
    const bool completed = inFlight.completed.wait_until(lock, deadline, [&] { return inFlight.result.has_value(); });
    --inFlight.waiters;
    --waiters_;
    if (!completed) return laterBecause("the token endpoint has not answered by the deadline", soon);
    if (!*inFlight.result) return inFlight.result->error();
    return NewTokens{**inFlight.result, by};
  }

  bool start(Job job) {
    return calls_.post([this, job = std::move(job)] {
      if (isUnwanted(job)) {
        if (job.inFlight->loggedOut) revokeSafely(job.inFlight->revoke, job.spent);
        return;
      }
      const RefreshAnswer answer = callSafely(job);
      const MonotonicTime now = timeNow();
      std::optional<TokenSet> orphaned;
      {
        const std::lock_guard lock(mutex_);
        orphaned = complete(job, answer, now);
      }
      if (orphaned) revokeSafely(job.inFlight->revoke, *orphaned);
    });
  }

  // A call that has not begun need not be made when its login has ended, when nobody waits for it any more, or when the
  // breaker has opened meanwhile.
  bool isUnwanted(const Job& job) {
    const MonotonicTime now = timeNow();
    const std::lock_guard lock(mutex_);
    CircuitBreaker& breaker = breakers_[job.client];
    const bool wanted = job.inFlight->waiters > 0 && breaker.isValid(job.permit);
    if (wanted && !job.inFlight->loggedOut) return false;
    breaker.withdrawn(job.permit);
    states_.withdraw(job.key, now);
    job.inFlight->result.emplace(job.inFlight->loggedOut ? loginOver() : laterBecause("the call was not made", soon));
    job.inFlight->completed.notify_all();
    return true;
  }

  // What the application brought must not end the process from our threads.
  MonotonicTime timeNow() const {
    try {
      return options_.now();
    } catch (...) {
      return std::chrono::steady_clock::now();
    }
  }

  static void revokeSafely(const RevokeCall& revoke, const TokenSet& tokens) {
    try {
      if (revoke) revoke(tokens);
    } catch (...) {
      return;  // the login has ended all the same
    }
  }

  static RefreshAnswer callSafely(const Job& job) {
    try {
      return job.call(job.spent);
    } catch (...) {
      return {.tokens = fail(Errc::refreshFailed, "asking for tokens threw an exception")};
    }
  }

  // Applies the token endpoint's answer to the table and completes all waiters. Returns the new tokens if the login was
  // ended while the call was in flight: the caller must revoke them.
  std::optional<TokenSet> complete(const Job& job, const RefreshAnswer& answer, MonotonicTime now) {
    const EndpointState endpoint = answer.endpoint.value_or(shownBy(answer.tokens));
    breakers_[job.client].ended(job.permit, job.key, endpoint, answer.retryAfter, now);
    std::optional<TokenSet> orphaned;
    Result<TokenSet> result = loginOver();
    if (job.inFlight->loggedOut) {
      states_.withdraw(job.key, now);
      orphaned = answer.tokens ? successorOf(job.spent, *answer.tokens) : job.spent;
    } else if (answer.tokens) {
      const TokenSet fresh = successorOf(job.spent, *answer.tokens);
      const TokenKey successor = keyOf(job.client, fresh.refreshToken);
      states_.rotate(job.key, fresh, successor, now);
      meter_.follow(job.key, successor);
      result = fresh;
    } else {
      result = failed(job, answer, endpoint, now);
    }
    job.inFlight->result.emplace(std::move(result));
    job.inFlight->completed.notify_all();
    return orphaned;
  }

  Error failed(const Job& job, const RefreshAnswer& answer, EndpointState endpoint, MonotonicTime now) {
    Error error = answer.tokens.error();
    if (error.code == Errc::loginRequired) {
      states_.retire(job.key, now);
    } else if (error.code == Errc::expired) {
      states_.endGrant(job.key, now);
    } else if (endpoint == EndpointState::well || endpoint == EndpointState::failing ||
               endpoint == EndpointState::refusing) {
      error.retryAfter = std::chrono::ceil<Seconds>(states_.fail(job.key, answer.retryAfter, now) - now);
    } else {
      states_.withdraw(job.key, now);
      if (!error.retryAfter) error.retryAfter = std::clamp(answer.retryAfter.value_or(soon), soon, longestTold);
    }
    const auto pause = breakers_[job.client].refusal(now, CircuitBreaker::Token::hasFailed);
    const bool passes = error.code != Errc::expired && error.code != Errc::loginRequired;
    if (pause && passes)
      error.retryAfter = std::max(error.retryAfter.value_or(soon), std::chrono::ceil<Seconds>(*pause));
    return error;
  }

  const LocalCoordinatorOptions options_;
  detail::Secret<detail::siphashSize> processKey_;
  mutable std::mutex mutex_;
  detail::TokenStates states_;
  detail::RefreshMeter meter_;
  std::map<std::string, CircuitBreaker> breakers_;  // by client: one for each issuer that the application knows
  std::size_t waiters_ = 0;
  detail::WorkerPool revoking_;  // apart, so that a slow revocation endpoint holds up no refresh
  detail::WorkerPool calls_;     // last: its threads use all of the above
};

LocalCoordinator::LocalCoordinator(LocalCoordinatorOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
LocalCoordinator::~LocalCoordinator() = default;

Result<std::optional<TokenSet>> LocalCoordinator::newest(std::string_view client, const TokenSet& tokens, From from,
                                                         const RefreshContext& context) {
  return state_->newest(client, tokens, from, context);
}

Result<NewTokens> LocalCoordinator::refresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call,
                                            Deadline deadline, const RefreshContext& context) {
  return state_->refresh(client, rejected, call, deadline, context);
}

void LocalCoordinator::end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke,
                           const Logout& logout) {
  state_->end(client, tokens, revoke, logout);
}

CoordinatorStats LocalCoordinator::stats() const { return state_->stats(); }

}  // namespace ironjar
