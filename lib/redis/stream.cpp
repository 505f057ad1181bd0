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
#include <utility>

#include <ironjar/tls.hpp>

namespace ironjar::detail {
namespace {

RedisStream::Step stepOf(IoStep step) {
  if (step == IoStep::done) return RedisStream::Step::done;
  if (step == IoStep::waitToRead) return RedisStream::Step::waitToRead;
  return step == IoStep::waitToWrite ? RedisStream::Step::waitToWrite : RedisStream::Step::broken;
}

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

RedisTls::RedisTls(const RedisOptions& options) : host_(options.host) {
  if (!options.tls) return;
  const TlsFiles files{options.caCertFile, options.clientCertFile, options.clientKeyFile};
  context_ = std::make_shared<TlsClientContext>(files, "RedisOptions");
  if (context_->get() != nullptr) return;
  throw std::invalid_argument("ironjar: RedisOptions: caCertFile is no PEM file of certificates that can be read");
}

RedisTls RedisTls::forHost(std::string host) const {
  RedisTls other = *this;
  other.host_ = std::move(host);
  return other;
}

RedisStream::RedisStream() = default;
RedisStream::~RedisStream() = default;

bool RedisStream::start(const RedisAddress& address, const RedisTls& tls) {
  options_ = &tls;
  socket_ = Descriptor(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket_.get() < 0) return false;
  const int on = 1;
  const bool isTcp = address.storage.ss_family != AF_UNIX;
  if (isTcp && ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return false;
  const int begun = ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  return begun == 0 || errno == EINPROGRESS;
}

RedisStream::Step RedisStream::connect() {
  if (tls_) return shakeHands();
  pollfd state{socket_.get(), POLLOUT, 0};
  if (::poll(&state, 1, 0) == 0) return Step::waitToWrite;
  int problem = 0;
  socklen_t size = sizeof problem;
  const bool isKnown = ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &problem, &size) == 0;
  if (!isKnown || problem != 0) return Step::broken;
  return options_->context() == nullptr ? Step::done : shakeHands();
}

RedisStream::Step RedisStream::shakeHands() {
  if (!tls_) {
    tls_ = std::make_unique<TlsClient>();
    if (!tls_->start(options_->context()->get(), socket_.get(), options_->host())) return Step::broken;
  }
  const Step step = stepOf(tls_->handshake().step);
  isImpostor_ = step == Step::broken && !tls_->isVerified();
  return step;
}

RedisStream::Moved RedisStream::read(char* bytes, std::size_t size) {
  if (tls_) {
    const IoResult got = tls_->read(bytes, size);
    return {stepOf(got.step), got.size};
  }
  const ssize_t got = ::recv(socket_.get(), bytes, size, 0);
  if (got > 0) return {Step::done, static_cast<std::size_t>(got)};
  return {got < 0 && mustWait() ? Step::waitToRead : Step::broken};
}

RedisStream::Moved RedisStream::write(std::string_view bytes) {
  if (tls_) {
    const IoResult sent = tls_->write(bytes);
    return {stepOf(sent.step), sent.size};
  }
  const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent > 0) return {Step::done, static_cast<std::size_t>(sent)};
  return {mustWait() ? Step::waitToWrite : Step::broken};
}

}  // namespace ironjar::detail
