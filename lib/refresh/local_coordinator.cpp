#include "base/worker_pool.hpp"
#include "refresh/policy.hpp"
#include "refresh/single_flight.hpp"

#include <condition_variable>

#include <ironjar/coordinator.hpp>

namespace ironjar {
namespace {

// What a blocked thread waits for.
class Completion {
 public:
  void complete(Result<NewTokens> result) {
    const std::lock_guard lock(mutex_);
    result_.emplace(std::move(result));
    completed_.notify_one();
  }
  [[nodiscard]] bool waitUntil(Deadline deadline) {
    std::unique_lock lock(mutex_);
    return completed_.wait_until(lock, deadline, [this] { return result_.has_value(); });
  }
  [[nodiscard]] Result<NewTokens> wait() {
    std::unique_lock lock(mutex_);
    completed_.wait(lock, [this] { return result_.has_value(); });
    return *std::move(result_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable completed_;
  std::optional<Result<NewTokens>> result_;
};

// What the application brought must not end the process from our threads.
RefreshAnswer callSafely(const RefreshCall& call, const TokenSet& spent) {
  try {
    return call(spent);
  } catch (...) {
    return {.tokens = fail(Errc::refreshFailed, "asking for tokens threw an exception")};
  }
}

void revokeSafely(const RevokeCall& revoke, const TokenSet& tokens) {
  try {
    if (revoke) revoke(tokens);
  } catch (...) {
    return;  // the login has ended all the same
  }
}

}  // namespace

// The threads of single flight: those that call, and those that wait.
class LocalCoordinator::State {
 public:
  explicit State(const LocalCoordinatorOptions& options)
      : flights_(options),
        now_(options.now),
        revoking_(1, detail::maxQueue),
        calls_(options.threads, detail::maxQueue) {}

  ~State() { isGoing_ = true; }

  Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& tokens, From from,
                                         const RefreshContext& context) {
    return flights_.newest(client, tokens, from, context, now_());
  }

  Result<NewTokens> refresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call,
                            Deadline deadline, const RefreshContext& context) {
    const auto completion = std::make_shared<Completion>();
    SingleFlight::Decision decision = flights_.request(
        client, rejected, context, [completion](Result<NewTokens> result) { completion->complete(std::move(result)); },
        now_());
    if (auto* known = std::get_if<Result<NewTokens>>(&decision)) return std::move(*known);
    const auto& waiting = std::get<SingleFlight::Waiting>(decision);
    if (waiting.leads && !begin(waiting.call, call)) flights_.cancel(waiting.call, timeNow());
    if (!completion->waitUntil(deadline) && flights_.leave(waiting)) {
      return fail(Errc::refreshFailed, "the token endpoint has not answered by the deadline", detail::soon);
    }
    return completion->wait();
  }

  void end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke, const Logout& logout) {
    auto last = flights_.end(client, tokens, revoke, logout, now_());
    if (last) revokeLater(revoke, *std::move(last));
  }

  CoordinatorStats stats() { return flights_.stats(now_()); }

 private:
  using SingleFlight = detail::SingleFlight;

  // False without a thread, or memory.
  bool begin(const SingleFlight::Call& inFlight, const RefreshCall& call) {
    try {
      return calls_.post([this, inFlight, call] { run(inFlight, call); });
    } catch (...) {
      return false;
    }
  }

  void run(const SingleFlight::Call& inFlight, const RefreshCall& call) {
    if (!flights_.start(inFlight, timeNow())) {
      if (inFlight->loggedOut) revokeLater(inFlight->revoke, inFlight->spent);
      return;
    }
    const RefreshAnswer answer = callSafely(call, inFlight->spent);
    auto orphaned = flights_.complete(inFlight, answer, timeNow());
    if (orphaned) revokeLater(inFlight->revoke, *std::move(orphaned));
  }

  // Revokes on a thread of its own, so that a slow revocation endpoint delays no refresh. While the coordinator is
  // destroyed it revokes on the calling thread, since nothing that is queued then would run. Without a thread or memory
  // the tokens are not revoked and stay valid until they expire; neither the logout nor the call fails.
  void revokeLater(const RevokeCall& revoke, TokenSet tokens) {
    if (!revoke) return;
    if (isGoing_) return revokeSafely(revoke, tokens);
    try {
      const bool isQueued = revoking_.post([revoke, last = std::move(tokens)] { revokeSafely(revoke, last); });
      static_cast<void>(isQueued);
    } catch (...) {
      return;
    }
  }

  MonotonicTime timeNow() const {
    try {
      return now_();
    } catch (...) {
      return std::chrono::steady_clock::now();
    }
  }

  SingleFlight flights_;
  const std::function<MonotonicTime()> now_;
  std::atomic<bool> isGoing_ = false;
  detail::WorkerPool revoking_;
  detail::WorkerPool calls_;  // last: its threads use all of the above
};

LocalCoordinator::LocalCoordinator(const LocalCoordinatorOptions& options) : state_(std::make_unique<State>(options)) {}
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
