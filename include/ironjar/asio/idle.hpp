// The connections that are kept for the next request of the same group. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <ironjar/asio/connection.hpp>

namespace ironjar::detail {

// Thread-safe. The connections are their deadlines'; here is only where to find them.
class AsioIdle : public std::enable_shared_from_this<AsioIdle> {
 public:
  AsioIdle(std::shared_ptr<AsioLoop> loop, std::size_t maxAll, std::size_t maxPerKey, std::chrono::milliseconds time)
      : loop_(std::move(loop)), maxAll_(maxAll), maxPerKey_(maxPerKey), time_(time) {}
  AsioIdle(const AsioIdle&) = delete;
  AsioIdle& operator=(const AsioIdle&) = delete;
  ~AsioIdle() {
    for (const Idle& idle : idle_) close(idle.connection);
  }

  // The one that was kept last; whether it can still be used shows on its strand.
  [[nodiscard]] std::weak_ptr<AsioConnection> take(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = byKey_.find(key);
    if (found == byKey_.end()) return {};
    return remove(found->second.back()).connection;
  }

  // On the connection's strand, which goes on as the deadline's.
  void give(std::string key, const std::shared_ptr<AsioConnection>& connection, AsioDeadline deadline) {
    std::vector<Idle> surplus;
    {
      const std::lock_guard lock(mutex_);
      std::vector<Place>& ofKey = byKey_[key];
      ofKey.push_back(idle_.insert(idle_.end(), {std::move(key), connection, connection.get()}));
      if (ofKey.size() > maxPerKey_) surplus.push_back(remove(ofKey.front()));
      if (idle_.size() > maxAll_) surplus.push_back(remove(idle_.begin()));
    }
    connection->beIdle(std::move(deadline), time_, [weak = weak_from_this(), own = connection.get()] {
      if (const auto self = weak.lock()) self->forget(own);
    });
    for (const Idle& idle : surplus) close(idle.connection);
  }

 private:
  struct Idle {
    std::string key;
    std::weak_ptr<AsioConnection> connection;
    const AsioConnection* own;
  };
  using Place = std::list<Idle>::iterator;

  void close(const std::weak_ptr<AsioConnection>& weak) const {
    loop_->post(weak, [](AsioConnection& connection) { connection.close(); });
  }

  // Under the lock.
  Idle remove(Place which) {
    const auto found = byKey_.find(which->key);
    std::erase(found->second, which);
    if (found->second.empty()) byKey_.erase(found);
    Idle removed = std::move(*which);
    idle_.erase(which);
    return removed;
  }

  void forget(const AsioConnection* connection) {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(idle_.begin(), idle_.end(), [&](const Idle& idle) { return idle.own == connection; });
    if (found != idle_.end()) static_cast<void>(remove(found));
  }

  const std::shared_ptr<AsioLoop> loop_;
  const std::size_t maxAll_;
  const std::size_t maxPerKey_;
  const std::chrono::milliseconds time_;
  std::mutex mutex_;
  std::list<Idle> idle_;  // the one idle longest is in front
  std::map<std::string, std::vector<Place>> byKey_;
};

}  // namespace ironjar::detail
