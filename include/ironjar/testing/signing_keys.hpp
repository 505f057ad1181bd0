// The keys that a fake identity provider signs with: P-256, for ES256. Part of Provider.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ironjar/dpop.hpp>
#include <ironjar/jwt.hpp>

namespace ironjar::testing::detail {

// Not thread-safe.
class SigningKeys {
 public:
  // Signs with a new key from now on. Those before stay published until they are dropped.
  void rotate() { keys_.emplace_back("key-" + std::to_string(++made_), generateDpopKey()); }
  void dropOld() {
    if (!keys_.empty()) keys_.erase(keys_.begin(), keys_.end() - 1);
  }

  // A JWK Set (RFC 7517 section 5).
  [[nodiscard]] Json published() {
    Json keys = Json::array();
    newest();
    for (const auto& [id, key] : keys_) {
      keys.push_back(publicJwk(key).value());
      keys.back().update({{"kid", id}, {"use", "sig"}, {"alg", "ES256"}});
    }
    return {{"keys", keys}};
  }
  // A JWT of these claims, with the header's members over its own; null takes one out.
  [[nodiscard]] std::string sign(const Json& claims, const Json& header) {
    const auto& [id, key] = newest();
    Json whole = {{"typ", "JWT"}, {"kid", id}};
    whole.merge_patch(header);
    return signJwt(key, std::move(whole), claims).value();
  }

 private:
  using Key = std::pair<std::string, std::string>;  // its id, and the private number

  const Key& newest() {
    if (keys_.empty()) rotate();
    return keys_.back();
  }

  int made_ = 0;
  std::vector<Key> keys_;  // the last one signs; the first is made when it is wanted
};

}  // namespace ironjar::testing::detail
