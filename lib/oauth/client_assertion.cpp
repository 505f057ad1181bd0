#include "base/time.hpp"
#include "base/utf8.hpp"
#include "crypto/secret.hpp"
#include "crypto/signing_key.hpp"
#include "oauth/jwt.hpp"

#include <memory>
#include <stdexcept>

#include <ironjar/client_assertion.hpp>

namespace ironjar {
namespace {

constexpr Seconds longestLifetime = std::chrono::hours{1};

[[noreturn]] void refuse(const char* why) {
  throw std::invalid_argument(std::string("ironjar: ClientAssertion: ") + why);
}

void requireValid(const ClientAssertion& assertion) {
  if (assertion.audience.empty()) refuse("audience is empty: it is the issuer, or the token endpoint's URL");
  for (const std::string& text : {assertion.clientId, assertion.audience, assertion.keyId}) {
    if (!detail::utf16Length(text)) refuse("clientId, audience and keyId must be UTF-8");
  }
  if (assertion.lifetime <= Seconds{0} || assertion.lifetime > longestLifetime) {
    refuse("lifetime is between a second and an hour");
  }
  if (!assertion.now) refuse("now is no clock");
}

// A JSON Web Token (RFC 7519) with the claims of RFC 7523 section 3.
std::string signedBy(const detail::SigningKey& key, const ClientAssertion& assertion) {
  const std::int64_t now = detail::unixSeconds(assertion.now());
  Json header = {{"alg", key.algorithm()}, {"typ", "JWT"}};
  if (!assertion.keyId.empty()) header["kid"] = assertion.keyId;
  return detail::signedJwt(key, header,
                           {{"iss", assertion.clientId},
                            {"sub", assertion.clientId},
                            {"aud", assertion.audience},
                            {"jti", detail::freshJwtId()},
                            {"iat", now},
                            {"exp", now + assertion.lifetime.count()}})
      .value();
}

using KeyNow = std::function<detail::SigningKey()>;

ClientAuth assertedBy(ClientAssertion assertion, KeyNow key) {
  requireValid(assertion);
  const std::string clientId = assertion.clientId;
  return customAuth(clientId.c_str(), [assertion = std::move(assertion), key = std::move(key)] {
    return ClientCredentials{
        .parameters = {{"client_id", assertion.clientId},
                       {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
                       {"client_assertion", signedBy(key(), assertion)}}};
  });
}

KeyNow always(detail::SigningKey key) {
  return [key = std::move(key)] { return key; };
}

}  // namespace

ClientAuth privateKeyJwt(ClientAssertion assertion, const char* key) {
  if (key == nullptr) refuse("the key is missing: is its environment variable set?");
  KeyNow known = always(detail::SigningKey::ofPem(key, assertion.algorithm));
  return assertedBy(std::move(assertion), std::move(known));
}

ClientAuth privateKeyJwt(ClientAssertion assertion, std::function<std::string()> key) {
  if (!key) refuse("privateKeyJwt() was given no function");
  return assertedBy(assertion, [key = std::move(key), algorithm = assertion.algorithm] {
    std::string pem = key();
    const detail::WipeAtExit wiped(pem);
    return detail::SigningKey::ofPem(pem, algorithm);
  });
}

ClientAuth clientSecretJwt(ClientAssertion assertion, const char* secret) {
  if (secret == nullptr) refuse("the secret is missing: is its environment variable set?");
  if (!assertion.algorithm.empty()) refuse("clientSecretJwt() signs with HS256: leave algorithm empty");
  return assertedBy(std::move(assertion), always(detail::SigningKey::ofSecret(secret)));
}

}  // namespace ironjar
