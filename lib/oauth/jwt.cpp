#include "oauth/jwt.hpp"

#include "base/base64url.hpp"
#include "crypto/sodium.hpp"
#include "json/json.hpp"
#include "oauth/dpop.hpp"
#include "oauth/policy.hpp"

#include <array>

#include <ironjar/jwt.hpp>

namespace ironjar::detail {

std::optional<CompactJwt> splitJwt(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  return CompactJwt{.header = token.substr(0, first),
                    .payload = token.substr(first + 1, second - first - 1),
                    .signature = token.substr(second + 1),
                    .signedText = token.substr(0, second)};
}

std::optional<std::string> base64urlDecoded(std::string_view part) {
  std::string data(base64urlDecodedSize(part.size()), '\0');
  return decodeBase64url(part, writable(data.data(), data.size())) ? std::optional(std::move(data)) : std::nullopt;
}

std::string base64urlEncoded(Bytes data) {
  std::string text;
  appendBase64url(text, data);
  return text;
}

namespace {

std::optional<Json> claimsOf(std::string_view token) {
  const std::optional<CompactJwt> parts = splitJwt(token);
  const auto payload = parts ? base64urlDecoded(parts->payload) : std::nullopt;
  if (!payload) return std::nullopt;
  Result<Json> claims = parseJson(*payload);
  if (!claims || !claims->is_object()) return std::nullopt;
  return *std::move(claims);
}

}  // namespace

std::optional<TimePoint> jwtExpiry(std::string_view token) {
  const std::optional<Json> claims = claimsOf(token);
  if (!claims || !claims->contains("exp") || !claims->at("exp").is_number()) return std::nullopt;
  const auto seconds = claims->at("exp").get<double>();
  if (!(seconds > 0 && seconds < latestSeconds)) return std::nullopt;
  return TimePoint(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

std::string jwtSubject(std::string_view token) {
  const std::optional<Json> claims = claimsOf(token);
  if (!claims || !claims->contains("sub") || !claims->at("sub").is_string()) return {};
  return claims->at("sub").get<std::string>();
}

Result<std::string> signedJwt(const SigningKey& key, const Json& header, const Json& claims) {
  std::string token;
  for (const Json* part : {&header, &claims}) {
    const Result<std::string> json = writeJson(*part);
    if (!json) return json.error();
    if (!token.empty()) token += '.';
    appendBase64url(token, bytes(*json));
  }
  const std::string signature = key.sign(token);
  token += '.';
  appendBase64url(token, bytes(signature));
  return token;
}

Json publicJwkOf(const SigningKey& key) {
  const std::string point = key.p256Point();
  const Bytes numbers = bytes(point);
  return {{"kty", "EC"},
          {"crv", "P-256"},
          {"x", base64urlEncoded(numbers.first(p256Size))},
          {"y", base64urlEncoded(numbers.last(p256Size))}};
}

std::string freshJwtId() {
  std::array<unsigned char, 16> number{};
  random(number);
  return base64urlEncoded(number);
}

}  // namespace ironjar::detail

namespace ironjar {

Result<std::string> signJwt(std::string_view key, Json header, const Json& claims) {
  const std::optional<detail::SigningKey> signer = detail::dpopSigningKey(key);
  if (!signer) return fail(Errc::malformed, "the key is none");
  if (!header.is_object()) return fail(Errc::malformed, "a JWT's header is an object");
  header["alg"] = signer->algorithm();
  return detail::signedJwt(*signer, header, claims);
}

Result<Json> publicJwk(std::string_view key) {
  const std::optional<detail::SigningKey> signer = detail::dpopSigningKey(key);
  if (!signer) return fail(Errc::malformed, "the key is none");
  return detail::publicJwkOf(*signer);
}

}  // namespace ironjar
