// performFetch: call an API with the session's access token, refresh it when the API answers 401, and try again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ironjar/refresh.hpp>
#include <ironjar/session.hpp>
#include <ironjar/transport.hpp>

namespace ironjar {

struct FetchOptions {
  Transport transport;
  std::vector<std::string> allowedOrigins;  // `https://api.example.com`: tokens go nowhere else
  TokenEndpoint tokenEndpoint = TokenEndpoint();
  // Paths whose 401 is an answer and not a spent token (a login form's, say): each covers what lies below it too.
  std::vector<std::string> excludedPaths = {};
  unsigned maxRetries = 1;  // after a refresh; 0: a 401 is the caller's, nothing is refreshed
  Seconds timeout{30};      // for everything one performFetch does
  // Who makes sure that a refresh token is spent once. Share one among Fetchers of the same client; the default is a
  // LocalCoordinator of this Fetcher's own.
  std::shared_ptr<RefreshCoordinator> coordinator = {};
  // In place of tokenEndpoint, for a protocol that it cannot describe. Errors as readTokenAnswer's; must return by
  // then.
  std::function<Result<TokenSet>(const TokenSet&, Deadline)> refresh = {};
  Clock now = systemClock;
};

// Immutable, thread-safe, cheap to copy.
class Fetcher {
 public:
  // Throws std::invalid_argument, saying what to change: no transport, an origin that is not one, an http token
  // endpoint.
  explicit Fetcher(FetchOptions options);

  // The API's response, whatever its status, with the trace of how it came about. New tokens are in the session when it
  // returns, so that the next commit() writes them into the cookie. The request's own Authorization and Cookie headers
  // do not travel. Errors:
  // - Errc::loginRequired: the API wants a token and the session has none.
  // - Errc::expired: the login is over (the provider said invalid_grant, or a token ended that cannot be refreshed);
  // the
  //   session is destroyed.
  // - Errc::refreshFailed: the provider does not answer properly now; the session is untouched, try again later.
  // - Errc::notAllowed: the URL is outside allowedOrigins, or the provider refuses this client.
  // - Errc::malformed: a URL, method or header that cannot be sent.
  // - Errc::transport, Errc::timeout, Errc::tooLarge: from the API's side; the session is kept.
  [[nodiscard]] Result<Response> performFetch(Session& session, Request request) const;

  // Refreshes now, whatever the access token's state; errors as above. Who brought the new tokens.
  [[nodiscard]] Result<RefreshedBy> refresh(Session& session) const;

  [[nodiscard]] const FetchOptions& options() const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace ironjar
