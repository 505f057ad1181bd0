// Connections that block, and an API on them, for benchmarks whose peers should cost next to nothing: bodies are
// counted, not held.
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

#include <ironjar/testing/transport_peer.hpp>

namespace bench {

// Throws std::runtime_error when the peer has gone, or sends what is no HTTP/1.1. Field names as Beast and ironjar
// spell them.
class Wire {
 public:
  explicit Wire(int socket) : socket_(socket) {
    const int on = 1;
    static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { ::close(socket_); }

  void put(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) throw std::runtime_error("the peer takes no more");
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
  }
  void putBody(std::uint64_t size) const {
    static const std::string block(std::size_t{256} * 1024, 'x');
    for (; size > 0; size -= std::min<std::uint64_t>(size, block.size()))
      put(std::string_view(block).substr(0, static_cast<std::size_t>(size)));
  }
  // The next head with its empty line; empty when the peer has closed instead.
  std::string head() {
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
      if (held_.empty() && !more()) return {};
      head += line();
    }
    return head;
  }
  // Reads the body behind that head; its size.
  std::uint64_t body(std::string_view head) {
    if (head.find("Transfer-Encoding: chunked\r\n") == std::string_view::npos) {
      const std::size_t at = head.find("Content-Length: ");
      return at == std::string_view::npos ? 0 : skip(number(head.substr(at + 16), 10));
    }
    std::uint64_t whole = 0;
    while (const std::uint64_t size = skip(number(line(), 16))) {
      whole += size;
      line();
    }
    line();
    return whole;
  }

 private:
  static std::uint64_t number(std::string_view text, int base) {
    std::uint64_t value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value, base).ec != std::errc())
      throw std::runtime_error("no size");
    return value;
  }
  bool more() {
    const ssize_t size = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
    held_ = {buffer_.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
    return !held_.empty();
  }
  std::string line() {
    std::string line;
    while (!line.ends_with('\n')) {
      if (held_.empty() && !more()) throw std::runtime_error("cut");
      const std::size_t end = held_.find('\n');
      const std::size_t size = end == std::string_view::npos ? held_.size() : end + 1;
      line += held_.substr(0, size);
      held_.remove_prefix(size);
    }
    return line;
  }
  std::uint64_t skip(std::uint64_t size) {
    for (std::uint64_t left = size; left > 0;) {
      if (held_.empty() && !more()) throw std::runtime_error("cut");
      const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left, held_.size()));
      held_.remove_prefix(taken);
      left -= taken;
    }
    return size;
  }

  const int socket_;
  std::array<char, std::size_t{256} * 1024> buffer_;
  std::string_view held_;  // of the buffer, and not yet taken
};

// A socket that is connected to a port of this machine.
inline int connectTo(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("no connection");
  return socket;
}

// Serves each connection on a thread of its own: `answer(wire, head)` for each request, whose body it reads.
class Api {
 public:
  using Answer = std::function<void(Wire&, const std::string& head)>;
  explicit Api(Answer answer) : answer_(std::move(answer)) {
    std::tie(listener_, port_) = ironjar::testing::detail::listenOnLoopback(128);
    acceptor_ = std::thread([this] { accept(); });
  }
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;
  // Waits for those that ask to go.
  ~Api() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (std::thread& thread : threads_) thread.join();
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  void accept() {
    for (int socket = 0; (socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;)
      threads_.emplace_back([this, socket] { serve(socket); });
  }
  void serve(int socket) const {
    Wire wire(socket);
    try {
      for (std::string head = wire.head(); !head.empty(); head = wire.head()) answer_(wire, head);
    } catch (const std::runtime_error& problem) {
      std::cerr << "the API: " << problem.what() << '\n';
    }
  }

  const Answer answer_;
  int listener_ = -1;
  int port_ = 0;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace bench
