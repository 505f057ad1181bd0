// A server that speaks RESP as badly as it is told to.
#pragma once

#include "redis_server.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <list>
#include <poll.h>
#include <string_view>
#include <thread>

namespace support {

class FakeRedis {
 public:
  // What is sent for a command, raw. Nothing: no answer. `hangUp` closes the connection.
  using Script = std::function<std::string(const std::vector<std::string>&)>;
  static inline const std::string hangUp = std::string("\0hang up", 8);

  explicit FakeRedis(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no free port");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept(); });
  }
  FakeRedis(const FakeRedis&) = delete;
  FakeRedis& operator=(const FakeRedis&) = delete;
  ~FakeRedis() {
    stopping_ = true;
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    ::close(listener_);
  }

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] int commands() const { return commands_; }
  [[nodiscard]] int connections() const { return connections_; }  // that there ever were

 private:
  bool readable(int fd) const {
    while (!stopping_) {
      pollfd waiting{fd, POLLIN, 0};
      if (::poll(&waiting, 1, 10) > 0) return true;
    }
    return false;
  }

  void accept() {
    while (readable(listener_)) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++connections_;
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }

  void serve(int fd) {
    std::string received;
    while (readable(fd)) {
      char buffer[4096];
      const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      received.append(buffer, static_cast<std::size_t>(got));
      bool open = true;
      for (std::vector<std::string> words = take(received); open && !words.empty(); words = take(received)) {
        ++commands_;
        const std::string answer = script_(words);
        open = answer != hangUp && (answer.empty() || sendAll(fd, answer));
      }
      if (!open) break;
    }
    ::close(fd);
  }

  bool sendAll(int fd, std::string_view bytes) const {
    while (!bytes.empty() && !stopping_) {
      const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // One whole command off the front; none when it is not all there.
  static std::vector<std::string> take(std::string& received) {
    std::vector<std::string> words;
    std::size_t at = 0;
    const auto number = [&]() -> long {
      const std::size_t end = received.find("\r\n", at);
      if (end == std::string::npos) return -1;
      const long value = std::strtol(received.c_str() + at + 1, nullptr, 10);
      at = end + 2;
      return value;
    };
    const long count = number();
    for (long i = 0; i < count; ++i) {
      const long size = number();
      if (size < 0 || received.size() < at + static_cast<std::size_t>(size) + 2) return {};
      words.push_back(received.substr(at, static_cast<std::size_t>(size)));
      at += static_cast<std::size_t>(size) + 2;
    }
    if (!words.empty()) received.erase(0, at);
    return words;
  }

  Script script_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> commands_ = 0;
  std::atomic<int> connections_ = 0;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

// Whether it is the link's own question whether all is well.
inline bool isProbe(const std::vector<std::string>& words) { return words.size() == 4 && words[3] == "ironjar:probe"; }

// A server that is well, but for what it says to scripts, which come with their text.
inline FakeRedis::Script answering(FakeRedis::Script script) {
  return [script = std::move(script)](const std::vector<std::string>& words) {
    if (isProbe(words)) return std::string("+OK\r\n");
    if (words[1] == "LOAD" || words[0] == "SUBSCRIBE") return std::string("-NOPERM\r\n");
    return script(words);
  };
}
inline bool isBegin(const std::vector<std::string>& words) { return words.at(1).find("'mine'") != std::string::npos; }
inline bool isRenew(const std::vector<std::string>& words) {
  return words.at(1).find("'renewed'") != std::string::npos;
}

template <class Condition>
bool within(std::chrono::milliseconds time, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace support
