// What the two formats share, and what the session floor needs beyond sealData and unsealData.
#pragma once

#include "detail/keyring.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <ironjar/seal.hpp>

namespace ironjar::detail {

// What survives re-sealing (native seals only): when the session began, and its random identity.
struct Lineage {
  std::int64_t start = 0;  // unix seconds
  std::array<unsigned char, 16> id{};
};

struct Unsealed {
  Json data;
  SealFormat format = SealFormat::native;
  bool newestKey = true;
  std::int64_t expires = 0;  // unix milliseconds; 0: never
  std::optional<Lineage> lineage;
};

[[nodiscard]] std::int64_t unixMilliseconds(TimePoint time);
[[nodiscard]] std::int64_t unixSeconds(TimePoint time);
[[nodiscard]] TimePoint fromUnixMilliseconds(std::int64_t time);  // at most the clock's last year, 2262

// Throws std::invalid_argument with what to change.
void requireValid(const SealOptions& options);

// `lineage` is written into native seals; Fe26.2 has no place for it.
[[nodiscard]] Result<std::string> seal(const Json& data, const Keyring& keys, const SealOptions& options,
                                       const Lineage& lineage);
[[nodiscard]] Result<Unsealed> unseal(std::string_view text, const Keyring& keys, const SealOptions& options);
[[nodiscard]] Lineage newLineage(TimePoint now);

}  // namespace ironjar::detail
