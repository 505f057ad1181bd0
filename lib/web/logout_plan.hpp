// Logouts as state machines, pure, as login_plan.hpp.
//
// | logout        | event                            | next                                                          |
// | ------------- | -------------------------------- | ------------------------------------------------------------- |
// | here, begun   |                                  | WantMetadata; the session has ended, whatever comes           |
// | here          | a page of the provider's         | Response: to it                                               |
// |               | none, or no metadata can be had  | Response: to returnTo                                         |
// | back-channel  | no form with one logout_token    | Response: 400 invalid_request                                 |
// |               | one                              | VerifyLogout                                                  |
// |               | it is not valid, or was used     | Response: 400 invalid_request                                 |
// |               | no keys can be had               | Response: 400 temporarily_unavailable                         |
// |               | it is                            | Response: 200, its sessions are denied                        |
// | front-channel | iss and sid are the provider's   | Response: 200, its sessions are denied, the one that came, too |
// |               | too many in a short time         | Response: 503                                                 |
// |               | anything else                    | Response: 400, nobody is signed out                           |
#pragma once

#include "web/login_plan.hpp"

#include <mutex>

#include <ironjar/fetch.hpp>

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
  [[nodiscard]] LoginStep verifiedLogout(const Result<LogoutToken>& token) const;

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

// OpenID Connect Front-Channel Logout 1.0 section 3.
[[nodiscard]] Response frontChannelLogout(const LoginConfiguration& login, FrontChannelMeter& meter,
                                          const WebRequest& request, Session& session, const Fetcher& fetcher);

}  // namespace ironjar::detail
