// JSON Web Signatures (RFC 7515) that are verified, by JSON Web Keys (RFC 7517).
//
// By OpenSSL's EVP_DigestVerify: Debian's libcjose, which mod_auth_openidc takes, knows no EdDSA, and of all that it
// does, what is needed here are three parts of base64url, JSON and this one call.
#pragma once

#include "crypto/verifying_key.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <ironjar/id_token.hpp>

namespace ironjar::detail {

struct Jwk {
  std::string id;         // `kid`; empty: none
  std::string algorithm;  // `alg`; empty: any that fits the type
  VerifyingKey key;
};

// Nothing for a key that cannot verify here, as KeySet::parse says.
[[nodiscard]] std::optional<Jwk> readJwk(const Json& jwk);

struct VerifiedJwt {
  SignatureAlgorithm algorithm;
  Json claims;  // an object
};

// The claims of a token whose signature verifies, by one of the algorithms and a key of the set. `types` are the
// header's `typ` that are accepted, in lower case; a token without one is, too. Errors as verifyIdToken's, up to
// tampered.
[[nodiscard]] Result<VerifiedJwt> verifiedJwt(std::string_view token, const KeySet& keys,
                                              const std::vector<std::string>& algorithms,
                                              const std::vector<std::string_view>& types);

}  // namespace ironjar::detail
