// ID tokens (OpenID Connect Core 1.0 section 2): who has signed in, signed by the provider. Login verifies them by
// itself; this is for whoever gets one in another way.
//
// Example:
//   const ironjar::Result<ironjar::KeySet> keys = ironjar::KeySet::parse(response.body);  // of the provider's jwks_uri
//   const ironjar::IdTokenRules rules{.issuer = "https://id.example.com", .clientId = "web", .nonce = "…"};
//   const auto token = ironjar::verifyIdToken("eyJ…", *keys, rules, ironjar::systemClock());
//   if (token) session.set("sub", token->subject);
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/error.hpp>
#include <ironjar/types.hpp>

namespace ironjar {

namespace detail {

struct Jwk;

}  // namespace detail

// A provider's public keys (a JWK Set, RFC 7517 section 5). Immutable, thread-safe, cheap to copy.
class KeySet {
 public:
  KeySet() = default;  // no keys
  // Keys that cannot verify here are passed over: those of other types, curves and algorithms, RSA of less than 2,048
  // or more than 8,192 bits, what is not for signatures, what holds a private key, and what is none. Errc::malformed
  // for what is no JWK Set, Errc::tooLarge for more than 256 KiB or 100 keys.
  [[nodiscard]] static Result<KeySet> parse(std::string_view jwks);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] const std::vector<detail::Jwk>& keys() const;

 private:
  std::shared_ptr<const std::vector<detail::Jwk>> keys_;
};

// What an ID token has to say.
struct IdTokenRules {
  std::string issuer = {};                  // `iss`, exactly
  std::string clientId = {};                // in `aud`, and `azp` where there is one
  std::string nonce = {};                   // as the authorization request had it; empty: is not looked at
  std::string accessToken = {};             // that came along: an `at_hash` has to be its; empty: is not looked at
  std::optional<Seconds> maxAge = {};       // as the authorization request had it: `auth_time` has to be there
  std::vector<std::string> audiences = {};  // others that may be in `aud` beside the client; then there must be `azp`
  std::vector<std::string> algorithms = {"RS256", "PS256", "ES256", "EdDSA"};  // of these; there are no others here
  Seconds clockSkew{60};
};

struct IdToken {
  std::string subject;
  TimePoint expiresAt;
  Json claims;  // all of them
};

// OpenID Connect Core 1.0 section 3.1.3.7, for tokens that are signed and not encrypted. The key is chosen by `kid`
// among those that fit the algorithm; a token without one needs that only one fits. Keys that a token brings along
// (`jwk`, `jku`, `x5c`, `x5u`) are never used. The signature is verified before the claims are read. Total. Errors, in
// this order:
// - Errc::tooLarge: more than 16 KiB.
// - Errc::malformed: not three parts of canonical base64url, a header that is no JSON object; later, claims that are
//   none, or of another type than they must have.
// - Errc::unsupported: another algorithm, `none` and `HS256` among them; extensions that must be understood (`crit`).
// - Errc::notAllowed: a token of another type (`typ`); later, an issuer, audience, party, nonce or hash that is not the
//   one wanted.
// - Errc::unknownKey: no key of that name fits the algorithm. The provider may have newer keys.
// - Errc::tampered: the signature does not verify.
// - Errc::expired, Errc::notYetValid: by `exp`; by `iat` and `nbf`.
// - Errc::loginRequired: the user has signed in longer ago than maxAge.
[[nodiscard]] Result<IdToken> verifyIdToken(std::string_view token, const KeySet& keys, const IdTokenRules& rules,
                                            TimePoint now);

}  // namespace ironjar
