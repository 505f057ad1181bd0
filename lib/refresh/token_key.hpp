// What a coordinator knows a refresh token by: a keyed hash of the token, its issuer and client.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>

namespace ironjar::detail {

using TokenKey = std::array<unsigned char, 16>;

// The key is a hash already, under a key that nobody outside knows.
struct TokenKeyHash {
  std::size_t operator()(const TokenKey& key) const noexcept {
    std::size_t hash = 0;
    std::memcpy(&hash, key.data(), sizeof hash);
    return hash;
  }
};

}  // namespace ironjar::detail
