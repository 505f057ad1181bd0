// Tells RedisOptions::observer of a Redis that fails or is back.
#pragma once

#include "base/notify.hpp"
#include "base/worker_pool.hpp"

#include <string>

#include <ironjar/observer.hpp>

namespace ironjar::detail {

// On a thread of its own: who watches may take its time. The observer must outlive it.
class RedisReports {
 public:
  explicit RedisReports(const Observer& observer) : observer_(observer), thread_(1, mostWaiting) {}

  void tell(bool degraded, const std::string& why) {
    if (!observer_) return;
    const bool isPosted = thread_.post([observer = observer_, degraded, why] {
      notify(observer, [&] { return event::CoordinatorDegraded{degraded, why}; });
    });
    static_cast<void>(isPosted);  // there is no thread, or no memory: what is watched matters more
  }
  void close() { thread_.close(); }

 private:
  static constexpr std::size_t mostWaiting = 100;

  const Observer& observer_;
  WorkerPool thread_;
};

}  // namespace ironjar::detail
