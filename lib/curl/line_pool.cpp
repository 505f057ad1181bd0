#include "curl/line_pool.hpp"

#include <algorithm>

namespace ironjar::detail {

LinePool::Pointer LinePool::take(const std::string& key) {
  while (true) {
    List taken;  // one; closed after the lock is gone if it is of no use
    {
      const std::lock_guard lock(mutex_);
      const auto found = byKey_.find(key);
      if (found == byKey_.end()) return nullptr;
      move(taken, found->second.back());
    }
    Idle& idle = taken.front();
    if (std::chrono::steady_clock::now() < idle.until && idle.line->isQuiet()) return std::move(idle.line);
  }
}

void LinePool::give(Pointer line) {
  List given;
  given.push_back({std::move(line), std::chrono::steady_clock::now() + timeout_});
  List surplus;  // closed after the lock is gone
  const std::lock_guard lock(mutex_);
  std::vector<List::iterator>& ofKey = byKey_[given.front().line->key()];
  ofKey.push_back(given.begin());
  idle_.splice(idle_.end(), given);
  if (ofKey.size() > maxPerKey_) move(surplus, ofKey.front());
  if (idle_.size() > maxAll_) move(surplus, idle_.begin());
}

std::optional<Deadline> LinePool::sweep() {
  List late;
  const std::lock_guard lock(mutex_);
  const Deadline now = std::chrono::steady_clock::now();
  while (!idle_.empty() && idle_.front().until <= now) move(late, idle_.begin());
  return idle_.empty() ? std::nullopt : std::optional(idle_.front().until);
}

std::size_t LinePool::size() const {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

void LinePool::move(List& to, List::iterator which) {
  const auto found = byKey_.find(which->line->key());
  std::vector<List::iterator>& ofKey = found->second;
  ofKey.erase(std::find(ofKey.begin(), ofKey.end(), which));
  if (ofKey.empty()) byKey_.erase(found);
  to.splice(to.end(), idle_, which);
}

}  // namespace ironjar::detail
