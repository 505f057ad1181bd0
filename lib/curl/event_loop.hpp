// One thread for libcurl's multi handle: sockets (epoll), times, and what other threads have for it.
#pragma once

#include "base/descriptor.hpp"
#include "curl/line.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace ironjar::detail {

class EventLoop {
 public:
  using Task = std::function<void()>;
  using Ticket = std::pair<Deadline, std::uint64_t>;

  // Throws std::runtime_error when the machine has no descriptor left for it.
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // From any thread. False when the loop has ended: the task will not run.
  bool post(Task task);
  void stop();
  [[nodiscard]] bool isStopping() const { return isStopping_; }

  // What follows is for the loop's thread. Runs until stop(): calls `done` with each handle that libcurl is done with,
  // then `afterwards`, after each time that libcurl has run. Drops what was not run.
  void run(const std::function<void(CURL*, CURLcode)>& done, const Task& afterwards);
  [[nodiscard]] CURLM* multi() const { return multi_.get(); }
  [[nodiscard]] Ticket at(Deadline when, Task due);
  void cancel(std::optional<Ticket>& ticket);

 private:
  static int watch(CURL*, curl_socket_t socket, int what, void* self, void* known);
  static int setTimer(CURLM*, long milliseconds, void* self);

  void runPosted();
  void runDue();
  void runSockets();
  void collect();
  [[nodiscard]] int patience();

  Descriptor epoll_;
  Descriptor wake_;
  Multi multi_;
  std::function<void(CURL*, CURLcode)> done_;
  Task afterwards_;
  std::map<Ticket, Task> timers_;
  std::uint64_t number_ = 0;
  std::optional<Deadline> curlDue_;  // when libcurl wants to run
  std::atomic<bool> isStopping_ = false;
  std::mutex mutex_;  // for what follows
  std::vector<Task> posted_;
  std::thread::id thread_;
  bool hasEnded_ = false;
};

}  // namespace ironjar::detail
