#include "backoff.hpp"
#include "detail/secret.hpp"
#include "detail/worker_pool.hpp"
#include "refreshing.hpp"
#include "succession.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <ironjar/refresh.hpp>

namespace ironjar {
namespace {

using detail::Fate;
using detail::Flight;
using detail::MonotonicTime;
using detail::successorOf;
using detail::TokenKey;

Error loginOver() { return fail(Errc::loginRequired, "signed out meanwhile, or spent long ago"); }

double randomFraction() {
  std::uint32_t bits = 0;
  detail::random({reinterpret_cast<unsigned char*>(&bits), sizeof bits});
  return bits / 4294967296.0;
}

}  // namespace

class LocalCoordinator::State {
 public:
  explicit State(LocalCoordinatorOptions options)
      : options_(std::move(options)), succession_(options_), revoking_(1), asking_(options_.threads) {
    constexpr Seconds longest{1'000'000'000};
    const auto& o = options_;
    if (o.keepUnconfirmed > longest || o.threads == 0 || o.maxEntries == 0 || o.maxBytes == 0 || o.maxWaiters == 0 ||
        o.maxWaitersPerToken == 0 || o.keep <= Seconds{0} || o.keepUnconfirmed < o.keep || !o.now || !o.jitter) {
      throw std::invalid_argument(
          "ironjar: LocalCoordinatorOptions: numbers must be positive, functions set, and "
          "keepUnconfirmed no shorter than keep");
    }
    detail::random(processKey_.fill());
  }

  Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& tokens, From from) {
    const MonotonicTime now = options_.now();
    const TokenKey key = keyOf(client, tokens.refreshToken);
    const std::lock_guard lock(mutex_);
    if (from == From::cookie) succession_.confirm(key, now);
    succession_.age(now);
    if (!succession_.find(key)) return std::optional<TokenSet>();  // the usual case
    Tip tip = tipOf(key, tokens, now);
    if (tip.fate == Fate::over || tip.fate == Fate::spent) return loginOver();
    const bool differs = tip.tokens.accessToken != tokens.accessToken || tip.tokens.refreshToken != tokens.refreshToken;
    const bool newer = differs && !isOlder(tip.tokens, tokens);
    return newer ? std::optional(std::move(tip.tokens)) : std::nullopt;
  }

  Result<Refreshed> refresh(std::string_view client, const TokenSet& rejected, const Ask& ask, Deadline deadline) {
    const MonotonicTime now = options_.now();
    const TokenKey key = keyOf(client, rejected.refreshToken);
    std::unique_lock lock(mutex_);
    Tip tip = tipOf(key, rejected, now);
    if (tip.fate == Fate::over || tip.fate == Fate::spent) return loginOver();
    if (tip.fate == Fate::dead) return fail(Errc::expired, "the provider has ended this login");
    if (tip.tokens.accessToken != rejected.accessToken && !isOlder(tip.tokens, rejected)) {
      return Refreshed{std::move(tip.tokens), RefreshedBy::chain};
    }

    std::shared_ptr<Flight> flight = tip.flight;
    const bool leads = flight == nullptr;
    if (waiters_ >= options_.maxWaiters || (flight && flight->waiters >= options_.maxWaitersPerToken)) {
      return fail(Errc::overloaded, "too many requests wait for a refresh");
    }
    if (leads) {
      detail::Backoff& gate = gates_[std::string(client)];
      const auto permit = gate.admit(now);
      if (!permit) return fail(Errc::refreshFailed, "the token endpoint has failed and is left alone for a while");
      flight = std::make_shared<Flight>();
      succession_.takeOff(tip.key, flight);
      if (!start({std::string(client), tip.key, std::move(tip.tokens), ask, flight, *permit})) {
        gate.withdrawn(*permit);
        succession_.forget(tip.key);
        return fail(Errc::overloaded, "no thread could be had for the call");
      }
    }
    return wait(lock, *flight, leads ? RefreshedBy::self : RefreshedBy::follower, deadline);
  }

