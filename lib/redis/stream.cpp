#include "redis/stream.hpp"

#include "base/handle.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>

namespace ironjar::detail {
namespace {

bool mustWait() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

std::vector<RedisAddress> tcpAddresses(const Addresses& hosts, int port) {
  std::vector<RedisAddress> found;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  for (const std::string& host : hosts) {
    addrinfo* list = nullptr;
    if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list) != 0) continue;
    const Handle<addrinfo, ::freeaddrinfo> owned(list);
    if (list->ai_addrlen > sizeof(sockaddr_storage)) continue;
    RedisAddress address;
    std::memcpy(&address.storage, list->ai_addr, list->ai_addrlen);
    address.size = list->ai_addrlen;
    found.push_back(address);
  }
  return found;
}

RedisAddress unixAddress(const std::string& path) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::copy_n(path.data(), std::min(path.size(), sizeof local.sun_path - 1), static_cast<char*>(local.sun_path));
  RedisAddress address;
  std::memcpy(&address.storage, &local, sizeof local);
  address.size = sizeof local;
  return address;
}

bool RedisStream::start(const RedisAddress& address) {
  socket_ = Descriptor(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket_.get() < 0) return false;
  const int on = 1;
  const bool isTcp = address.storage.ss_family != AF_UNIX;
  if (isTcp && ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return false;
  const int begun = ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  return begun == 0 || errno == EINPROGRESS;
}

RedisStream::Step RedisStream::connect() {
  pollfd state{socket_.get(), POLLOUT, 0};
  if (::poll(&state, 1, 0) == 0) return Step::waitToWrite;
  int problem = 0;
  socklen_t size = sizeof problem;
  const bool isKnown = ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &problem, &size) == 0;
  return isKnown && problem == 0 ? Step::done : Step::broken;
}

RedisStream::Moved RedisStream::read(char* bytes, std::size_t size) {
  const ssize_t got = ::recv(socket_.get(), bytes, size, 0);
  if (got > 0) return {Step::done, static_cast<std::size_t>(got)};
  return {got < 0 && mustWait() ? Step::waitToRead : Step::broken};
}

RedisStream::Moved RedisStream::write(std::string_view bytes) {
  const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent > 0) return {Step::done, static_cast<std::size_t>(sent)};
  return {mustWait() ? Step::waitToWrite : Step::broken};
}

}  // namespace ironjar::detail
