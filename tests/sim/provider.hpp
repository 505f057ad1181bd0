// The identity provider of a history: the test kit's books, with a rotation or a known provider's profile, without its
// threads. Decides only; what is lost on the way is the network's affair.
#pragma once

#include "sim/plan.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include <ironjar/testing/ledger.hpp>
#include <ironjar/token_endpoint.hpp>
#include <ironjar/tokens.hpp>

namespace sim {

class Provider {
 public:
  explicit Provider(const Settings& settings);

  // How a client is to ask it, with the client's own settings.
  [[nodiscard]] const ironjar::TokenEndpoint& endpoint() const { return endpoint_; }

  [[nodiscard]] ironjar::TokenSet login(const std::string& name, MonotonicTime now, ironjar::TimePoint wallNow);
  [[nodiscard]] static std::string tokenIn(const ironjar::Request& request);
  // The answer, and the refresh token that is good from now on where tokens were given.
  struct Answer {
    ironjar::Response response;
    std::optional<std::string> refreshToken;
  };
  [[nodiscard]] Answer refresh(const std::string& refreshToken, MonotonicTime now);
  void revoke(const std::string& refreshToken) { ledger_.revoke(refreshToken); }
  // Another user's tokens.
  [[nodiscard]] Answer mixUp(MonotonicTime now);
  void kill(const std::string& login);  // by itself
  void endAccessTokens() { ledger_.expireAccessTokens(); }
  // Whose access token it is, while it is good.
  [[nodiscard]] std::optional<std::string> admit(const std::string& accessToken, MonotonicTime now) {
    return ledger_.admit(accessToken, "", now);
  }

  // Questions that change nothing.
  [[nodiscard]] std::string loginOf(const std::string& token) const;  // refresh or access token
  [[nodiscard]] bool takes(const std::string& refreshToken, MonotonicTime now) const;
  [[nodiscard]] bool isGood(const std::string& accessToken, MonotonicTime now) const;
  // The one that was given last; empty: none.
  [[nodiscard]] std::string newestAccessTokenOf(const std::string& login) const;
  // A refresh token of it that would be taken; empty: none would.
  [[nodiscard]] std::string goodTokenOf(const std::string& login, MonotonicTime now) const;
  // How many tokens of it were.
  [[nodiscard]] std::size_t spentOf(const std::string& login) const {
    return static_cast<std::size_t>(
        std::count_if(spent_.begin(), spent_.end(), [&](const auto& token) { return loginOf(token) == login; }));
  }
  [[nodiscard]] bool wasSpent(const std::string& refreshToken) const { return spent_.contains(refreshToken); }

 private:
  [[nodiscard]] ironjar::Response answerWith(const ironjar::testing::detail::Pair& pair, bool withRefreshToken,
                                             bool withSubject, MonotonicTime now) const;

  ironjar::testing::ProviderBehaviour behaviour_;
  bool tellsSubject_;
  bool tellsSubjectOnce_;
  ironjar::TokenEndpoint endpoint_;
  ironjar::testing::detail::Ledger ledger_{false};
  std::map<std::string, std::string> logins_;  // by token
  std::map<std::string, std::string> newest_;  // access token, by login
  std::set<std::string> spent_;                // it has given others in its place
  unsigned strangers_ = 0;
};

}  // namespace sim
