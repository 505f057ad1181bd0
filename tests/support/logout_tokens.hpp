// Logout tokens (OpenID Connect Back-Channel Logout 1.0) that anything may be wrong with, the header too: signed with a
// key of their own.
#pragma once

#include "base/base64url.hpp"
#include "base/bytes.hpp"
#include "base/time.hpp"
#include "crypto/signing_key.hpp"
#include "oauth/jwt.hpp"
#include "support.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace support {

struct LogoutTokens {
  [[nodiscard]] Json jwk() const {
    const std::string point = key.p256Point();
    const auto half = [&](std::size_t at) {
      return ironjar::detail::base64urlEncoded(ironjar::detail::bytes(std::string_view(point).substr(at, 32)));
    };
    return {{"kty", "EC"}, {"crv", "P-256"}, {"kid", "k"}, {"x", half(0)}, {"y", half(32)}};
  }
  // For ada's session s-1, of the issuer https://id.example. What is null in a change is left out.
  [[nodiscard]] std::string token(ironjar::TimePoint at, const Json& change = Json::object(),
                                  const Json& headerChange = Json::object()) const {
    const auto seconds = ironjar::detail::unixSeconds(at);
    Json header = {{"alg", "ES256"}, {"kid", "k"}, {"typ", "logout+jwt"}};
    Json all = {{"iss", "https://id.example"},
                {"sub", "ada"},
                {"sid", "s-1"},
                {"aud", "web"},
                {"iat", seconds},
                {"exp", seconds + 120},
                {"jti", "jti-1"},
                {"events", {{"http://schemas.openid.net/event/backchannel-logout", Json::object()}}}};
    for (const auto& [part, changes] : {std::pair<Json*, const Json*>{&header, &headerChange}, {&all, &change}}) {
      part->update(*changes);
      for (const auto& [name, value] : changes->items()) {
        if (value.is_null()) part->erase(name);
      }
    }
    return ironjar::detail::signedJwt(key, header, all).value();
  }

  ironjar::detail::SigningKey key =
      ironjar::detail::SigningKey::ofP256(ironjar::detail::bytes("0123456789abcdef0123456789abcdef")).value();
};

}  // namespace support
