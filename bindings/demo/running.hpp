// An httplib::Server on its own thread, stopped when it goes out of scope.
#pragma once

#include "site.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include <httplib.h>

namespace demo {

class Running {
 public:
  Running() {
    // One for each request that waits, and some to spare for other pages.
    server.new_task_queue = [] { return new httplib::ThreadPool(threads); };
    server.set_tcp_nodelay(true);
    // httplib's default would share the port silently with another program.
    server.set_socket_options([this](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      socket_ = socket;
    });
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    server.stop();
    if (thread_.joinable()) thread_.join();
  }

  // 0: a free port.
  int bind(int port) {
    const int wanted = port;
    if (wanted == 0) {
      port = server.bind_to_any_port("127.0.0.1");
    } else if (!server.bind_to_port("127.0.0.1", wanted)) {
      port = -1;
    }
    if (port < 0) throw std::runtime_error("port " + std::to_string(wanted) + " is taken: name another");
    // httplib lets five connections wait; of more that come at once, some would take seconds.
    ::listen(socket_, SOMAXCONN);
    return port;
  }
  void start() {
    thread_ = std::thread([this] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  static constexpr std::size_t threads = maxWaiters + 32;
  httplib::Server server;

 private:
  socket_t socket_ = INVALID_SOCKET;
  std::thread thread_;
};

}  // namespace demo
