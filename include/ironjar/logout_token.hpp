// Logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4): the provider says, signed, that a user has signed
// out. Login's routes take them by themselves; this is for whoever gets one in another way.
//
// Example:
//   const auto revoked = std::make_shared<ironjar::LocalRevocationList>();
//   const ironjar::Result<ironjar::KeySet> keys = ironjar::KeySet::parse(response.body);  // of the provider's jwks_uri
//   const ironjar::LogoutTokenRules rules{.issuer = "https://id.example.com", .clientId = "web"};
//   const auto token = ironjar::verifyLogoutToken("eyJ…", *keys, rules, ironjar::systemClock());
//   if (token && ironjar::backChannelLogout(*revoked, *token)) std::clog << "signed out\n";
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <ironjar/id_token.hpp>
#include <ironjar/revocation.hpp>

namespace ironjar {

// What a logout token has to say.
struct LogoutTokenRules {
  std::string issuer = {};                  // `iss`, exactly
  std::string clientId = {};                // in `aud`
  std::vector<std::string> audiences = {};  // others that may be in `aud` beside the client
  std::vector<std::string> algorithms = IdTokenRules().algorithms;
  Seconds clockSkew{60};
};

// Section 2.6, but for the `jti`, which backChannelLogout() looks at. A token lasts until its `exp`, and for an hour
// from its `iat` at most; one without `exp`, for two minutes. Its `typ` may be missing, `logout+jwt` or `JWT`. Total.
// Errors as verifyIdToken's, in its order, but loginRequired; and
// - Errc::malformed: without `iat`, `jti` or `events`, or with neither `sub` nor `sid`; or one of another type.
// - Errc::notAllowed: events that are no logout; a `nonce`, as ID tokens have it.
[[nodiscard]] Result<LogoutToken> verifyLogoutToken(std::string_view token, const KeySet& keys,
                                                    const LogoutTokenRules& rules, TimePoint now);

}  // namespace ironjar
