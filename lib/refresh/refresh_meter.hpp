// How often a login may be refreshed because an API has answered 401 (LocalCoordinatorOptions: refusedBurst at once,
// then one in refusedInterval). Decides only: times are passed in, and its owner guards it.
#pragma once

#include "refresh/token_key.hpp"

#include <unordered_map>

#include <ironjar/coordinator.hpp>

namespace ironjar::detail {

class RefreshMeter {
 public:
  struct Options {
    std::size_t burst;
    Seconds interval;
    std::size_t maxEntries;
  };
  explicit RefreshMeter(const Options& options) : options_(options) {}

  [[nodiscard]] bool admits(const TokenKey& key, MonotonicTime now);
  void count(const TokenKey& key, MonotonicTime now);
  // The login goes by another key, here or in another meter: what is known of it is taken from one to the other.
  [[nodiscard]] MonotonicTime take(const TokenKey& key);
  void put(const TokenKey& key, MonotonicTime emptyAt);

 private:
  void sweep(MonotonicTime now);

  const Options options_;
  // By login: when none of its refreshes counts any more.
  std::unordered_map<TokenKey, MonotonicTime, TokenKeyHash> emptyAt_;
  std::size_t sweepAt_ = 0;
  MonotonicTime nextSweep_{};
};

}  // namespace ironjar::detail
