// Single flight of refreshes: decides which request calls the token endpoint (the leader), which requests wait for its
// call (followers), and what the answer means for each. No threads, clock or I/O: times are passed in, and the leader
// makes the call itself.
//
// Thread-safe. The table of tokens is split into parts by the tokens' keys; each part has a lock. A step holds the lock
// of one part, a rotation those of both its tokens. A chain is followed with one lock at a time: each token is seen in
// the state that it has when its part is locked. No code of the application runs under a lock.
#pragma once

#include "crypto/secret.hpp"
#include "crypto/sodium.hpp"
#include "refresh/circuit_breaker.hpp"
#include "refresh/refresh_meter.hpp"
#include "refresh/token_states.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <variant>
#include <vector>

namespace ironjar::detail {

// One call to a token endpoint, shared by the table's entry and everybody who waits for it.
struct InFlightRefresh {
  struct Waiter {
    RefreshedBy by;
    RefreshHandler done;
  };

  std::string client;
  TokenKey key{};
  TokenSet spent;  // what the call is about
  RefreshCause cause = RefreshCause::ended;
  CircuitBreaker::Permit permit{};
  // Under the lock of the token's part, until the call is completed.
  std::map<std::uint64_t, Waiter> waiters = {};  // by number, in the order in which they came
  std::optional<TimePoint> loggedOut = {};       // when the login was ended during the call: its answer is revoked
  RevokeCall revoke = {};
};

[[nodiscard]] inline Error signedOut() { return loginOver(RefreshEnd::loggedOut, "signed out meanwhile"); }
[[nodiscard]] inline Error laterBecause(const char* why, MonotonicTime::duration pause) {
  return fail(Errc::refreshFailed, why, std::chrono::ceil<Seconds>(pause));
}

class SingleFlight {
 public:
  using Call = std::shared_ptr<InFlightRefresh>;
  // The completion will be called; or has been taken back with leave().
  struct Waiting {
    Call call;
    std::uint64_t number;
    bool leads;  // the call is to be started, or cancelled
  };
  using Decision = std::variant<Result<NewTokens>, Waiting>;

  // Throws std::invalid_argument.
  explicit SingleFlight(const LocalCoordinatorOptions& options);

