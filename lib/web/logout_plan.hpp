// Logouts as state machines, pure, as login_plan.hpp.
//
// | logout        | event                            | next                                                          |
// | ------------- | -------------------------------- | ------------------------------------------------------------- |
// | here, begun   |                                  | WantMetadata; the session has ended, whatever comes           |
// | here          | a page of the provider's         | Response: to it                                               |
// |               | none, or no metadata can be had  | Response: to returnTo                                         |
// | back-channel  | no form with one logout_token    | Response: 400 invalid_request                                 |
// |               | one                              | VerifyLogout                                                  |
// |               | it is not valid                  | Response: 400 invalid_request                                 |
// |               | no keys can be had               | Response: 400 temporarily_unavailable                         |
// |               | it is                            | DenySessions                                                  |
// |               | it was used before               | Response: 400 invalid_request                                 |
// |               | it was not                       | Response: 200                                                 |
// | front-channel | iss and sid are the provider's   | CheckDenied                                                   |
// |               | anything else                    | Response: 400, nobody is signed out                           |
// |               | they are denied already          | Response: 200                                                 |
// |               | too many in a short time         | Response: 503                                                 |
// |               | otherwise                        | DenySessions, then Response: 200                              |
// | both          | the list has not answered        | Response: 400 temporarily_unavailable; 503                    |
#pragma once

#include "web/login_plan.hpp"

#include <mutex>

namespace ironjar::detail {

class LogoutPlan {
 public:
  LogoutPlan(const LoginConfiguration& login, std::string returnTo) : login_(login), returnTo_(std::move(returnTo)) {}

  [[nodiscard]] static LoginStep begin() { return WantMetadata{}; }
  [[nodiscard]] LoginStep metadata(const Result<ProviderMetadata>& known) const;

 private:
  const LoginConfiguration& login_;
  const std::string returnTo_;
};

// OpenID Connect Back-Channel Logout 1.0 sections 2.5 to 2.8. Denies in the configuration's list.
class BackChannelPlan {
 public:
  BackChannelPlan(const LoginConfiguration& login, const WebRequest& request);

  [[nodiscard]] LoginStep begin();
  [[nodiscard]] static LoginStep verifiedLogout(const Result<LogoutToken>& token);
  [[nodiscard]] static LoginStep denied(const Result<bool>& isFirst);

 private:
  const LoginConfiguration& login_;
  std::optional<std::string> token_;
};

// How often anybody may deny a session by a request that nothing authenticates: 100 at once, then one a second. What
// they say fills a list that forgets the oldest first, or a Redis. Thread-safe.
class FrontChannelMeter {
 public:
  [[nodiscard]] bool admits(TimePoint now);

 private:
  std::mutex mutex_;
  double used_ = 0;
  TimePoint last_;
};

// OpenID Connect Front-Channel Logout 1.0 section 3. Denies in the configuration's list.
class FrontChannelPlan {
 public:
  // The configuration and the meter must outlive it.
  FrontChannelPlan(const LoginConfiguration& login, FrontChannelMeter& meter, const WebRequest& request);

  [[nodiscard]] LoginStep begin() const;
  [[nodiscard]] LoginStep checked(const Result<Revoked>& known);
  [[nodiscard]] LoginStep denied(const Result<bool>& isFirst) const;

  // Where the browser sends the session's cookie along: whether it is one of those.
  [[nodiscard]] bool names(const Session& session) const;

 private:
  [[nodiscard]] Response answer(int status) const;

  const LoginConfiguration& login_;
  FrontChannelMeter& meter_;
  std::string sid_;  // empty: the request names none
};

}  // namespace ironjar::detail
