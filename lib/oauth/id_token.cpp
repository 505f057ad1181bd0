#include "base/bytes.hpp"
#include "crypto/libcrypto.hpp"
#include "crypto/sodium.hpp"
#include "oauth/claims.hpp"
#include "oauth/jws.hpp"
#include "oauth/jwt.hpp"

#include <algorithm>
#include <array>

#include <ironjar/id_token.hpp>

namespace ironjar {
namespace {

using detail::isClaim;
using detail::SignatureAlgorithm;
using detail::timeIn;
using detail::VerifiedJwt;

using Problem = std::optional<Error>;

// Steps 3 to 5. The list must have the client, and besides only those that it trusts.
Problem audienceProblem(const Json& claims, const IdTokenRules& rules) {
  const Result<std::size_t> count = detail::audiencesIn(claims, rules.clientId, rules.audiences);
  if (!count) return count.error();
  const bool mustHaveParty = *count > 1 || claims.contains("azp");
  if (mustHaveParty && !isClaim(claims, "azp", rules.clientId)) return fail(Errc::notAllowed, "for another party");
  return std::nullopt;
}

// Steps 9, 10 and 13.
Problem timeProblem(const Json& claims, const IdTokenRules& rules, TimePoint now) {
  const double clock = detail::unixTimeOf(now);
  const auto skew = static_cast<double>(rules.clockSkew.count());
  const auto end = timeIn(claims, "exp");
  const auto issued = timeIn(claims, "iat");
  const auto notBefore = timeIn(claims, "nbf");
  const auto signedIn = timeIn(claims, "auth_time");
  for (const auto* time : {&end, &issued, &notBefore, &signedIn}) {
    if (!*time) return time->error();
  }
  if (!*end || !*issued) return fail(Errc::malformed, "exp or iat is missing");
  if (clock >= **end + skew) return fail(Errc::expired, "the token has ended");
  if (std::max(**issued, notBefore->value_or(0)) > clock + skew) return fail(Errc::notYetValid, "not valid yet");
  if (!rules.maxAge) return std::nullopt;
  if (!*signedIn) return fail(Errc::malformed, "auth_time is missing");
  if (clock > **signedIn + static_cast<double>(rules.maxAge->count()) + skew) {
    return fail(Errc::loginRequired, "the user has signed in too long ago");
  }
  return std::nullopt;
}

bool isNonce(const Json& claims, const std::string& wanted) {
  const auto claim = claims.find("nonce");
  if (claim == claims.end() || !claim->is_string()) return false;
  return detail::equal(detail::bytes(claim->get_ref<const std::string&>()), detail::bytes(wanted));
}

// Section 3.1.3.6: the left half of a hash, the one of the token's own signature.
std::string halfHash(SignatureAlgorithm algorithm, std::string_view text) {
  std::array<unsigned char, detail::sha512Size> hash{};
  const bool isLong = algorithm == SignatureAlgorithm::edDsa;  // Ed25519's is SHA-512 (RFC 8032 section 5.1)
  const std::span all(hash);
  if (isLong) detail::sha512(hash, detail::bytes(text));
  if (!isLong) detail::sha256(all.first<detail::sha256Size>(), detail::bytes(text));
  return detail::base64urlEncoded(detail::Bytes(hash).first((isLong ? detail::sha512Size : detail::sha256Size) / 2));
}

Problem problemOf(const VerifiedJwt& jwt, const IdTokenRules& rules, TimePoint now) {
  const Json& claims = jwt.claims;
  if (!isClaim(claims, "iss", rules.issuer)) return fail(Errc::notAllowed, "of another issuer");
  const Result<std::string> subject = detail::identifierIn(claims, "sub");
  if (!subject || subject->empty()) return fail(Errc::malformed, "no subject of 1 to 255 characters");
  if (auto problem = audienceProblem(claims, rules)) return problem;
  if (auto problem = timeProblem(claims, rules, now)) return problem;
  if (!rules.nonce.empty() && !isNonce(claims, rules.nonce)) return fail(Errc::notAllowed, "another nonce");
  if (!rules.accessToken.empty() && claims.contains("at_hash") &&
      !isClaim(claims, "at_hash", halfHash(jwt.algorithm, rules.accessToken))) {
    return fail(Errc::notAllowed, "of another access token");
  }
  return std::nullopt;
}

}  // namespace

Result<IdToken> verifyIdToken(std::string_view token, const KeySet& keys, const IdTokenRules& rules, TimePoint now) {
  Result<VerifiedJwt> jwt = detail::verifiedJwt(token, keys, rules.algorithms, {"jwt"});
  if (!jwt) return jwt.error();
  if (auto problem = problemOf(*jwt, rules, now)) return *std::move(problem);
  IdToken verified;
  verified.subject = jwt->claims["sub"].get<std::string>();
  verified.expiresAt = detail::timeOf(jwt->claims["exp"].get<double>());
  verified.claims = std::move(jwt->claims);
  return verified;
}

}  // namespace ironjar
