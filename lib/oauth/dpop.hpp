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

// The newest nonce of each origin (RFC 9449 sections 8.2 and 9). The caller bounds the origins: they come from
// configuration. Thread-safe.
class DpopNonces {
 public:
  [[nodiscard]] std::string of(const std::string& origin) const;
  // Keeps the one that the response brings, of the characters of section 8.1 and of at most 1 KiB. A response that
  // finds the proof invalid and brings none has the origin's forgotten: a server that asks for none any more need not
  // take one. True: the next proof differs, so that another try makes sense where this one was refused.
  bool take(const std::string& origin, const Response& response);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> newest_;
};

// The errors about a proof: it lacks the nonce (sections 8 and 9), or is invalid (sections 5 and 7.1).
inline constexpr std::string_view nonceWanted = "use_dpop_nonce";
inline constexpr std::string_view proofInvalid = "invalid_dpop_proof";

// Whether an API's answer is about the proof, so that other tokens would not help.
[[nodiscard]] bool refusesProof(const Response& response);

// Puts a proof into the request, in place of one that is there. Errc::loginRequired for a key that is none: nothing can
// be done with the tokens but to sign in again.
[[nodiscard]] std::optional<Error> prove(Request& request, std::string_view key, const std::string& accessToken,
                                         const std::string& nonce, const Clock& now);

[[nodiscard]] std::optional<SigningKey> dpopSigningKey(std::string_view key);
[[nodiscard]] std::string accessTokenHash(std::string_view accessToken);  // `ath`, section 4.2
[[nodiscard]] std::string thumbprintOf(const Json& jwk);                  // of a P-256 key, RFC 7638 section 3

}  // namespace ironjar::detail
