// The OAuth 2.0 tokens of a session (RFC 6749). Include this to use Session::tokens and Session::setTokens.
#pragma once

#include <optional>
#include <string>

#include <ironjar/session.hpp>

namespace ironjar {

struct TokenSet {
  std::string accessToken = {};
  std::string refreshToken = {};            // empty: none was issued
  std::optional<TimePoint> expiresAt = {};  // of the access token; unset: unknown
  std::string scope = {};                   // empty: as requested (RFC 6749 section 3.3)
  std::optional<Seconds> lifetime = {};     // of the access token when it was issued; unset: unknown

  friend bool operator==(const TokenSet&, const TokenSet&) = default;
};

}  // namespace ironjar
