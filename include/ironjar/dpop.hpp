// DPoP (RFC 9449): tokens that are of no use without a private key. A login has a key of its own, which is kept in its
// session. From there performFetch and refreshes take it: each of their requests carries a proof that is signed with
// it, with the nonces that the servers ask for.
//
// Example:
//   const std::string key = ironjar::generateDpopKey();  // at each login
//   const ironjar::FetchOptions& options = fetcher.options();
//   const auto tokens = ironjar::requestTokens(options.transport, options.tokenEndpoint,
//                                              {{"grant_type", "authorization_code"}, {"code", "…"}}, {.dpopKey =
//                                              key});
//   if (tokens) session.setTokens(*tokens);  // the key is among them: TokenSet::dpopKey
#pragma once

#include <string>
#include <string_view>

#include <ironjar/token_endpoint.hpp>

namespace ironjar {

// A private key of P-256 for ES256: its number, in base64url, 43 characters. A secret, as refresh tokens are.
[[nodiscard]] std::string generateDpopKey();

// The JWK thumbprint of its public key (RFC 7638), which an authorization request may name as `dpop_jkt` (RFC 9449
// section 10). Errc::malformed for what is no key.
[[nodiscard]] Result<std::string> dpopThumbprint(std::string_view key);

// What a proof is about.
struct DpopProof {
  std::string method;
  std::string url;               // absolute; its query goes not into the proof
  std::string accessToken = {};  // that the request carries; empty: none, as at a token endpoint
  std::string nonce = {};        // the newest DPoP-Nonce of that server
  Clock now = systemClock;
};

// The value of one request's DPoP field, for requests that an application makes by itself (CustomRefresh, UserInfo,
// pushed authorization requests). Each request needs one of its own. Errc::malformed for a key or a URL that is none,
// and for text that is no UTF-8.
[[nodiscard]] Result<std::string> dpopProof(std::string_view key, const DpopProof& proof);

}  // namespace ironjar
