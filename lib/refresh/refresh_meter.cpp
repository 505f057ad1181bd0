#include "refresh/refresh_meter.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

constexpr std::size_t fewest = 1024;  // entries, below which nothing is swept

}  // namespace

bool RefreshMeter::admits(const TokenKey& key, MonotonicTime now) {
  const auto entry = emptyAt_.find(key);
  const auto burst = static_cast<Seconds::rep>(options_.refusedBurst);
  if (entry != emptyAt_.end()) return entry->second - now <= (burst - 1) * options_.refusedInterval;
  if (emptyAt_.size() >= std::min(sweepAt_, options_.maxEntries)) {
    // Whenever it has doubled, so that the work for each call stays constant.
    std::erase_if(emptyAt_, [now](const auto& other) { return other.second <= now; });
    sweepAt_ = std::max(fewest, 2 * emptyAt_.size());
  }
  return emptyAt_.size() < options_.maxEntries;
}

void RefreshMeter::count(const TokenKey& key, MonotonicTime now) {
  MonotonicTime& emptyAt = emptyAt_[key];
  emptyAt = std::max(emptyAt, now) + options_.refusedInterval;
}

void RefreshMeter::follow(const TokenKey& from, const TokenKey& to) {
  if (from == to) return;
  const auto entry = emptyAt_.find(from);
  if (entry == emptyAt_.end()) return;
  const MonotonicTime emptyAt = entry->second;
  emptyAt_.erase(entry);
  MonotonicTime& there = emptyAt_[to];
  there = std::max(there, emptyAt);
}

}  // namespace ironjar::detail
