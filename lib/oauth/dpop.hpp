// What the rest of the library asks of DPoP (RFC 9449): the nonces that servers give, and how they ask for them.
#pragma once

#include "crypto/signing_key.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <ironjar/dpop.hpp>

namespace ironjar::detail {

enum class DpopServer { tokenEndpoint, api };

// The newest nonce of each origin (RFC 9449 sections 8.2 and 9). The caller bounds the origins: they come from
// configuration. Thread-safe.
class DpopNonces {
 public:
  [[nodiscard]] std::string of(const std::string& origin) const;
  // Stores the nonce that the response brings, if it has at most 1 KiB and only the characters of section 8.1. A
  // response that says the proof is invalid and brings no nonce makes the stored one forgotten, since a server that has
  // stopped asking for nonces need not accept one. True when that changes the next proof: a request whose proof was
  // refused may be tried again.
  bool take(const std::string& origin, const Response& response, DpopServer server);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> newest_;
};

// The errors about a proof: it lacks the nonce (sections 8 and 9), or is invalid (sections 5 and 7.1).
inline constexpr std::string_view nonceWanted = "use_dpop_nonce";
inline constexpr std::string_view proofInvalid = "invalid_dpop_proof";

// Whether an API's answer is about the proof, so that other tokens would not help.
[[nodiscard]] bool refusesProof(const Response& response);

// Puts a proof into the request, in place of one that is there. Errc::loginRequired for a key that is no key: its
// tokens cannot be used, so the user must sign in again.
[[nodiscard]] std::optional<Error> prove(Request& request, std::string_view key, const std::string& accessToken,
                                         const std::string& nonce, const Clock& now);

[[nodiscard]] std::optional<SigningKey> dpopSigningKey(std::string_view key);
[[nodiscard]] std::string accessTokenHash(std::string_view accessToken);  // `ath`, section 4.2
[[nodiscard]] std::string thumbprintOf(const Json& jwk);                  // of a P-256 key, RFC 7638 section 3

}  // namespace ironjar::detail
