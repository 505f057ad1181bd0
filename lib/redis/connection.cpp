#include "redis/connection.hpp"

#include "crypto/secret.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

namespace ironjar::detail {
namespace {

// False at the deadline.
bool waitFor(int fd, short events, Deadline deadline) {
  while (true) {
    const auto left = deadline - std::chrono::steady_clock::now();
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    if (milliseconds <= 0) return false;
    pollfd waiting{fd, events, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<long long>(milliseconds, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // the call that follows says what it is
  }
}

bool mustWait() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

Result<Descriptor> connectTo(const RedisAddress& address, Deadline deadline) {
  Descriptor socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return fail(Errc::unreachable, "no socket could be had");
  if (address.storage.ss_family != AF_UNIX) {
    const int on = 1;
    if (::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
      return fail(Errc::unreachable, "no TCP socket could be had");
    }
  }
  const int begun = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  if (begun == 0) return socket;
  if (errno != EINPROGRESS) return fail(Errc::unreachable, "connecting failed");
  if (!waitFor(socket.get(), POLLOUT, deadline)) return fail(Errc::unreachable, "connecting took too long");
  int problem = 0;
  socklen_t size = sizeof problem;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &problem, &size) != 0 || problem != 0) {
    return fail(Errc::unreachable, "connecting failed");
  }
  return socket;
}

// Frees what redisFormatCommandArgv makes; wiped before, since it may hold a password.
class FormattedCommand {
 public:
  explicit FormattedCommand(std::span<const std::string_view> words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : words) {
      texts.push_back(word.data() == nullptr ? "" : word.data());
      sizes.push_back(word.size());
    }
    const auto size = redisFormatCommandArgv(&text_, static_cast<int>(words.size()), texts.data(), sizes.data());
    if (size < 0) throw std::runtime_error("ironjar: hiredis has no memory for a command");
    size_ = static_cast<std::size_t>(size);
  }
  FormattedCommand(const FormattedCommand&) = delete;
  FormattedCommand& operator=(const FormattedCommand&) = delete;
  ~FormattedCommand() {
    wipe(writable(text_, size_));
    redisFreeCommand(text_);
  }
  [[nodiscard]] std::string_view text() const { return {text_, size_}; }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
};

bool refusesUs(const std::string& name) {
  return name == "WRONGPASS" || name == "NOAUTH" || name == "NOPERM" || name == "DENIED";
}

}  // namespace

std::vector<RedisAddress> resolve(const RedisOptions& options) {
  std::vector<RedisAddress> found;
  if (!options.unixSocket.empty()) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    std::copy_n(options.unixSocket.data(), std::min(options.unixSocket.size(), sizeof local.sun_path - 1),
                static_cast<char*>(local.sun_path));
    RedisAddress address;
    std::memcpy(&address.storage, &local, sizeof local);
    address.size = sizeof local;
    found.push_back(address);
    return found;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(options.port);
  if (::getaddrinfo(options.host.c_str(), port.c_str(), &hints, &list) != 0) return found;
  const Handle<addrinfo, ::freeaddrinfo> owned(list);
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_addrlen > sizeof(sockaddr_storage)) continue;
    RedisAddress address;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    found.push_back(address);
  }
  return found;
}

Result<std::unique_ptr<RedisConnection>> RedisConnection::open(const RedisAddress& address, const RedisOptions& options,
                                                               Deadline deadline) {
  Result<Descriptor> socket = connectTo(address, deadline);
  if (!socket) return socket.error();
  std::unique_ptr<RedisConnection> connection(new RedisConnection(*std::move(socket)));
  if (auto problem = connection->signIn(options, deadline)) return *std::move(problem);
  return connection;
}

Result<std::unique_ptr<RedisConnection>> RedisConnection::openAny(std::vector<RedisAddress>& addresses,
                                                                  const RedisOptions& options, Deadline deadline) {
  Result<std::unique_ptr<RedisConnection>> connection = fail(Errc::unreachable, "the host has no address");
  for (auto address = addresses.begin(); address != addresses.end() && !connection; ++address) {
    const auto now = std::chrono::steady_clock::now();
    connection = open(*address, options, now + (deadline - now) / (addresses.end() - address));
    if (connection) std::rotate(addresses.begin(), address, address + 1);
  }
  return connection;
}

std::optional<Error> RedisConnection::signIn(const RedisOptions& options, Deadline deadline) {
  const auto demand = [&](std::span<const std::string_view> words) -> std::optional<Error> {
    const Result<Reply> reply = command(words, deadline);
    if (!reply) return reply.error();
    if (reply->isText("OK")) return std::nullopt;
    const std::string name = reply->errorName();
    // AUTH to a server without a password is answered with a plain ERR: configuration, too. So is whatever comes first
    // to a server that has clients enough, and that passes.
    const bool hasNoPlace = reply->text.starts_with("ERR max number of clients");
    const bool refused = refusesUs(name) || (words.front() == "AUTH" && name == "ERR" && !hasNoPlace);
    return fail(refused ? Errc::notAllowed : Errc::transport, std::string(words.front()) + " was answered by " + name);
  };
  std::vector<std::string_view> words = {"AUTH"};
  if (!options.user.empty()) words.emplace_back(options.user);
  words.emplace_back(options.password);
  if (!options.password.empty()) {
    if (auto problem = demand(words)) return problem;
  }
  const std::string database = std::to_string(options.database);
  const std::array<std::string_view, 2> select = {"SELECT", database};
  return options.database == 0 ? std::nullopt : demand(select);
}

Result<Reply> RedisConnection::command(std::span<const std::string_view> words, Deadline deadline) {
  const FormattedCommand formatted(words);
  if (auto problem = send(formatted.text(), deadline)) return *std::move(problem);
  return receive(deadline);
}

std::optional<Error> RedisConnection::send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (!mustWait()) {
      return fail(Errc::transport, "the connection broke");
    } else if (!waitFor(socket_.get(), POLLOUT, deadline)) {
      return fail(Errc::timeout, "no answer in time");
    }
  }
  return std::nullopt;
}

Result<Reply> RedisConnection::receive(Deadline deadline) {
  std::array<char, 16 * 1024> buffer;  // NOLINT: filled by recv
  while (true) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) {
      auto reply = reader_.read({buffer.data(), static_cast<std::size_t>(got)});
      if (!reply) return reply.error();
      if (*reply) return **std::move(reply);
      if (std::chrono::steady_clock::now() >= deadline) return fail(Errc::timeout, "no whole answer in time");
    } else if (got == 0 || !mustWait()) {
      return fail(Errc::transport, "the connection broke");
    } else if (!waitFor(socket_.get(), POLLIN, deadline)) {
      return fail(Errc::timeout, "no answer in time");
    }
  }
}

}  // namespace ironjar::detail
