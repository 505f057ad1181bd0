// The authorization request (RFC 6749 section 4.1.1, OpenID Connect Core 1.0 section 3.1.2.1) with PKCE (RFC 7636), and
// what comes back through the browser. Pure.
#pragma once

#include "base/form.hpp"

#include <optional>
#include <string>
#include <string_view>

#include <ironjar/error.hpp>
#include <ironjar/types.hpp>

namespace ironjar::detail {

// 32 random bytes, in base64url: `state`, `nonce`, and the code_verifier (RFC 7636 section 4.1).
[[nodiscard]] std::string freshSecret();
// RFC 7636 section 4.2: S256.
[[nodiscard]] std::string codeChallenge(std::string_view verifier);

// Whether a parameter of that name is ours to write, so that nobody else may.
[[nodiscard]] bool isReservedParameter(std::string_view name);

// The URL with these behind the query that it may have.
[[nodiscard]] std::string withQuery(std::string url, const FormFields& fields);

// RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207.
struct AuthorizationAnswer {
  std::string state = {};
  std::string code = {};
  std::string error = {};
  std::string issuer = {};
};
// From the query or the form's body. Errc::malformed when one of these comes twice, has more than 4 KiB, holds what is
// not visible ASCII, or when there is no state, or not either a code or an error; Errc::tooLarge over 16 KiB.
[[nodiscard]] Result<AuthorizationAnswer> readAuthorizationAnswer(std::string_view form);

// RFC 9207 section 2.4, for errors too. A provider that names itself always does.
[[nodiscard]] bool isFromIssuer(const AuthorizationAnswer& answer, std::string_view issuer, bool namesItself);

}  // namespace ironjar::detail
