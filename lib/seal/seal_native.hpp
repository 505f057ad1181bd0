// The native format `ij1`: XChaCha20-Poly1305. lib/README.md is its specification.
#pragma once

#include "seal/seal_format.hpp"

namespace ironjar::detail {

inline constexpr std::string_view nativePrefix = "ij1.";

[[nodiscard]] Result<std::string> sealNative(const Plain& plain, const Key& key, const SealOptions& options,
                                             const SealFacts& facts);
[[nodiscard]] Result<Opened> openNative(std::string_view text, const Keyring& keys, const SealOptions& options,
                                        const Attempt& attempt, Scratch& memory);
// Hexadecimal.
[[nodiscard]] std::string nativeKeyId(std::string_view text);

}  // namespace ironjar::detail