  // As RefreshCoordinator's.
  [[nodiscard]] Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& tokens,
                                                       RefreshCoordinator::From from, const RefreshContext& context,
                                                       MonotonicTime now);
  [[nodiscard]] Decision request(std::string_view client, const TokenSet& rejected, const RefreshContext& context,
                                 RefreshHandler done, MonotonicTime now);
  // The tokens that are to be revoked at once.
  [[nodiscard]] std::optional<TokenSet> end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke,
                                            const Logout& logout, MonotonicTime now);

  // Takes a completion back. False when it has been called, or is just about to be.
  bool leave(const Waiting& waiting);

  // The leader calls this right before its call. False when the call must not be made any more, because its login has
  // ended (revoke its tokens then), nobody waits for it, or the breaker has opened; all waiters are completed then.
  [[nodiscard]] bool start(const Call& call, MonotonicTime now);
  // In place of start() or complete(), for want of a thread or memory: Errc::overloaded for all who wait. Nothing when
  // the call has ended.
  void cancel(const Call& call, MonotonicTime now);
  // Applies the token endpoint's answer to the table and completes all waiters. Returns tokens if the login was ended
  // while the call was in flight: the caller must revoke them.
  [[nodiscard]] std::optional<TokenSet> complete(const Call& call, const RefreshAnswer& answer, MonotonicTime now);

  [[nodiscard]] CoordinatorStats stats(MonotonicTime now);

 private:
  static constexpr std::size_t cacheLine = 64;
  struct alignas(cacheLine) Part {
    Part(const TokenStates::Options& forStates, const RefreshMeter::Options& forMeter)
        : states(forStates), meter(forMeter) {}
    std::mutex mutex;
    TokenStates states;
    RefreshMeter meter;
  };

  class PartsLock;
  class Place;

  // Where a chain ends, or has come to, with the lock of that token's part.
  struct End {
    TokenKey key{};
    Part* part = nullptr;
    std::unique_lock<std::mutex> lock = {};
    bool loggedOut = false;                     // and then nothing more is known
    const TokenStates::Entry* entry = nullptr;  // this and the next as of TokenStates::Link
    const StoredTokens* rotated = nullptr;

    [[nodiscard]] std::optional<Error> over() const;
  };

  [[nodiscard]] TokenKey keyOf(std::string_view client, std::string_view refreshToken) const;
  [[nodiscard]] Part& partOf(TokenHash hash) { return *parts_[std::uint64_t{hash} * parts_.size() >> 32U]; }
  [[nodiscard]] Part& partOf(const TokenKey& key) { return partOf(hashOf(key)); }
  // A part's lock, once what has expired there is gone.
  [[nodiscard]] static std::unique_lock<std::mutex> locked(Part& part, MonotonicTime now);
  // The first token of a chain, from which follow() goes on, or the only one.
  [[nodiscard]] End look(const TokenKey& key, std::optional<TimePoint> begun, MonotonicTime now);
  // `newest` becomes the newest of the chain's tokens for the resource of `tokens`; it stays unset where there are
  // none.
  void follow(End& end, std::optional<TokenSet>& newest, const TokenSet& tokens, std::optional<TimePoint> begun,
              MonotonicTime now, std::vector<TokenKey>* path = nullptr);
  void confirm(std::optional<TokenKey> key, TokenKey successor, MonotonicTime now);
  // A logout's, of the tokens that led to the newest one. In a small table the newest one's is the last to be
  // forgotten.
  void logOutSpent(const std::vector<TokenKey>& path, const TokenKey& newest, TimePoint endedAt, MonotonicTime now);
  // The tokens that are known to have led to this one, the last first.
  [[nodiscard]] std::vector<TokenKey> leadingTo(const TokenKey& key, MonotonicTime now);

  [[nodiscard]] std::optional<Error> refusal(const CircuitBreaker& breaker, const End& end, RefreshCause cause,
                                             MonotonicTime now);
  [[nodiscard]] Waiting join(const Call& call, RefreshedBy by, RefreshHandler done);
  [[nodiscard]] Decision lead(std::string_view client, End& end, const TokenSet& spent, RefreshCause cause,
                              RefreshHandler done, MonotonicTime now);

  struct Rotation {
    std::optional<TokenKey> predecessor;  // of the token that is spent
    bool hasCrowdedOut;                   // others had to go
  };
  [[nodiscard]] Rotation rotate(const InFlightRefresh& call, const TokenSet& fresh, const TokenKey& successor,
                                bool leadsOn, MonotonicTime now);
  [[nodiscard]] bool leadsOn(const TokenKey& brought, const TokenKey& spent, MonotonicTime now);
  void boundChain(TokenKey link, const Rotation& rotation, MonotonicTime now);
  void tellBreaker(const InFlightRefresh& call, const RefreshAnswer& answer, EndpointState endpoint, MonotonicTime now);
  [[nodiscard]] Error failed(const InFlightRefresh& call, const RefreshAnswer& answer, EndpointState endpoint,
                             MonotonicTime now);
  void completeAll(InFlightRefresh& call, const Result<TokenSet>& result) noexcept;

  template <class Use>
  auto withBreaker(const std::string& client, const Use& use) {
    const std::lock_guard lock(breakersMutex_);
    return use(breakers_[client]);
  }

  const std::size_t maxWaiters_;
  const std::size_t maxWaitersPerToken_;
  Secret<siphashSize> processKey_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::mutex linking_;                              // of tokens, one at a time; taken before a part's
  std::mutex breakersMutex_;                        // may be taken under a part's, never the other way round
  std::map<std::string, CircuitBreaker> breakers_;  // by client: one for each issuer that the application knows
  std::atomic<std::size_t> waiters_ = 0;
  std::atomic<std::uint64_t> numbers_ = 0;
};

}  // namespace ironjar::detail
