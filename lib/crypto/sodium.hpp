// libsodium, as far as ironjar uses it. Thread-safe; the library initialises itself on first use.
// Throws std::runtime_error where the machine cannot go on.
#pragma once

#include "base/bytes.hpp"

#include <span>

namespace ironjar::detail {

inline constexpr std::size_t aeadKeySize = 32;
inline constexpr std::size_t aeadNonceSize = 24;
inline constexpr std::size_t aeadTagSize = 16;

void random(MutableBytes out);
[[nodiscard]] bool equal(Bytes a, Bytes b);  // in constant time for equal sizes
void wipe(MutableBytes secret);

// BLAKE2b with a key of 16 to 64 bytes and an output of 16 to 64.
void blake2b(MutableBytes out, Bytes key, Bytes message);

// SipHash-2-4 with 128 bits of output, for tables whose keys come from outside.
inline constexpr std::size_t siphashSize = 16;
void siphash(std::span<unsigned char, siphashSize> out, std::span<const unsigned char, siphashSize> key, Bytes message);

// XChaCha20-Poly1305-IETF; `out` takes the ciphertext and its tag. `plaintext` may be the beginning of `out`.
void aeadSeal(MutableBytes out, Bytes plaintext, Bytes associatedData,
              std::span<const unsigned char, aeadNonceSize> nonce, std::span<const unsigned char, aeadKeySize> key);
// False, and `out` zeroed, when the tag does not verify. `sealed` is ciphertext and tag; `out` may be its beginning.
[[nodiscard]] bool aeadOpen(MutableBytes out, Bytes sealed, Bytes associatedData,
                            std::span<const unsigned char, aeadNonceSize> nonce,
                            std::span<const unsigned char, aeadKeySize> key);

}  // namespace ironjar::detail
