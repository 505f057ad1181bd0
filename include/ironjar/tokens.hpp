// The OAuth 2.0 tokens of a session (RFC 6749). Include this to use Session::tokens and Session::setTokens.
//
// Example:
//   session.replace();  // a login begins a session of its own
//   session.setTokens({.accessToken = "at-1", .refreshToken = "rt-1"});
//   if (const auto tokens = session.tokens()) std::cout << tokens->scope << '\n';
#pragma once

#include <map>
#include <optional>
#include <string>

#include <ironjar/session.hpp>

namespace ironjar {

struct TokenSet {
  std::string accessToken = {};
  std::string refreshToken = {};                  // empty: none was issued
  std::optional<TimePoint> expiresAt = {};        // of the access token; unset: unknown
  std::string scope = {};                         // empty: as requested (RFC 6749 section 3.3)
  std::optional<Seconds> lifetime = {};           // of the access token when it was issued; unset: unknown
  std::string subject = {};                       // whose they are: the id_token's `sub`; empty: none came
  std::string cookies = {};                       // that came with them and go with each request: `a=1; b=2`
  std::map<std::string, std::string> extra = {};  // further members, named as in AnswerPointers::extra
  // The login's private key (RFC 9449, generateDpopKey()), a secret; empty: its tokens are Bearer.
  std::string dpopKey = {};
  std::string resource = {};  // what the access token is for, as TokenEndpoint::resource

  friend bool operator==(const TokenSet&, const TokenSet&) = default;
};

// One that Session::destroy() or replace() has ended.
struct FormerLogin {
  TokenSet tokens;
  TimePoint startedAt;  // of its session
};

}  // namespace ironjar
