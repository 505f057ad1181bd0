// One connection to a Redis server: plain sockets, so that every wait has a deadline and no signal is raised.
#pragma once

#include "base/descriptor.hpp"
#include "redis/reply.hpp"

#include <memory>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include <ironjar/http.hpp>
#include <ironjar/redis.hpp>

namespace ironjar::detail {

struct RedisAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// May take as long as the system's resolver does. Empty when nothing is found.
[[nodiscard]] std::vector<RedisAddress> resolve(const RedisOptions& options);

class RedisConnection {
 public:
  // Connected and signed in. Errors: Errc::unreachable, timeout, transport, malformed; Errc::notAllowed when the server
  // refuses user and password, or wants some.
  [[nodiscard]] static Result<std::unique_ptr<RedisConnection>> open(const RedisAddress& address,
                                                                     const RedisOptions& options, Deadline deadline);

  // The first of several addresses that can be opened, each with its part of the time; that one is in front then. The
  // last one's error.
  [[nodiscard]] static Result<std::unique_ptr<RedisConnection>> openAny(std::vector<RedisAddress>& addresses,
                                                                        const RedisOptions& options, Deadline deadline);

  // The server's answer, which may be an error of its. Errors as above, after which the connection is of no use.
  [[nodiscard]] Result<Reply> command(std::span<const std::string_view> words, Deadline deadline);

 private:
  explicit RedisConnection(Descriptor socket) : socket_(std::move(socket)) {}
  [[nodiscard]] std::optional<Error> signIn(const RedisOptions& options, Deadline deadline);
  [[nodiscard]] std::optional<Error> send(std::string_view bytes, Deadline deadline);
  [[nodiscard]] Result<Reply> receive(Deadline deadline);

  Descriptor socket_;
  ReplyReader reader_;
};

}  // namespace ironjar::detail
