// DPoP proofs (RFC 9449 section 4.3) as the test kit's servers read them. Their signature is not verified. Part of
// Provider and Api.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include <ironjar/dpop.hpp>
#include <ironjar/jwt.hpp>
#include <ironjar/testing/text.hpp>

namespace ironjar::testing::detail {

// A proof's header, or its claims; null for what is none.
inline Json proofPart(std::string_view proof, unsigned number) {
  for (; number > 0; --number) proof.remove_prefix(std::min(proof.find('.'), proof.size() - 1) + 1);
  return Json::parse(base64urlDecoded(proof.substr(0, proof.find('.'))), nullptr, false);
}

// The public key in a request's proof; empty: it has none.
inline std::string proofKeyOf(const Request& request) {
  const Json header = proofPart(findHeader(request.headers, "DPoP").value_or("."), 0);
  return header.is_object() && header.contains("jwk") ? header.at("jwk").dump() : std::string();
}
inline std::string publicKeyOf(const std::string& dpopKey) { return publicJwk(dpopKey).value().dump(); }

// SHA-256 in base64url, of visible ASCII: what a proof says of the access token that goes with it (RFC 9449
// section 4.2).
inline std::string sha256Of(const std::string& text) {
  const DpopProof about{.method = "GET", .url = "https://id.example", .accessToken = text};
  return proofPart(dpopProof(generateDpopKey(), about).value(), 1).value("ath", "");
}

// What a proof has to be.
struct ProofRules {
  std::string key = {};          // whose it is: the public one that the tokens are bound to; empty: anybody's
  std::string accessToken = {};  // that comes with it
  std::string nonce = {};        // asked for; empty: none is
};

// The error that a request's proof gets; null: it is good, or there is none and none is needed. Notes its id.
inline const char* proofError(const Request& request, const ProofRules& rules, std::set<std::string>& ids) {
  const auto proof = findHeader(request.headers, "DPoP");
  if (!proof && rules.key.empty()) return nullptr;
  const Json claims = proofPart(proof.value_or("."), 1);
  // What a good one says: made by the library, whose proofs have tests of their own, to save a SHA-256 here.
  const std::string own =
      dpopProof(generateDpopKey(), {.method = request.method, .url = request.url, .accessToken = rules.accessToken})
          .value_or(".");
  const Json expected = proofPart(own, 1);
  if (!claims.is_object() || !expected.is_object()) return "invalid_dpop_proof";
  for (const char* name : {"htm", "htu", "ath"}) {
    if (claims.value(name, Json()) != expected.value(name, Json())) return "invalid_dpop_proof";
  }
  constexpr std::size_t most = 100'000;
  if (ids.size() >= most) ids.clear();
  const bool isNew = ids.insert(claims.value("jti", Json()).dump()).second;
  if (!isNew || (!rules.key.empty() && rules.key != proofKeyOf(request))) return "invalid_dpop_proof";
  return rules.nonce.empty() || claims.value("nonce", Json()) == rules.nonce ? nullptr : "use_dpop_nonce";
}

}  // namespace ironjar::testing::detail
