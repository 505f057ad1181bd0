// RefreshService: keeps tokens fresh for whoever holds them long and makes no requests to do it on: a service account,
// a WebSocket's session.
//
// Example:
//   ironjar::RefreshService service(fetcher.tokenSource(), {.refreshToken = "what store() kept last"},
//                                   {.onRefresh = store});  // (bool success, const ironjar::TokenSet& tokens)
//   service.start();
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <ironjar/coordinator.hpp>

namespace ironjar {

// Where new tokens come from. Fetcher::tokenSource() makes one.
struct TokenSource {
  std::shared_ptr<RefreshCoordinator> coordinator;  // the one that the login's requests use, if it has any
  std::string client;                               // as the coordinator is told by them
  RefreshCall call;
  std::string resource = {};  // TokenEndpoint::resource
  Observer observer = {};     // told of its refreshes, without a session
  Clock now = systemClock;
};

struct RefreshServiceOptions {
  std::chrono::milliseconds interval = Seconds{300};   // from one look at the tokens to the next
  std::chrono::milliseconds threshold = Seconds{600};  // with less than this left of the access token it is refreshed
  Seconds timeout{30};                                 // of waiting for one refresh
  unsigned retries = 3;                                // of a refresh that failed for now: after 1, 2, 4 s, and so on
  // Called on the service's thread, one at a time; what they throw is dropped. They may use the service, and destroy
  // it.
  std::function<void(bool success, const TokenSet& tokens)> onRefresh =
      {};                                // new tokens, or a refresh given up for now
  std::function<void()> onExpired = {};  // once: the login is over, sign in again
  // For tests: asked before each wait, on the service's thread. True: that time has passed.
  std::function<bool(std::chrono::milliseconds)> hasPassed = {};
};

// Sets `interval` from TOKEN_REFRESH_INTERVAL and `threshold` from TOKEN_REFRESH_THRESHOLD, milliseconds from 1 to 30
// days; a variable that is not set changes nothing. Throws std::invalid_argument with the name of one that is no such
// number, and changes nothing then.
void applyEnvironment(RefreshServiceOptions& options);

// Looks at its tokens when it starts and at every interval: takes newer ones that a request has brought, and refreshes
// them when little is left, or when their expiresAt is unknown. What fails for now is tried again a few times and then
// at the next interval; Errc::notAllowed only then. When the login is over (Error::end) it calls onExpired and stops.
//
// NEVER for tokens whose only copy is in the cookie of a browser that is away. A refresh spends the refresh token, and
// what replaces it cannot reach that cookie: when the browser comes back, its login is over. The holder must live with
// the tokens: keep those that onRefresh brings, or be connected to the browser and see to its cookie.
//
// With requests that refresh the same login, LocalCoordinatorOptions::keep must be longer than `interval`. Otherwise
// the service may find its token spent and what came after it forgotten, which is RefreshEnd::superseded.
//
// Thread-safe. No call to the application is made under a lock.
class RefreshService {
 public:
  // The tokens must hold a refresh token; they are taken for the source's resource. Throws std::invalid_argument,
  // saying what to change: something missing, a time that is out of range.
  RefreshService(TokenSource source, TokenSet tokens, RefreshServiceOptions options = {});
  RefreshService(const RefreshService&) = delete;
  RefreshService& operator=(const RefreshService&) = delete;
  // Stops, and waits for a refresh that is under way: `timeout` at most, less when `call` is bounded by less.
  ~RefreshService();

  // Begins to look at the tokens, on a thread of its own. Nothing when it has begun, or been stopped.
  void start();

  // Refreshes now, whatever is left, started or not: one attempt on the service's thread, whose result is returned. A
  // scheduled wait is over; should the attempt fail for now, a started service goes on with its retries. Tokens that a
  // request has just brought count as refreshed. Blocks: for `timeout` at most, once more where an attempt is under
  // way, and while a callback runs. Errors: the coordinator's; when stopped what it stopped for, or
  // Errc::refreshFailed; Errc::refreshFailed from inside a callback, where it cannot wait.
  [[nodiscard]] Result<TokenSet> refreshNow();

  // For good, from any thread and from inside a callback, any number of times. Returns at once, save for a callback
  // that is running: no callback begins after it, nor a refresh. One that is under way is left to the coordinator, and
  // tokens() has its result as soon as there is one.
  void stop();

  [[nodiscard]] TokenSet tokens() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ironjar
