// A denial as Redis holds it: under a key of its mark, for who asks about that mark, and as an entry of a log, for who
// mirrors them all. Both are sealed, so what others may have planted is none.
#pragma once

#include "redis/sealer.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/revocation.hpp>

namespace ironjar::detail {

// What a mark is known by in a log and in a mirror: nothing of the user can be read from it.
using MarkDigest = std::array<unsigned char, 24>;
[[nodiscard]] MarkDigest digestOf(const RevocationList::Mark& mark);

struct Denial {
  MarkDigest mark = {};
  TimePoint at = {};
};

// Bytes of a value or an entry, generously.
inline constexpr std::string_view largestDenial = "1024";

class DenialSealer {
 public:
  explicit DenialSealer(const RedisSealer& sealer) : sealer_(sealer) {}

  // The keys of a mark, and the values that say when it was denied, in their order; nothing where they cannot be made.
  [[nodiscard]] RedisNames keysOf(const RevocationList::Mark& mark) const;
  [[nodiscard]] std::vector<std::string> valuesOf(const RevocationList::Mark& mark, TimePoint at, Seconds keep) const;
  // When a value of that key denies the mark, if it is authentic.
  [[nodiscard]] std::optional<TimePoint> deniedIn(std::string_view value, const std::string& key,
                                                  const RevocationList::Mark& mark) const;

  // The logs, one for each password, and an entry for each.
  [[nodiscard]] RedisNames logs() const { return sealer_.names("denials", "", ""); }
  [[nodiscard]] std::vector<std::string> entriesOf(const Denial& denial, Seconds keep) const;
  [[nodiscard]] std::optional<Denial> read(std::string_view entry, const std::string& log) const;

 private:
  [[nodiscard]] std::vector<std::string> sealed(const RedisNames& names, const RedisSealer::Bound& bound,
                                                const Json& data, TimePoint at, Seconds keep) const;

  const RedisSealer& sealer_;
};

}  // namespace ironjar::detail
