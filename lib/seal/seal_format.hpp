// What the formats share, and what the session layer needs beyond sealData and unsealData.
#pragma once

#include "base/time.hpp"
#include "crypto/keyring.hpp"
#include "json/json.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <ironjar/seal.hpp>

namespace ironjar::detail {

// What survives re-sealing (native seals only): when the session began, and its random identity.
struct Lineage {
  std::int64_t start = 0;  // unix seconds
  std::array<unsigned char, 16> id{};
};

// What a seal says of itself once it has verified.
struct Provenance {
  SealFormat format = SealFormat::native;
  bool isSealingKey = true;  // under the password that seals
  std::int64_t issued = 0;   // unix milliseconds; native seals only
  std::int64_t expires = 0;  // unix milliseconds; 0: never
  std::optional<Lineage> lineage = {};
  // What an Fe26.2 seal's MAC is over: the same for every spelling that opens. Views into the seal's text.
  std::string_view authenticated = {};
};

// What an opening goes by besides keys and options: one reading of the clock, and which of the iterations to try.
struct Attempt {
  TimePoint now;
  std::span<const unsigned> fe26Iterations;
};

// A seal that verified and is in time. `json` is its text, not parsed yet, in the memory that the caller brought;
// jsonPadding bytes behind it may be read.
struct Opened {
  std::string_view json;
  Provenance provenance;
};

// The same with its JSON parsed.
struct OpenedJson {
  OpenedJson(Json value, const Provenance& from) : data(std::move(value)), provenance(from) {}
  OpenedJson(OpenedJson&&) = default;
  OpenedJson& operator=(OpenedJson&&) = default;
  ~OpenedJson() { dismantle(data); }

  Json data;
  Provenance provenance;
};

// JSON to be sealed, once it is known that it can be: a value, or the text of one. Views into it.
class Plain {
 public:
  // Errors as jsonBound's.
  static Result<Plain> of(const Json& data);
  // Trusted to be JSON as parseJson accepts it.
  static Plain ofText(std::string_view text) { return Plain(nullptr, text, text.size()); }

  [[nodiscard]] std::size_t bound() const { return bound_; }  // at most so many bytes of text
  char* write(char* out) const;                               // returns the end

 private:
  Plain(const Json* data, std::string_view text, std::size_t bound) : data_(data), text_(text), bound_(bound) {}

  const Json* data_;
  std::string_view text_;
  std::size_t bound_;
};

[[nodiscard]] inline Seconds ttlOf(const SealOptions& options) { return options.ttl.value_or(defaultTtl); }

// Throws std::invalid_argument with what to change.
void requireValid(const SealOptions& options);

// What else a seal is made with. `lineage` is written into native seals, one that begins now if there is none; Fe26.2
// has no place for it. `ttl` goes before SealOptions::ttl.
struct SealFacts {
  Seconds ttl;
  std::optional<Lineage> lineage = std::nullopt;
  std::optional<TimePoint> now = std::nullopt;  // unset: SealOptions::now
};

[[nodiscard]] Result<std::string> seal(const Plain& plain, const Keyring& keys, const SealOptions& options,
                                       const SealFacts& facts);
[[nodiscard]] Result<std::string> seal(const Json& data, const Keyring& keys, const SealOptions& options,
                                       const SealFacts& facts);
// The same for a caller with a JSON library of its own: what parseJson accepts is sealed as it stands, byte for byte.
[[nodiscard]] Result<std::string> sealText(std::string_view json, const Keyring& keys, const SealOptions& options,
                                           const SealFacts& facts);
[[nodiscard]] Result<Opened> open(std::string_view text, const Keyring& keys, const SealOptions& options,
                                  const Attempt& attempt, Scratch& memory);
[[nodiscard]] Result<Opened> open(std::string_view text, const Keyring& keys, const SealOptions& options,
                                  Scratch& memory);
[[nodiscard]] Result<OpenedJson> unseal(std::string_view text, const Keyring& keys, const SealOptions& options,
                                        const Attempt& attempt);
// `source`, unless null, receives the JSON text as it was sealed.
[[nodiscard]] Result<OpenedJson> unseal(std::string_view text, const Keyring& keys, const SealOptions& options,
                                        std::string* source = nullptr);

}  // namespace ironjar::detail
