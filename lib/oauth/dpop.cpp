#include "oauth/dpop.hpp"

#include "base/ascii.hpp"
#include "base/base64url.hpp"
#include "base/time.hpp"
#include "base/url.hpp"
#include "crypto/libcrypto.hpp"
#include "crypto/secret.hpp"
#include "json/json_lenient.hpp"
#include "oauth/jwt.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <ironjar/challenges.hpp>

namespace ironjar {
namespace {

constexpr std::size_t longestNonce = 1024;
constexpr int badRequest = 400;
constexpr int unauthorized = 401;
constexpr const char* noKey = "the DPoP key is none";

// NQCHAR of RFC 6749 appendix A.
bool isNonceCharacter(char c) { return detail::isVisible(c) && c != '"' && c != '\\'; }

std::string hashOf(std::string_view text) {
  std::array<unsigned char, detail::sha256Size> hash{};
  detail::sha256(hash, detail::bytes(text));
  return detail::base64urlEncoded(hash);
}

bool isChallenged(const Response& response, std::string_view error) {
  const std::vector<Challenge> challenges = challengesIn(response);
  return std::any_of(challenges.begin(), challenges.end(), [error](const Challenge& challenge) {
    return findHeader(challenge.parameters, "error") == error;
  });
}

// RFC 9449 sections 5 and 7.1. An API's body is not looked at: it may hold what a user has sent.
bool findsInvalid(const Response& response, detail::DpopServer server) {
  if (server == detail::DpopServer::api) {
    return response.status == unauthorized && isChallenged(response, detail::proofInvalid);
  }
  if (response.status != badRequest && response.status != unauthorized) return false;
  const Result<Json> body = detail::parseLenientJson(response.body, {{.pointer = "/error", .isExact = false}});
  return body && body->is_object() && body->value("error", Json()) == detail::proofInvalid;
}

}  // namespace

std::optional<detail::SigningKey> detail::dpopSigningKey(std::string_view key) {
  if (key.size() != base64urlSize(p256Size)) return std::nullopt;
  Secret<p256Size> number;
  if (!decodeBase64url(key, number.fill())) return std::nullopt;
  return SigningKey::ofP256(number.expose());
}

std::string detail::accessTokenHash(std::string_view accessToken) { return hashOf(accessToken); }

// Its required members alone, in the order of their names.
std::string detail::thumbprintOf(const Json& jwk) {
  return hashOf(Json{{"crv", jwk.at("crv")}, {"kty", jwk.at("kty")}, {"x", jwk.at("x")}, {"y", jwk.at("y")}}.dump());
}

std::string detail::DpopNonces::of(const std::string& origin) const {
  const std::lock_guard lock(mutex_);
  const auto known = newest_.find(origin);
  return known == newest_.end() ? std::string() : known->second;
}

bool detail::DpopNonces::take(const std::string& origin, const Response& response, DpopServer server) {
  const auto nonce = findHeader(response.headers, "DPoP-Nonce");
  const bool isUsable = nonce && !nonce->empty() && nonce->size() <= longestNonce && allOf(*nonce, isNonceCharacter);
  if (!isUsable && !findsInvalid(response, server)) return false;
  const std::lock_guard lock(mutex_);
  if (!isUsable) return newest_.erase(origin) > 0;
  newest_[origin] = *nonce;
  return true;
}

bool detail::refusesProof(const Response& response) {
  return response.status == unauthorized &&
         (isChallenged(response, nonceWanted) || isChallenged(response, proofInvalid));
}

std::optional<Error> detail::prove(Request& request, std::string_view key, const std::string& accessToken,
                                   const std::string& nonce, const Clock& now) {
  Result<std::string> proof = dpopProof(
      key, {.method = request.method, .url = request.url, .accessToken = accessToken, .nonce = nonce, .now = now});
  if (!proof) return fail(Errc::loginRequired, proof.error().detail);
  eraseHeader(request.headers, "DPoP");
  request.headers.emplace_back("DPoP", *std::move(proof));
  return std::nullopt;
}

std::string generateDpopKey() {
  while (true) {  // one number in 2^32 is out of range
    detail::Secret<detail::p256Size> number;
    detail::random(number.fill());
    if (detail::SigningKey::ofP256(number.expose())) return detail::base64urlEncoded(number.expose());
  }
}

Result<std::string> dpopThumbprint(std::string_view key) {
  const auto signer = detail::dpopSigningKey(key);
  if (!signer) return fail(Errc::malformed, noKey);
  return detail::thumbprintOf(detail::publicJwkOf(*signer));
}

// RFC 9449 section 4.2. `htu` is normalised as section 4.3 has the server do.
Result<std::string> dpopProof(std::string_view key, const DpopProof& proof) {
  const auto signer = detail::dpopSigningKey(key);
  if (!signer) return fail(Errc::malformed, noKey);
  const Result<detail::Url> url = detail::parseUrl(proof.url);
  if (!url) return url.error();
  Json claims = {{"jti", detail::freshJwtId()},
                 {"htm", proof.method},
                 {"htu", url->origin + std::string(url->path())},
                 {"iat", detail::unixSeconds(proof.now())}};
  if (!proof.accessToken.empty()) claims["ath"] = hashOf(proof.accessToken);
  if (!proof.nonce.empty()) claims["nonce"] = proof.nonce;
  return detail::signedJwt(
      *signer, {{"typ", "dpop+jwt"}, {"alg", signer->algorithm()}, {"jwk", detail::publicJwkOf(*signer)}}, claims);
}

}  // namespace ironjar
