// How often a login may be refreshed because an API has answered 401: three times at once, then once in 30 s. An API
// that says 401 whatever the token would have every request spend one. Its owner guards it; times are passed in.
#pragma once

#include "token_key.hpp"

#include <unordered_map>

namespace ironjar::detail {

class RefreshMeter {
 public:
  explicit RefreshMeter(std::size_t maxEntries) : maxEntries_(maxEntries) {}

  [[nodiscard]] bool admits(const TokenKey& key, MonotonicTime now);
  void count(const TokenKey& key, MonotonicTime now);
  // The login goes by another key now.
  void follow(const TokenKey& from, const TokenKey& to);

 private:
  // By login: when none of its refreshes counts any more.
  std::unordered_map<TokenKey, MonotonicTime, TokenKeyHash> emptyAt_;
  std::size_t maxEntries_;
  std::size_t sweepAt_ = 1024;
};

}  // namespace ironjar::detail
