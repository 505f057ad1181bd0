// The native format `ij1`: XChaCha20-Poly1305. lib/README.md is its specification.
#pragma once

#include "seal_format.hpp"

namespace ironjar::detail {

inline constexpr std::string_view nativePrefix = "ij1.";

[[nodiscard]] Result<std::string> sealNative(const Plain& plain, const Key& key, const SealOptions& options,
                                             const SealFacts& facts);
[[nodiscard]] Result<Opened> openNative(std::string_view text, const Keyring& keys, const SealOptions& options,
                                        TimePoint now, Scratch& memory);

}  // namespace ironjar::detail
