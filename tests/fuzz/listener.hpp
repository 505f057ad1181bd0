// A server's side of one input: a listening socket on the loopback interface, and a thread that serves one connection
// after another. What the thread reads of an input lives as long as the listener: a client that has given up leaves
// bytes behind that are served later.
#pragma once

#include "fuzz.hpp"

#include <arpa/inet.h>
#include <functional>
#include <mutex>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace fuzz {

class Listener {
 public:
  // `serve` is given a connection, which is closed afterwards.
  explicit Listener(std::function<void(int)> serve) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    require(::bind(socket_, generic, length) == 0 && ::listen(socket_, 16) == 0 &&
                ::getsockname(socket_, generic, &length) == 0,
            "a listening socket");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve = std::move(serve)] {
      for (int connection = 0; (connection = ::accept(socket_, nullptr, nullptr)) >= 0;) {
        if (begin(connection)) serve(connection);
        end(connection);
      }
    });
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() {
    {
      const std::lock_guard lock(mutex_);
      isOver_ = true;
      ::shutdown(socket_, SHUT_RDWR);
      if (served_ >= 0) ::shutdown(served_, SHUT_RDWR);
    }
    thread_.join();
    ::close(socket_);
  }

  [[nodiscard]] int port() const { return port_; }

 private:
  bool begin(int connection) {
    const std::lock_guard lock(mutex_);
    served_ = connection;
    return !isOver_;
  }
  void end(int connection) {
    const std::lock_guard lock(mutex_);
    served_ = -1;
    ::close(connection);
  }

  int socket_;
  int port_ = 0;
  std::mutex mutex_;
  int served_ = -1;
  bool isOver_ = false;
  std::thread thread_;
};

}  // namespace fuzz
