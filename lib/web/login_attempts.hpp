// Logins that have begun and wait for the provider's answer, in the browser: a sealed cookie for each, of a purpose of
// its own, so that tabs do not get in each other's way and nothing is stored here. Pure but for the random bytes of
// seals.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/login.hpp>
#include <ironjar/session.hpp>

namespace ironjar::detail {

struct LoginAttempt {
  std::string nonce;
  std::string verifier;
  std::string returnTo;
  std::optional<Seconds> maxAge = {};
  std::string dpopKey = {};  // empty: the tokens are Bearer tokens
  TimePoint beganAt = {};
  // What it asks for; nothing where a cookie of the budget, or JSON, does not hold it. Its returnTo and maxAge are
  // those above.
  std::optional<LoginRequest> request = LoginRequest();
};

// The most bytes that the cookies of all attempts take in a Cookie header, names included.
inline constexpr std::size_t attemptBudget = 1536;

class LoginAttempts {
 public:
  // `identity` is bound into the seals: an attempt of one provider and client does not open for another.
  LoginAttempts(const SessionOptions& session, std::string identity, SameSite sameSite, Seconds lifetime);

  // The Set-Cookie values for an attempt that begins: its own, and deletions of the oldest others where they would take
  // more than the budget, or more than maxCookieHeader together with the session that came. Those that do not open go
  // first. Errc::tooLarge for one that does not fit the budget by itself.
  [[nodiscard]] Result<std::vector<std::string>> begin(std::string_view cookieHeader, const std::string& state,
                                                       const LoginAttempt& attempt) const;
  // The attempt of that state that this browser has begun.
  [[nodiscard]] std::optional<LoginAttempt> find(std::string_view cookieHeader, std::string_view state) const;
  [[nodiscard]] std::string deletion(std::string_view state) const;

 private:
  [[nodiscard]] SealOptions sealOptions(std::string_view state) const;
  [[nodiscard]] std::optional<Json> open(std::string_view state, std::string_view seal) const;

  const Passwords passwords_;
  const Clock now_;
  const std::string identity_;
  const Seconds lifetime_;
  const std::size_t maxCookieHeader_;
  const std::string sessionName_;
  std::string prefix_;  // of the cookies' names; the state follows
  CookieOptions cookie_;
};

}  // namespace ironjar::detail
