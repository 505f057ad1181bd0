// Who refreshes a token, once, however many requests need it (single flight).
//
// Example:
//   const auto coordinator = std::make_shared<ironjar::LocalCoordinator>();  // FetchOptions::coordinator
//   std::cout << coordinator->stats().waiters << " requests wait for a refresh\n";
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>

#include <ironjar/token_endpoint.hpp>

namespace ironjar {

// Tokens newer than those that were refused, and who brought them.
struct NewTokens {
  TokenSet tokens;
  RefreshedBy by = RefreshedBy::self;
};

// How a coordinator stands at the moment.
struct CoordinatorStats {
  std::size_t tokens = 0;        // known: spent ones with what became of them, and those that came of it
  std::size_t bytes = 0;         // of memory that they take
  std::size_t waiters = 0;       // requests waiting for a call
  std::size_t openCircuits = 0;  // token endpoints that have failed, and are not asked at the moment
  std::size_t evicted = 0;       // what was known of tokens and had to go before its time: raise the bounds
};

// Why newer tokens are wanted. `refused`: an API has answered 401 to an access token that has not expired. Such
// refreshes are limited for each login (refusedBurst), since some APIs refuse every token.
enum class RefreshCause { ended, refused };

// What a coordinator has to know of whoever comes with tokens.
struct RefreshContext {
  // When its session began: a logout refuses those that began before it, in whole seconds. Unset: not known, as before.
  std::optional<TimePoint> begun = std::nullopt;
  RefreshCause cause = RefreshCause::ended;
  // Whether it still wants tokens: when a stop is requested it waits no longer and gets Errc::cancelled.
  std::stop_token stop = {};
};

using RefreshHandler = std::function<void(Result<NewTokens>)>;

// What a coordinator has to know of a logout.
struct Logout {
  // Sessions that began up to this time end; max: all. The caller makes sure that it is not earlier than `begun`, which
  // another server's clock may have set.
  TimePoint at = TimePoint::max();
  // When the session that signs out began. If an earlier logout refuses that session, this logout does nothing: its
  // tokens may belong to another login by now. Unset: not known, and every earlier logout refuses it.
  std::optional<TimePoint> begun = std::nullopt;
};

// Sees to it that a refresh token is spent once, however many requests need it at the same time or come late with it.
// It knows the tokens that it has seen succeed one another as a chain, A to B to C. `client` tells issuers and clients
// apart. Implementations are thread-safe and call nothing of the application's under a lock.
class RefreshCoordinator {
 public:
  // Where the tokens that are asked about come from: only a cookie tells that the browser has them.
  enum class From { cookie, memory };
  RefreshCoordinator() = default;
  RefreshCoordinator(const RefreshCoordinator&) = delete;
  RefreshCoordinator& operator=(const RefreshCoordinator&) = delete;
  virtual ~RefreshCoordinator() = default;

  // The tokens that have succeeded `tokens`, nothing when these are the newest known. Never waits, never asks.
  // RefreshEnd::loggedOut when the login was ended with end(), RefreshEnd::superseded when the token was spent so long
  // ago that its successor is forgotten.
  [[nodiscard]] virtual Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& tokens,
                                                               From from, const RefreshContext& context = {}) = 0;

