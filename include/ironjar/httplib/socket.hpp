// TCP sockets whose every wait ends at a deadline. Part of <ironjar/httplib/transport.hpp>.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <ironjar/http.hpp>

namespace ironjar::detail {

inline Error unreachable(std::string what) { return fail(Errc::unreachable, std::move(what)); }

// What is left until a deadline, for poll(): a minute at most, 0 when it has passed.
inline int pollTime(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 60'000));
}

class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] bool isOpen() const { return descriptor_ >= 0; }

  // Waits for one of `events` (those of poll); returns those that have come, errors included. 0: the deadline passed.
  [[nodiscard]] short wait(short events, Deadline deadline) const {
    while (std::chrono::steady_clock::now() < deadline) {
      pollfd watched{.fd = descriptor_, .events = events, .revents = 0};
      const int ready = ::poll(&watched, 1, pollTime(deadline));
      if (ready > 0) return watched.revents;
      if (ready < 0 && errno != EINTR) return POLLERR;
    }
    return 0;
  }

 private:
  int descriptor_ = -1;
};

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// A host's addresses, the two families in turn (RFC 8305 section 4). getaddrinfo takes no deadline.
inline std::vector<Address> addressesOf(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
  std::vector<Address> addresses;
  std::vector<Address> others;  // of the second family
  for (const addrinfo* a = list.get(); a != nullptr; a = a->ai_next) {
    Address address{.size = a->ai_addrlen};
    std::memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
    (a->ai_family == list->ai_family ? addresses : others).push_back(address);
  }
  for (std::size_t i = 0; i < others.size(); ++i) {
    const std::size_t place = std::min(2 * i + 1, addresses.size());
    addresses.insert(addresses.begin() + static_cast<std::ptrdiff_t>(place), others[i]);
  }
  return addresses;
}

// Connects to whichever of a host's addresses answers first. The next one is tried when one has failed, or has not
// answered for a quarter of a second (RFC 8305 section 5): one that is dead costs no more.
class Connecting {
 public:
  Connecting(std::vector<Address> addresses, std::chrono::milliseconds timeout, Deadline deadline)
      : addresses_(std::move(addresses)), timeout_(timeout), deadline_(deadline) {}

  // Errc::unreachable when none has answered: each has the timeout, all together until the deadline.
  [[nodiscard]] Result<Socket> run() {
    while (next_ < addresses_.size() || !attempts_.empty()) {
      const Deadline now = std::chrono::steady_clock::now();
      if (now >= deadline_) return unreachable("the deadline passed while connecting");
      std::erase_if(attempts_, [now](const Attempt& attempt) { return attempt.until <= now; });
      if (next_ < addresses_.size() && (attempts_.empty() || now >= nextAt_)) begin(addresses_[next_++], now);
      if (Socket connected = wait(); connected.isOpen()) return connected;
    }
    return unreachable("no connection to any of the host's addresses");
  }

 private:
  struct Attempt {
    Socket socket;
    Deadline until;
  };

  void begin(const Address& address, Deadline now) {
    Socket socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.isOpen()) return;
    const int on = 1;  // head and body may leave in two writes: Nagle would hold the second for 40 ms
    static_cast<void>(::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    const auto* const generic = reinterpret_cast<const sockaddr*>(&address.storage);
    if (::connect(socket.get(), generic, address.size) != 0 && errno != EINPROGRESS) return;
    attempts_.push_back({std::move(socket), now + timeout_});
    nextAt_ = now + std::chrono::milliseconds{250};
  }

  // Waits until an attempt has connected, failed or timed out, or until the next one is due. Open: the one that has
  // connected.
  Socket wait() {
    Deadline until = deadline_;
    if (next_ < addresses_.size()) until = std::min(until, nextAt_);
    std::vector<pollfd> watched;
    for (const Attempt& attempt : attempts_) {
      watched.push_back({.fd = attempt.socket.get(), .events = POLLOUT, .revents = 0});
      until = std::min(until, attempt.until);
    }
    if (watched.empty() || ::poll(watched.data(), watched.size(), pollTime(until)) <= 0) return {};
    for (std::size_t i = watched.size(); i-- > 0;) {
      if (watched[i].revents == 0) continue;
      Socket socket = std::move(attempts_[i].socket);
      attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(i));
      int problem = 0;
      socklen_t size = sizeof problem;
      if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &problem, &size) == 0 && problem == 0) return socket;
      nextAt_ = Deadline();
    }
    return {};
  }

  const std::vector<Address> addresses_;
  const std::chrono::milliseconds timeout_;
  const Deadline deadline_;
  std::size_t next_ = 0;
  Deadline nextAt_{};  // when the next address is tried while others have not answered
  std::vector<Attempt> attempts_;
};

inline Result<Socket> connectTo(const std::string& host, const std::string& port, std::chrono::milliseconds timeout,
                                Deadline deadline) {
  if (std::chrono::steady_clock::now() >= deadline) return unreachable("no time left to connect");
  std::vector<Address> addresses = addressesOf(host, port);
  if (addresses.empty()) return unreachable("the host's name has no address");
  return Connecting(std::move(addresses), timeout, deadline).run();
}

}  // namespace ironjar::detail
