// How often a login may be refreshed because an API has answered 401 (LocalCoordinatorOptions: refusedBurst at once,
// then one in refusedInterval). Its owner guards it; times are passed in.
#pragma once

#include "refresh/token_key.hpp"

#include <unordered_map>

#include <ironjar/coordinator.hpp>

namespace ironjar::detail {

class RefreshMeter {
 public:
  explicit RefreshMeter(const LocalCoordinatorOptions& options) : options_(options) {}

  [[nodiscard]] bool admits(const TokenKey& key, MonotonicTime now);
  void count(const TokenKey& key, MonotonicTime now);
  // The login goes by another key now.
  void follow(const TokenKey& from, const TokenKey& to);

 private:
  // By login: when none of its refreshes counts any more.
  std::unordered_map<TokenKey, MonotonicTime, TokenKeyHash> emptyAt_;
  const LocalCoordinatorOptions& options_;
  std::size_t sweepAt_ = 1024;
};

}  // namespace ironjar::detail
