// One thread for many connections: descriptors (epoll), times, and what other threads have for it.
#pragma once

#include "base/descriptor.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ironjar/types.hpp>

namespace ironjar::detail {

// What any of its functions throws, for want of memory as a rule, is dropped, and the loop goes on.
class EventLoop {
 public:
  using Task = std::function<void()>;
  using Ticket = std::pair<Deadline, std::uint64_t>;
  // Called with what epoll says, EPOLLIN and so on. May be called without cause.
  using Ready = std::function<void(std::uint32_t)>;

  // Throws std::runtime_error when the machine has no descriptor left for it.
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // From any thread. False when the loop has ended: the task will not run.
  bool post(Task task);
  void stop();
  [[nodiscard]] bool isStopping() const { return isStopping_; }
  [[nodiscard]] bool isOnItsThread() const { return thread_.load() == std::this_thread::get_id(); }

  // What follows is for the loop's thread. Runs until stop(), and calls `afterwards`, if there is one, each time that
  // something has run. Drops what was not run.
  void run(const Task& afterwards = nullptr);
  [[nodiscard]] Ticket at(Deadline when, Task due);
  void cancel(std::optional<Ticket>& ticket);
  // Calls `ready` while the descriptor is what `events` asks for, in place of what was said of it before. False when
  // the system refuses. A descriptor that is closed is to be forgotten, before or after.
  [[nodiscard]] bool watch(int descriptor, std::uint32_t events, Ready ready);
  // Other events for the same function.
  [[nodiscard]] bool rewatch(int descriptor, std::uint32_t events);
  void forget(int descriptor);

 private:
  struct Watched {
    std::uint32_t number = 0;  // of an event that came for another of the same descriptor, it is not
    std::shared_ptr<const Ready> ready;
  };

  void runPosted();
  void runDue();
  void runReady();
  void wake() const;
  [[nodiscard]] bool control(int descriptor, std::uint32_t number, std::uint32_t events) const;
  [[nodiscard]] int patience();

  Descriptor epoll_;
  Descriptor wake_;
  std::map<Ticket, Task> timers_;
  std::uint64_t tickets_ = 0;
  std::unordered_map<int, Watched> watched_;
  std::uint32_t watches_ = 0;
  std::atomic<bool> isStopping_ = false;
  std::atomic<std::thread::id> thread_;
  std::mutex mutex_;  // for what follows
  std::vector<Task> posted_;
  bool hasEnded_ = false;
};

}  // namespace ironjar::detail