  CoordinatorStats stats() const {
    const MonotonicTime now = options_.now();
    const std::lock_guard lock(mutex_);
    const auto isLeftAlone = [now](const auto& gate) { return gate.second.leavesAlone(now); };
    return {.tokens = succession_.size(),
            .bytes = succession_.bytes(),
            .waiters = waiters_,
            .endpointsLeftAlone = static_cast<std::size_t>(std::count_if(gates_.begin(), gates_.end(), isLeftAlone))};
  }

  void end(std::string_view client, const TokenSet& tokens, const Revoke& revoke) {
    const MonotonicTime now = options_.now();
    const TokenKey key = keyOf(client, tokens.refreshToken);
    const std::lock_guard lock(mutex_);
    std::vector<TokenKey> path;
    Tip tip = tipOf(key, tokens, now, &path);
    if (tip.fate == Fate::over) return;
    for (const TokenKey& spent : path) succession_.settle(spent, Fate::over, now);
    if (tip.fate == Fate::dead) return;  // nothing to revoke, but nobody is led to its tokens any more
    if (tip.flight) {
      tip.flight->loginOver = true;
      tip.flight->revoke = revoke;
      return;
    }
    succession_.settle(tip.key, Fate::over, now);
    // With no thread to be had the tokens stay good until they end: the logout itself must not fail.
    const bool queued =
        revoke && revoking_.post([revoke, last = std::move(tip.tokens)] { revokeSafely(revoke, last); });
    static_cast<void>(queued);
  }

 private:
  struct Job {
    std::string client;
    TokenKey key;
    TokenSet spent;
    Ask ask;
    std::shared_ptr<Flight> flight;
    detail::Backoff::Permit permit;
  };

  // The end of a chain of successors, and how it stands with the last token.
  struct Tip {
    TokenSet tokens;
    TokenKey key;
    Fate fate = Fate::succeeded;  // succeeded: nothing is known against it
    std::shared_ptr<Flight> flight;
  };

