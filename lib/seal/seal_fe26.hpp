// Fe26.2, the format of @hapi/iron, iron-webcrypto and iron-session: AES-256-CBC, then HMAC-SHA256 over everything.
#pragma once

#include "seal/seal_format.hpp"

namespace ironjar::detail {

inline constexpr std::string_view fe26Prefix = "Fe26.2*";

[[nodiscard]] Result<std::string> sealFe26(const Plain& plain, const Key& key, const SealOptions& options,
                                           const SealFacts& facts);
[[nodiscard]] Result<Opened> openFe26(std::string_view text, const Keyring& keys, const SealOptions& options,
                                      const Attempt& attempt, Scratch& memory);

// A number; what else stands in its place is somebody's invention.
[[nodiscard]] std::string fe26KeyId(std::string_view text);

// The end that a seal claims, in unix milliseconds, without any proof; 0 for never and for what is no such seal.
[[nodiscard]] std::int64_t claimedEndOfFe26(std::string_view text);

}  // namespace ironjar::detail
