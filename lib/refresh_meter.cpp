#include "refresh_meter.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

constexpr std::chrono::seconds interval{30};
constexpr int burst = 3;

}  // namespace

bool RefreshMeter::admits(const TokenKey& key, MonotonicTime now) {
  const auto entry = emptyAt_.find(key);
  if (entry != emptyAt_.end()) return entry->second - now <= (burst - 1) * interval;
  if (emptyAt_.size() >= sweepAt_) {
    // Whenever it has doubled, so that the work for each call stays constant.
    std::erase_if(emptyAt_, [now](const auto& other) { return other.second <= now; });
    sweepAt_ = std::max<std::size_t>(1024, 2 * emptyAt_.size());
  }
  return emptyAt_.size() < maxEntries_;
}

void RefreshMeter::count(const TokenKey& key, MonotonicTime now) {
  MonotonicTime& emptyAt = emptyAt_[key];
  emptyAt = std::max(emptyAt, now) + interval;
}

void RefreshMeter::follow(const TokenKey& from, const TokenKey& to) {
  if (from == to) return;
  const auto entry = emptyAt_.find(from);
  if (entry == emptyAt_.end()) return;
  emptyAt_.insert_or_assign(to, entry->second);
  emptyAt_.erase(entry);
}

}  // namespace ironjar::detail
