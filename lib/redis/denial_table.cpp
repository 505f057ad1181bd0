#include "redis/denial_table.hpp"

namespace ironjar::detail {

void DenialTable::add(const Denial& denial, TimePoint now) {
  if (denial.at + keep_ <= now) return;
  const std::lock_guard lock(mutex_);
  const auto known = deniedAt_.find(denial.mark);
  if (known != deniedAt_.end() && known->second >= denial.at) return;
  order_.emplace(denial.at, denial.mark);  // first, so that want of memory leaves nothing that is never removed
  if (known != deniedAt_.end()) {
    order_.erase({known->second, denial.mark});
    known->second = denial.at;
  } else {
    deniedAt_.emplace(denial.mark, denial.at);
  }
  while (!order_.empty() && (order_.size() > maxEntries_ || order_.begin()->first + keep_ <= now)) {
    const auto oldest = order_.begin();
    const auto entry = deniedAt_.find(oldest->second);
    if (entry != deniedAt_.end() && entry->second == oldest->first) deniedAt_.erase(entry);
    order_.erase(oldest);
  }
}

std::optional<TimePoint> DenialTable::find(const MarkDigest& mark, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto entry = deniedAt_.find(mark);
  return entry == deniedAt_.end() || entry->second + keep_ <= now ? std::nullopt : std::optional(entry->second);
}

std::size_t DenialTable::size() const {
  const std::lock_guard lock(mutex_);
  return deniedAt_.size();
}

}  // namespace ironjar::detail
