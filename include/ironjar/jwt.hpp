// JSON Web Tokens of one's own (RFC 7519), for programs that are a provider: in tests, above all. The test kit's
// provider signs its ID tokens with them.
//
// Example:
//   const std::string key = ironjar::generateDpopKey();  // P-256, as any other
//   const ironjar::Json jwk = ironjar::publicJwk(key).value();
//   const std::string token = ironjar::signJwt(key, {{"typ", "JWT"}}, {{"iss", "https://id.example"}}).value();
#pragma once

#include <string>
#include <string_view>

#include <ironjar/error.hpp>
#include <ironjar/types.hpp>

namespace ironjar {

// Signed with ES256, in the compact form (RFC 7515 section 3.1). The key is one of generateDpopKey(); the header's
// `alg` is set here. Errc::malformed for a key that is none, a header that is no object, and text that is no UTF-8.
[[nodiscard]] Result<std::string> signJwt(std::string_view key, Json header, const Json& claims);

// The public half of such a key, to publish (RFC 7517, RFC 7518 section 6.2.1): `kty`, `crv`, `x` and `y`.
// Errc::malformed for a text that is no such key.
[[nodiscard]] Result<Json> publicJwk(std::string_view key);

}  // namespace ironjar
