// JSON Web Tokens (RFC 7519) as text: their parts, those that are signed here, and claims that are read and not
// trusted: nothing is verified. They come from the token endpoint itself over TLS, and tell when to refresh and whose
// the tokens are. jws.hpp verifies.
#pragma once

#include "crypto/signing_key.hpp"

#include <optional>
#include <string>
#include <string_view>

#include <ironjar/error.hpp>
#include <ironjar/types.hpp>

namespace ironjar::detail {

// The compact form (RFC 7515 section 3.1): views into the token, in base64url.
struct CompactJwt {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signedText;  // header and payload with the point between them
};
// Nothing for what has not exactly three parts.
[[nodiscard]] std::optional<CompactJwt> splitJwt(std::string_view token);
// The bytes of a part, or of a key's number; nothing for what is not canonical base64url.
[[nodiscard]] std::optional<std::string> base64urlDecoded(std::string_view part);
[[nodiscard]] std::string base64urlEncoded(Bytes data);

// The `exp` of a text that looks like a JWT.
[[nodiscard]] std::optional<TimePoint> jwtExpiry(std::string_view token);
// Its `sub`; empty when there is none.
[[nodiscard]] std::string jwtSubject(std::string_view token);

// Signed in the compact form (RFC 7515 section 3.1). Errc::malformed for text that is no UTF-8.
[[nodiscard]] Result<std::string> signedJwt(const SigningKey& key, const Json& header, const Json& claims);
// The public half of an ES256 key (RFC 7517, RFC 7518 section 6.2.1).
[[nodiscard]] Json publicJwkOf(const SigningKey& key);
// A `jti`: 128 random bits.
[[nodiscard]] std::string freshJwtId();

}  // namespace ironjar::detail
