// The demo's identity provider: OAuth 2.0 with refresh tokens that work once. Using one a second time counts as theft
// and ends the whole login, as strict providers do (RFC 9700 section 4.14.2).
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include <httplib.h>

namespace demo {

// What the provider knows the web app by.
inline constexpr const char* clientSecret = "the-demo-client-secret";

class Provider {
 public:
  // GET /authorize, POST /token.
  void mount(httplib::Server& server);

  // Whose access token this is, while it lasts.
  [[nodiscard]] std::optional<std::string> userOf(const std::string& accessToken) const;
  // {"logins": n, "refreshes": n, "reuses": n} as JSON; the last must stay 0.
  [[nodiscard]] std::string stats() const;

 private:
  struct Login {
    std::string user;
    std::string accessToken;
    std::string refreshToken;
    std::chrono::steady_clock::time_point expires;
    bool alive = true;
  };

  void authorize(const httplib::Request& request, httplib::Response& response);
  void token(const httplib::Request& request, httplib::Response& response);
  void issue(Login& login, int loginId, httplib::Response& response);

  mutable std::mutex mutex_;
  std::map<std::string, std::string> codes_;  // authorization code -> user
  std::map<int, Login> logins_;
  std::map<std::string, int> refreshTokens_;  // every one ever issued -> its login
  std::map<std::string, int> accessTokens_;
  int refreshes_ = 0;
  int reuses_ = 0;
};

[[nodiscard]] std::string randomText();  // 128 bits from the operating system, hexadecimal

}  // namespace demo
