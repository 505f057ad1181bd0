// Fe26.2, the format of @hapi/iron, iron-webcrypto and iron-session: AES-256-CBC, then HMAC-SHA256 over everything.
#pragma once

#include "seal_format.hpp"

namespace ironjar::detail {

inline constexpr std::string_view fe26Prefix = "Fe26.2*";

[[nodiscard]] Result<std::string> sealFe26(const Plain& plain, const Key& key, const SealOptions& options, Seconds ttl);
[[nodiscard]] Result<Opened> openFe26(std::string_view text, const Keyring& keys, const SealOptions& options,
                                      Scratch& memory);

}  // namespace ironjar::detail
