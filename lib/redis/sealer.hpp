// What keys in Redis are called, and how their values are sealed: under each of the passwords, so that processes whose
// passwords overlap, as in a rotation, find each other's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/seal.hpp>

namespace ironjar::detail {

// One name for each password, the newest first. Values are sealed for one name, purpose and secret, and open for no
// other.
using RedisNames = std::vector<std::string>;

class RedisSealer {
 public:
  RedisSealer(Passwords passwords, std::string prefix);

  // `<prefix><kind>:<keyed hash of the parts>`
  [[nodiscard]] RedisNames names(std::string_view kind, std::string_view part, std::string_view secret) const;
  [[nodiscard]] std::size_t copies() const;

  struct Bound {
    std::string_view purpose;
    std::string_view secret;  // e.g. the old refresh token, without which a value means nothing
  };
  // The values for the names, in their order. Errors as sealData's.
  [[nodiscard]] Result<std::vector<std::string>> seal(const RedisNames& names, const Bound& bound, const Json& data,
                                                      Seconds ttl) const;
  // Nothing for what was not sealed for this name.
  [[nodiscard]] std::optional<Json> open(std::string_view name, const Bound& bound, std::string_view value) const;

 private:
  Passwords passwords_;
  std::string prefix_;
};

}  // namespace ironjar::detail
