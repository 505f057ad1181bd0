// DPoP (RFC 9449): tokens that are of no use without a private key. Each login has a key of its own, in its session.
// Each request of performFetch and of a refresh carries a proof that is signed with that key, with the nonce that the
// server has asked for.
//
// Example:
//   const std::string key = ironjar::generateDpopKey();  // at each login
//   const ironjar::FetchOptions& options = fetcher.options();
//   const ironjar::Headers fields = {{"grant_type", "authorization_code"}, {"code", "…"}};
//   const auto tokens = ironjar::requestTokens(options.transport, options.tokenEndpoint, fields, {.dpopKey = key});
//   if (tokens) session.setTokens(*tokens);  // the key is among them: TokenSet::dpopKey
#pragma once

#include <string>
#include <string_view>

#include <ironjar/token_endpoint.hpp>

namespace ironjar {

// A new private key of P-256 for ES256, 43 characters: its number (SEC 1 section 3.2.1) in base64url. A secret, as
// refresh tokens are.
[[nodiscard]] std::string generateDpopKey();

// The JWK thumbprint of its public key (RFC 7638), which an authorization request may name as `dpop_jkt` (RFC 9449
// section 10). Errc::malformed for a text that is no such key.
[[nodiscard]] Result<std::string> dpopThumbprint(std::string_view key);

// The request that a proof is for.
struct DpopProof {
  std::string method;
  std::string url;               // absolute; its query is left out of the proof
  std::string accessToken = {};  // that goes with the request; empty: none, as at a token endpoint
  std::string nonce = {};        // the newest DPoP-Nonce of that server; empty: none has come
  Clock now = systemClock;
};

// The value of one request's DPoP field, for requests that an application makes by itself (CustomRefresh, UserInfo,
// pushed authorization requests). Make one for each request: servers refuse a proof that comes again. Errc::malformed
// for a key or a URL that is none, and for text that is no UTF-8.
[[nodiscard]] Result<std::string> dpopProof(std::string_view key, const DpopProof& proof);

}  // namespace ironjar
