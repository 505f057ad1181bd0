// A client that sends bytes as they are, to a port of the loopback interface.
#pragma once

#include <arpa/inet.h>
#include <chrono>
#include <cstdint>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace support {

class RawClient {
 public:
  explicit RawClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { ::close(socket_); }

  // False when the server has closed the connection.
  bool send(std::string_view bytes) const {
    while (connected_ && !bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return connected_;
  }

  // The server reads an end; it can answer still.
  void endSending() const { ::shutdown(socket_, SHUT_WR); }
  // Closes with a reset in place of an end.
  void reset() const {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::shutdown(socket_, SHUT_RD);
  }
  // As much of it as goes without somebody reading for that long; how much that was.
  std::size_t sendUntilFull(std::string_view bytes, std::chrono::milliseconds patience) const {
    std::size_t all = 0;
    pollfd watched{.fd = socket_, .events = POLLOUT, .revents = 0};
    while (all < bytes.size() && ::poll(&watched, 1, static_cast<int>(patience.count())) > 0) {
      const ssize_t sent = ::send(socket_, bytes.data() + all, bytes.size() - all, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent <= 0) break;
      all += static_cast<std::size_t>(sent);
    }
    return all;
  }

  // What comes next; empty: the end, or nothing for that long.
  std::string receiveSome(std::chrono::milliseconds patience) const {
    std::string received(65536, '\0');
    pollfd watched{.fd = socket_, .events = POLLIN, .revents = 0};
    const bool hasCome = connected_ && ::poll(&watched, 1, static_cast<int>(patience.count())) > 0;
    const ssize_t size = hasCome ? ::recv(socket_, received.data(), received.size(), 0) : 0;
    received.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return received;
  }
  // Whether the server closes the connection within that time, without sending more.
  bool isClosed(std::chrono::milliseconds patience) const {
    pollfd watched{.fd = socket_, .events = POLLIN, .revents = 0};
    char byte = 0;
    return ::poll(&watched, 1, static_cast<int>(patience.count())) > 0 && ::recv(socket_, &byte, 1, MSG_PEEK) <= 0;
  }
  // What comes until the server closes the connection, or says nothing for that long.
  std::string receive(std::chrono::milliseconds patience) const {
    std::string received;
    while (true) {
      const std::string piece = receiveSome(patience);
      if (piece.empty()) return received;
      received += piece;
    }
  }

 private:
  int socket_;
  bool connected_ = false;
};

}  // namespace support
