// Connections that nobody uses now.
#pragma once

#include "curl/line.hpp"

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ironjar::detail {

// Thread-safe. Closes a connection on the thread that finds that it is one too many, or too old.
class LinePool {
 public:
  using Pointer = std::shared_ptr<Line>;

  LinePool(std::size_t maxAll, std::size_t maxPerKey, std::chrono::milliseconds timeout)
      : maxAll_(maxAll), maxPerKey_(maxPerKey), timeout_(timeout) {}

  // One with that key which nothing has come from since it was given, or none. The last that was given first.
  [[nodiscard]] Pointer take(const std::string& key);
  void give(Pointer line);
  // Closes those that have been idle for long enough. Returns when the next one will have been; nothing: there is none.
  std::optional<Deadline> sweep();
  [[nodiscard]] std::size_t size() const;

 private:
  struct Idle {
    Pointer line;
    Deadline until;
  };
  using List = std::list<Idle>;
  void move(List& to, List::iterator which);  // under the lock

  const std::size_t maxAll_;
  const std::size_t maxPerKey_;
  const std::chrono::milliseconds timeout_;
  mutable std::mutex mutex_;
  List idle_;  // the one idle longest is in front
  std::map<std::string, std::vector<List::iterator>, std::less<>> byKey_;
};

}  // namespace ironjar::detail
