// What a coordinator knows a refresh token by: a keyed hash of the token, its issuer and client.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ironjar::detail {

using TokenKey = std::array<unsigned char, 16>;

// The first bytes of a key, which is a hash already, under a key that nobody outside knows. Enough to know where in a
// table to look for the key: the last bits say in which slot, the first in which part of the table.
using TokenHash = std::uint32_t;

[[nodiscard]] inline TokenHash hashOf(const TokenKey& key) {
  TokenHash hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

struct TokenKeyHash {
  std::size_t operator()(const TokenKey& key) const noexcept {
    std::size_t hash = 0;
    std::memcpy(&hash, key.data(), sizeof hash);
    return hash;
  }
};

}  // namespace ironjar::detail
