// An event loop for libcurl's multi handle.
#pragma once

#include "base/event_loop.hpp"
#include "curl/line.hpp"

#include <functional>
#include <optional>

namespace ironjar::detail {

// As EventLoop, which says what its functions do.
class MultiLoop {
 public:
  using Task = EventLoop::Task;
  using Ticket = EventLoop::Ticket;

  // Throws std::runtime_error when the machine has no descriptor left for it, or no memory.
  MultiLoop();
  MultiLoop(const MultiLoop&) = delete;
  MultiLoop& operator=(const MultiLoop&) = delete;

  bool post(Task task) { return loop_.post(std::move(task)); }
  void stop() { loop_.stop(); }
  [[nodiscard]] bool isStopping() const { return loop_.isStopping(); }

  // Runs until stop(): calls `done` with each handle that libcurl is done with, then `afterwards`, after each time that
  // libcurl has run.
  void run(const std::function<void(CURL*, CURLcode)>& done, const Task& afterwards);
  [[nodiscard]] CURLM* multi() const { return multi_.get(); }
  [[nodiscard]] Ticket at(Deadline when, Task due) { return loop_.at(when, std::move(due)); }
  void cancel(std::optional<Ticket>& ticket) { loop_.cancel(ticket); }

 private:
  static int watch(CURL*, curl_socket_t socket, int what, void* self, void* known);
  static int setTimer(CURLM*, long milliseconds, void* self);

  void runSocket(curl_socket_t socket, std::uint32_t events);
  void collect(const std::function<void(CURL*, CURLcode)>& done, const Task& afterwards);

  EventLoop loop_;
  std::optional<Ticket> timer_;  // when libcurl wants to run
  Multi multi_;                  // last: it uses all of the above, to its end
};

}  // namespace ironjar::detail
