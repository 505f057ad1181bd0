// A server on a free port of the loopback interface that reads and writes bytes as a script says. Part of
// checkTransport.
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

#include <ironjar/testing/text.hpp>

namespace ironjar::testing {

// How a server writes to one connection and reads from it. For TLS, bring your own: the socket that it stands on has
// time limits, so that both come back.
struct Wire {
  std::function<bool(std::string_view bytes)> put;  // false when they could not be written
  std::function<std::string()> get;                 // what came next; empty at the end, or when nothing came in time
};
// Over an accepted socket, which stays the server's to close; nothing when the handshake fails.
using WireMaker = std::function<std::optional<Wire>(int socket)>;

namespace detail {

inline std::optional<Wire> plainWire(int socket) {
  return Wire{.put =
                  [socket](std::string_view bytes) {
                    while (!bytes.empty()) {
                      const ssize_t size = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
                      if (size <= 0) return false;
                      bytes.remove_prefix(static_cast<std::size_t>(size));
                    }
                    return true;
                  },
              .get =
                  [socket] {
                    char buffer[16 * 1024];
                    const ssize_t size = ::recv(socket, buffer, sizeof buffer, 0);
                    return std::string(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
                  }};
}

// The values of a head's fields of that name, in order.
inline std::vector<std::string> fieldsOf(std::string_view head, std::string_view name) {
  std::vector<std::string> values;
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || lower(line.substr(0, colon)) != name) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    values.emplace_back(value);
  }
  return values;
}

// A listening socket on a free port of the loopback interface, and that port. Throws std::runtime_error when there is
// none.
inline std::pair<int, int> listenOnLoopback(int backlog) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (listener < 0 || ::bind(listener, generic, size) != 0 || ::listen(listener, backlog) != 0 ||
      ::getsockname(listener, generic, &size) != 0) {
    if (listener >= 0) ::close(listener);
    throw std::runtime_error("ironjar: no port to listen on");
  }
  return {listener, ntohs(address.sin_port)};
}

class Peer {
 public:
  // A request as it came.
  struct Seen {
    std::string head = {};
    std::string body = {};
    int connection = 0;     // which of the peer's, from 1
    bool complete = false;  // whether the body came to its end
  };

  class Connection {
   public:
    Connection(Peer& peer, Wire wire, int socket, int number)
        : peer_(peer), wire_(std::move(wire)), socket_(socket), number_(number) {}

    bool put(std::string_view bytes) { return wire_.put(bytes); }

    // The next request with its body; nothing when none comes to its end. What came of it is in seen() all the same.
    std::optional<Seen> readRequest() {
      Seen request{.connection = number_};
      const auto head = take("\r\n\r\n");
      if (!head) return std::nullopt;
      request.head = *head;
      const bool chunked = !fieldsOf(request.head, "transfer-encoding").empty();
      request.complete = chunked ? takeChunks(request.body) : takeLength(request.head, request.body);
      peer_.note(request);
      return request.complete ? std::optional(request) : std::nullopt;
    }

    // Reads nothing until the other side has hung up, or for that time.
    void waitUntilLeft(std::chrono::milliseconds patience) const {
      pollfd watched{.fd = socket_, .events = POLLRDHUP, .revents = 0};
      static_cast<void>(::poll(&watched, 1, static_cast<int>(patience.count())));
    }

    // Reads on until the other side hangs up, or for that time.
    void waitForHangUp(std::chrono::milliseconds patience) {
      const auto end = std::chrono::steady_clock::now() + patience;
      limitReads(socket_, patience);
      while (std::chrono::steady_clock::now() < end && !wire_.get().empty()) continue;
    }

   private:
    bool more() {
      const std::string bytes = wire_.get();
      buffer_ += bytes;
      return !bytes.empty();
    }
    std::optional<std::string> take(std::string_view end) {
      std::size_t found = 0;
      while ((found = buffer_.find(end)) == std::string::npos) {
        if (!more()) return std::nullopt;
      }
      return take(found + end.size());
    }
    std::string take(std::size_t size) {
      std::string taken = buffer_.substr(0, size);
      buffer_.erase(0, size);
      return taken;
    }
    bool takeBody(unsigned long long size, std::string& body) {
      while (buffer_.size() < size && more()) continue;
      const bool whole = buffer_.size() >= size;
      body += take(whole ? static_cast<std::size_t>(size) : buffer_.size());
      return whole;
    }
    // Of lengths that contradict each other the largest, so that what is wrong with them can be told.
    bool takeLength(const std::string& head, std::string& body) {
      unsigned long long length = 0;
      for (const std::string& text : fieldsOf(head, "content-length"))
        length = std::max(length, std::strtoull(text.c_str(), nullptr, 10));
      return takeBody(length, body);
    }
    bool takeChunks(std::string& body) {
      while (true) {
        const auto line = take("\r\n");
        const auto size = line ? std::strtoull(line->c_str(), nullptr, 16) : 0ULL;
        if (!line || !takeBody(size, body) || !take("\r\n")) return false;
        if (size == 0) return true;
      }
    }

    Peer& peer_;
    Wire wire_;
    int socket_;
    int number_;
    std::string buffer_;  // what has come and was not asked for yet
  };
  // Runs on a thread of each connection's own, which is closed when it ends.
  using Script = std::function<void(Connection&)>;

  // Throws std::runtime_error when there is no port to listen on.
  explicit Peer(Script script, WireMaker wires = plainWire) : script_(std::move(script)), wires_(std::move(wires)) {
    std::tie(listener_, port_) = listenOnLoopback(128);
    acceptor_ = std::thread([this] { accept(); });
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  // Hangs up on everybody.
  ~Peer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    {
      const std::lock_guard lock(mutex_);
      for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
  }

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::vector<Seen> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  // Whether all connections have ended, or do within that time.
  bool waitUntilClosed(std::chrono::milliseconds patience) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return sockets_.empty(); });
  }

 private:
  static void limitReads(int socket, std::chrono::milliseconds patience) {
    const timeval time{.tv_sec = patience.count() / 1000, .tv_usec = patience.count() % 1000 * 1000};
    static_cast<void>(::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    static_cast<void>(::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
  }

  void note(const Seen& request) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(request);
  }

  void accept() {
    for (int socket = 0; (socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      const std::lock_guard lock(mutex_);
      sockets_.push_back(socket);
      threads_.emplace_back([this, socket, number = static_cast<int>(threads_.size()) + 1] { serve(socket, number); });
    }
  }

  void serve(int socket, int number) {
    const int on = 1;
    static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    limitReads(socket, std::chrono::seconds{20});
    if (auto wire = wires_(socket)) {
      Connection connection(*this, *std::move(wire), socket, number);
      script_(connection);
    }
    const std::lock_guard lock(mutex_);
    ::close(socket);
    sockets_.erase(std::find(sockets_.begin(), sockets_.end(), socket));
    changed_.notify_all();
  }

  const Script script_;
  const WireMaker wires_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;  // for everything below but the acceptor
  mutable std::condition_variable changed_;
  std::vector<Seen> seen_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace detail
}  // namespace ironjar::testing
