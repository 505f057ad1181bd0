// A server's side of a fuzzer: a listening socket on the loopback interface, and a thread that serves one connection
// after another.
#pragma once

#include "fuzz.hpp"

#include <arpa/inet.h>
#include <functional>
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
        serve(connection);
        ::close(connection);
      }
    });
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }

  [[nodiscard]] int port() const { return port_; }

 private:
  int socket_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace fuzz
