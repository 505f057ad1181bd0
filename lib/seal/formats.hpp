// The formats of seals, in one table: whoever has to do something for each, or to tell them apart, asks it.
#pragma once

#include "seal/seal_format.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ironjar::detail {

struct Format {
  SealFormat format;
  std::string_view name;    // in options and reports
  std::string_view prefix;  // of its seals' texts, and of no other format's
  bool isBound;             // carries a session's start and identity, and opens for its purpose and context only
  Result<std::string> (*seal)(const Plain& plain, const Key& key, const SealOptions& options, const SealFacts& facts);
  Result<Opened> (*open)(std::string_view text, const Keyring& keys, const SealOptions& options, const Attempt& attempt,
                         Scratch& memory);
  // What a text says in clear of the password that it is under; empty when that cannot be read. Without any proof.
  std::string (*keyId)(std::string_view text);
  // Where verifying may take many iterations: the end that a text claims, in unix milliseconds, 0 for none. Without any
  // proof. Else null.
  std::int64_t (*claimedEnd)(std::string_view text);
};

[[nodiscard]] std::span<const Format> formats();
[[nodiscard]] const Format& formatOf(SealFormat format);
// Null when there is none.
[[nodiscard]] const Format* formatNamed(std::string_view name);
[[nodiscard]] const Format* formatOfText(std::string_view text);

}  // namespace ironjar::detail
