#include "refresh/refresh_meter.hpp"

#include "refresh/policy.hpp"

#include <algorithm>

namespace ironjar::detail {
bool RefreshMeter::admits(const TokenKey& key, MonotonicTime now) {
  const auto entry = emptyAt_.find(key);
  const auto burst = static_cast<Seconds::rep>(options_.burst);
  if (entry != emptyAt_.end()) return entry->second - now <= (burst - 1) * options_.interval;
  sweep(now);
  return emptyAt_.size() < options_.maxEntries;
}

void RefreshMeter::count(const TokenKey& key, MonotonicTime now) {
  MonotonicTime& emptyAt = emptyAt_[key];
  emptyAt = std::max(emptyAt, now) + options_.interval;
}

MonotonicTime RefreshMeter::take(const TokenKey& key) {
  const auto entry = emptyAt_.find(key);
  if (entry == emptyAt_.end()) return {};
  const MonotonicTime emptyAt = entry->second;
  emptyAt_.erase(entry);
  return emptyAt;
}

void RefreshMeter::put(const TokenKey& key, MonotonicTime emptyAt) {
  if (emptyAt == MonotonicTime()) return;
  MonotonicTime& there = emptyAt_[key];
  there = std::max(there, emptyAt);
}

// Whenever it has doubled, so that the work for each call stays constant; when it is full, now and then.
void RefreshMeter::sweep(MonotonicTime now) {
  const bool isFull = emptyAt_.size() >= options_.maxEntries;
  if (isFull ? now < nextSweep_ : emptyAt_.size() < std::max(fewestSwept, sweepAt_)) return;
  std::erase_if(emptyAt_, [now](const auto& other) { return other.second <= now; });
  sweepAt_ = 2 * emptyAt_.size();
  nextSweep_ = now + betweenSweeps;
}

}  // namespace ironjar::detail
