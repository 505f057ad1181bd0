// A server program of the test's own: on a free port of the loopback interface, in a temporary folder, gone with the
// object.
#pragma once

#include "process.hpp"

#include <arpa/inet.h>
#include <chrono>
#include <filesystem>
#include <functional>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

namespace support {

inline int freePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

inline bool isListening(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool isThere = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return isThere;
}

class OwnServer {
 public:
  // The program and its arguments, for a folder and a port.
  using Words = std::function<std::vector<std::string>(const std::string& folder, int port)>;

  OwnServer(const std::string& name, Words words) : words_(std::move(words)) {
    std::string pattern = (std::filesystem::temp_directory_path() / ("ironjar-" + name + "-XXXXXX")).string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
    for (int tries = 0; tries < 5; ++tries) {  // another program may take the port first
      port_ = freePort();
      if (start()) return;
    }
    throw std::runtime_error(name + " does not start: is Debian's redis-server installed?");
  }
  OwnServer(const OwnServer&) = delete;
  OwnServer& operator=(const OwnServer&) = delete;
  ~OwnServer() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  // Once more, after stop(). False when it does not listen within 20 s.
  bool start() {
    process_ = Process(words_(folder_, port_));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (std::chrono::steady_clock::now() < deadline && process_.isRunning()) {
      if (isListening(port_)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    process_.kill();
    return false;
  }
  void stop() { process_.kill(); }
  [[nodiscard]] bool isRunning() const { return process_.isRunning(); }
  void pause() const { process_.signal(SIGSTOP); }
  void resume() const { process_.signal(SIGCONT); }

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  const Words words_;
  std::string folder_;
  int port_ = 0;
  Process process_;
};

}  // namespace support
