// Calls functions at their times, on one thread for all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <unistd.h>
#include <utility>

#include <ironjar/types.hpp>

namespace ironjar::detail {

// Thread-safe. The thread starts as soon as there is something to wait for. Functions are called without a lock; what
// one throws is dropped, and one that blocks delays all others. In a child of fork(), which does not have the thread,
// nothing is called.
class Timer {
 public:
  using Ticket = std::pair<MonotonicTime, std::uint64_t>;

  Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { close(); }

  // Calls `due` at that time, at once when it is over. Nothing, when no thread can be had, or memory, when closed,
  // or in another process.
  [[nodiscard]] std::optional<Ticket> at(MonotonicTime when, std::function<void()> due);
  // Takes a function back. False when it has been called, or is just about to be.
  bool cancel(const Ticket& ticket);
  // Waits for a function that is running, and drops what has not come, for good. May be called by such a function.
  void close();

 private:
  struct Queue;
  std::shared_ptr<Queue> queue_;
  std::thread thread_;
  const pid_t process_ = ::getpid();
};

}  // namespace ironjar::detail
