#include "oauth/jwt.hpp"

#include "base/base64url.hpp"
#include "crypto/sodium.hpp"
#include "json/json.hpp"

#include <array>

namespace ironjar::detail {

namespace {

std::optional<Json> claimsOf(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  const std::string_view part = token.substr(first + 1, second - first - 1);
  std::string payload(base64urlDecodedSize(part.size()), '\0');
  if (!decodeBase64url(part, writable(payload.data(), payload.size()))) return std::nullopt;
  Result<Json> claims = parseJson(payload);
  if (!claims || !claims->is_object()) return std::nullopt;
  return *std::move(claims);
}

}  // namespace

std::optional<TimePoint> jwtExpiry(std::string_view token) {
  constexpr double latest = 9'000'000'000;  // the year 2255
  const std::optional<Json> claims = claimsOf(token);
  if (!claims || !claims->contains("exp") || !claims->at("exp").is_number()) return std::nullopt;
  const auto seconds = claims->at("exp").get<double>();
  if (!(seconds > 0 && seconds < latest)) return std::nullopt;
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

std::string freshJwtId() {
  std::array<unsigned char, 16> number{};
  random(number);
  std::string id;
  appendBase64url(id, number);
  return id;
}

}  // namespace ironjar::detail
