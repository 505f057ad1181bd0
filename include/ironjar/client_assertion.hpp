// Client authentication by a signed assertion (RFC 7523 section 2.2): private_key_jwt and client_secret_jwt of OpenID
// Connect Core section 9. Each request to the provider has an assertion of its own.
//
// Example:
//   const ironjar::TokenEndpoint endpoint{
//       .url = "https://id.example.com/token",
//       .clientAuth = ironjar::privateKeyJwt({.clientId = "web", .audience = "https://id.example.com", .keyId = "k1"},
//                                            std::getenv("CLIENT_KEY"))};
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <ironjar/token_endpoint.hpp>

namespace ironjar {

struct ClientAssertion {
  std::string clientId;        // required: `iss` and `sub`
  std::string audience;        // required: `aud`. The issuer or the token endpoint's URL, whichever the provider wants
  std::string keyId = {};      // `kid`, by which it finds the public key; left out when empty
  std::string algorithm = {};  // RS256, PS256, ES256 or EdDSA; empty: RS256, ES256 or EdDSA, as the key is
  Seconds lifetime{60};        // `exp`, from now; at most an hour
  Clock now = systemClock;
};

// They throw std::invalid_argument, saying what to change and nothing of the key.

// `key` is an unencrypted private key as PEM: RSA of 2,048 bits or more, P-256, or Ed25519.
[[nodiscard]] ClientAuth privateKeyJwt(ClientAssertion assertion, const char* key);
// Asked for the key before each request, from several threads at once, so that it may change while the program runs.
// What it throws, or a key that is none of these, is a refresh that fails, for all.
[[nodiscard]] ClientAuth privateKeyJwt(ClientAssertion assertion, std::function<std::string()> key);

// HS256, with a secret of 32 bytes or more (RFC 7518 section 3.2). `algorithm` stays empty.
[[nodiscard]] ClientAuth clientSecretJwt(ClientAssertion assertion, const char* secret);

}  // namespace ironjar
