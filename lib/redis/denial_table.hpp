// The denials that a mirror holds: bounded, the oldest go first. Thread-safe.
#pragma once

#include "redis/denial.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace ironjar::detail {

class DenialTable {
 public:
  DenialTable(Seconds keep, std::size_t maxEntries) : keep_(keep), maxEntries_(maxEntries) {}

  // Of two denials of one mark the later counts.
  void add(const Denial& denial, TimePoint now);
  // When the mark was denied, unless that is `keep` ago.
  [[nodiscard]] std::optional<TimePoint> find(const MarkDigest& mark, TimePoint now) const;
  [[nodiscard]] std::size_t size() const;

 private:
  const Seconds keep_;
  const std::size_t maxEntries_;
  mutable std::mutex mutex_;
  std::map<MarkDigest, TimePoint> deniedAt_;
  std::set<std::pair<TimePoint, MarkDigest>> order_;
};

}  // namespace ironjar::detail