  // Without rotation a chain can end in tokens that were there before: another process may have refreshed since.
  static bool isOlder(const TokenSet& tip, const TokenSet& tokens) {
    return tip.refreshToken == tokens.refreshToken && tip.expiresAt && tokens.expiresAt &&
           *tip.expiresAt < *tokens.expiresAt;
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
  Tip tipOf(const TokenKey& key, const TokenSet& tokens, MonotonicTime now, std::vector<TokenKey>* path = nullptr) {
    succession_.age(now);
    Tip tip{tokens, key, Fate::succeeded, nullptr};
    TokenSet own = tokens;  // the newest on the way that are for the resource that is asked for
    while (const auto* entry = succession_.find(tip.key)) {
      tip.fate = entry->fate;
      tip.flight = entry->flight;
      if (tip.flight && tip.flight->loginOver) tip.fate = Fate::over;
      if (entry->fate != Fate::succeeded) break;
      tip.tokens = entry->tokens;
      if (tip.tokens.resource == own.resource) own = tip.tokens;
      if (entry->successor == tip.key) break;  // not rotated
      if (path) path->push_back(tip.key);
      tip.key = entry->successor;
    }
    const bool hasOwn = tip.tokens.resource != own.resource && own.accessToken != tokens.accessToken;
    if (hasOwn) tip.tokens = detail::caughtUp(std::move(own), tip.tokens);
    return tip;
  }

  Result<Refreshed> wait(std::unique_lock<std::mutex>& lock, Flight& flight, RefreshedBy by, Deadline deadline) {
    ++waiters_;
    ++flight.waiters;
    const bool landed = flight.landed.wait_until(lock, deadline, [&] { return flight.result.has_value(); });
    --flight.waiters;
    --waiters_;
    if (!landed) return fail(Errc::refreshFailed, "the token endpoint has not answered by the deadline");
    if (!*flight.result) return flight.result->error();
    return Refreshed{**flight.result, by};
  }

  bool start(Job job) {
    return asking_.post([this, job = std::move(job)] {
      if (isUnwanted(job)) return;
      const Asked asked = askSafely(job);
      const auto [now, jitter] = nowAndJitter();
      std::optional<TokenSet> unwanted;
      {
        const std::lock_guard lock(mutex_);
        unwanted = land(job, asked, now, jitter);
      }
      if (unwanted) revokeSafely(job.flight->revoke, *unwanted);
    });
  }

  // A call that has not begun need not be made when nobody waits for it any more, or when another has failed meanwhile.
  bool isUnwanted(const Job& job) {
    const std::lock_guard lock(mutex_);
    detail::Backoff& gate = gates_[job.client];
    const bool wanted = job.flight->loginOver || (job.flight->waiters > 0 && gate.isValid(job.permit));
    if (wanted) return false;
    gate.withdrawn(job.permit);
    succession_.forget(job.key);
    job.flight->result.emplace(fail(Errc::refreshFailed, "the call was not made"));
    job.flight->landed.notify_all();
    return true;
  }

  // What the application brought must not end the process from our threads.
  std::pair<MonotonicTime, double> nowAndJitter() const {
    try {
      return {options_.now(), options_.jitter()};
    } catch (...) {
      return {std::chrono::steady_clock::now(), 1.0};
    }
  }

  static void revokeSafely(const Revoke& revoke, const TokenSet& tokens) {
    try {
      if (revoke) revoke(tokens);
    } catch (...) {
      return;  // the login has ended all the same
    }
  }

  static Asked askSafely(const Job& job) {
    try {
      return job.ask(job.spent);
    } catch (...) {
      return {.tokens = fail(Errc::refreshFailed, "asking for tokens threw an exception")};
    }
  }

  // Tokens that are nobody's, because somebody signed out while the call was under way.
  std::optional<TokenSet> land(const Job& job, const Asked& asked, MonotonicTime now, double jitter) {
    const Result<TokenSet>& answer = asked.tokens;
    const bool answered = answer || answer.error().code == Errc::expired;
    detail::Backoff& gate = gates_[job.client];
    asked.endpointIsWell.value_or(answered) ? gate.succeeded() : gate.failed(job.permit, now, asked.retryAfter, jitter);

    std::optional<TokenSet> unwanted;
    Result<TokenSet> result = loginOver();
    if (job.flight->loginOver) {
      succession_.settle(job.key, Fate::over, now);
      unwanted = answer ? successorOf(job.spent, *answer) : job.spent;
    } else if (answer) {
      const TokenSet fresh = successorOf(job.spent, *answer);
      succession_.succeed(job.key, fresh, keyOf(job.client, fresh.refreshToken), now);
      result = fresh;
    } else if (answer.error().code == Errc::loginRequired) {
      succession_.settle(job.key, Fate::spent, now);
      result = answer.error();
    } else {
      answered ? succession_.settle(job.key, Fate::dead, now) : succession_.forget(job.key);
      result = answer.error();
    }
    job.flight->result.emplace(std::move(result));
    job.flight->landed.notify_all();
    return unwanted;
  }

  const LocalCoordinatorOptions options_;
  detail::Secret<detail::siphashSize> processKey_;
  mutable std::mutex mutex_;
  detail::Succession succession_;
  std::map<std::string, detail::Backoff> gates_;  // by client: one for each issuer that the application knows
  std::size_t waiters_ = 0;
  detail::WorkerPool revoking_;  // apart, so that a slow revocation endpoint holds up no refresh
  detail::WorkerPool asking_;    // last: its threads use all of the above
};

double LocalCoordinatorOptions::defaultJitter() { return randomFraction(); }

LocalCoordinator::LocalCoordinator(LocalCoordinatorOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
LocalCoordinator::~LocalCoordinator() = default;

Result<std::optional<TokenSet>> LocalCoordinator::newest(std::string_view client, const TokenSet& tokens, From from) {
  return state_->newest(client, tokens, from);
}

Result<Refreshed> LocalCoordinator::refresh(std::string_view client, const TokenSet& rejected, const Ask& ask,
                                            Deadline deadline) {
  return state_->refresh(client, rejected, ask, deadline);
}

void LocalCoordinator::end(std::string_view client, const TokenSet& tokens, const Revoke& revoke) {
  state_->end(client, tokens, revoke);
}

CoordinatorStats LocalCoordinator::stats() const { return state_->stats(); }

}  // namespace ironjar