  // Tokens newer than `rejected`, whose access token an API has refused: those that succeeded it already, those of a
  // call that is under way, or those that a new call brings. Never blocks: `done` is called exactly once, before this
  // returns or later, on whichever thread knows; never under a lock, so it may use the coordinator, and destroy it. It
  // must not block; what it throws is dropped. The arguments must live until this returns. Errors: as newest();
  // `call`'s; Errc::refreshFailed at the deadline (the call goes on, for whoever comes next), while calls about this
  // token have failed and while the endpoint's circuit breaker is open; Errc::overloaded when too many wait;
  // Errc::throttled for RefreshCause::refused; Errc::cancelled. Whatever passes has its retryAfter.
  virtual void startRefresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call,
                            Deadline deadline, const RefreshContext& context, RefreshHandler done) = 0;

  // The same for a thread that can wait. Blocks the calling thread, until the deadline at most.
  [[nodiscard]] Result<NewTokens> refresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call,
                                          Deadline deadline, const RefreshContext& context = {});

  // Ends the login that these tokens belong to: whatever is under way for it is discarded, later requests with any of
  // its tokens, of sessions that began up to `logout.at`, get RefreshEnd::loggedOut for as long as it is remembered
  // (LocalCoordinator: keepUnconfirmed), and `revoke`, if there is one, gets its last tokens. Blocks the calling thread
  // where other processes have to know of it; then only startEnd() does not.
  virtual void end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke,
                   const Logout& logout = {}) = 0;
  // The same without blocking. `done` is called exactly once, before this returns or later, on any thread, never under
  // a lock; it must not block, and what it throws is dropped. The arguments must live until this returns. Where a
  // coordinator does not override it, it calls end().
  virtual void startEnd(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke, const Logout& logout,
                        std::function<void()> done);

  [[nodiscard]] virtual CoordinatorStats stats() const = 0;
};

struct LocalCoordinatorOptions {
  Seconds keep{60};              // how long a token's successor is known after a request has brought it
  Seconds keepUnconfirmed{600};  // and while none has: the response with the new cookie may have been lost
  // The most tokens in the table: a login that was refreshed once has two, no login more than 65. Beyond it entries are
  // evicted, those that expire soonest first; logouts are evicted only for later logouts. A large table is kept in
  // parts, each with its share of the room.
  std::size_t maxEntries = 200'000;
  std::size_t maxBytes = 64 * 1024 * 1024;
  // How often 401 answers may refresh a login whose access token has not expired: refusedBurst times at once, then once
  // in refusedInterval. Without that limit an API that refuses every token would cost a refresh for each request.
  std::size_t refusedBurst = 3;
  Seconds refusedInterval{30};
  std::size_t threads = 4;        // calls to token endpoints at the same time, of those that block
  std::size_t maxCalls = 256;     // and of asynchronous ones
  std::size_t maxWaiters = 1024;  // requests waiting for a call; beyond: Errc::overloaded
  std::size_t maxWaitersPerToken = 256;
  std::function<MonotonicTime()> now = std::chrono::steady_clock::now;
};

// The coordinator for one process.
// - A token about which a call has failed is not asked about for 1 s, doubling to 60 s, or as long as Retry-After says,
//   10 min at most. One that has failed for 10 min while others have not gets RefreshEnd::failing.
// - Three different tokens that fail in a row open the endpoint's circuit breaker, for 4 s, for 60 s where it refuses
//   without an error of its own, or as long as Retry-After says; so does an endpoint that cannot be reached, or that
//   refuses the client, at once, and one that has errors of their own for four in a row. Then one call probes, then 2,
//   4 … at once; meanwhile a token that has not failed may probe every ten seconds, unless a pause was asked for. A
//   token that fails while others succeed opens nothing.
// The destructor waits for the blocking calls under way, each bounded by TokenEndpoint::timeout, and completes what
// waits for calls that have not begun. Asynchronous calls under way go on by themselves, and complete what waits,
// whatever its deadline. Not across fork(): make it in the process that uses it. In a child refreshing fails with
// Errc::overloaded.
class LocalCoordinator final : public RefreshCoordinator {
 public:
  // Throws std::invalid_argument for numbers that are zero or absurdly large.
  explicit LocalCoordinator(const LocalCoordinatorOptions& options = {});
  ~LocalCoordinator() override;

  [[nodiscard]] Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& tokens, From from,
                                                       const RefreshContext& context = {}) override;
  void startRefresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call, Deadline deadline,
                    const RefreshContext& context, RefreshHandler done) override;
  void end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke,
           const Logout& logout = {}) override;
  [[nodiscard]] CoordinatorStats stats() const override;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace ironjar
