// A socket to a Redis server that never blocks.
#pragma once

#include "base/descriptor.hpp"
#include "base/resolver.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

namespace ironjar::detail {

struct RedisAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// Of addresses as numbers, those that can be understood.
[[nodiscard]] std::vector<RedisAddress> tcpAddresses(const Addresses& hosts, int port);
[[nodiscard]] RedisAddress unixAddress(const std::string& path);

class RedisStream {
 public:
  enum class Step { done, waitToRead, waitToWrite, broken };
  struct Moved {
    Step step = Step::broken;
    std::size_t size = 0;  // bytes, when done
  };

  // Begins to connect; false when that fails at once.
  [[nodiscard]] bool start(const RedisAddress& address);
  // To be called until it is done, each time that the socket is ready.
  [[nodiscard]] Step connect();
  // A server that has hung up has broken the stream.
  [[nodiscard]] Moved read(char* bytes, std::size_t size);
  [[nodiscard]] Moved write(std::string_view bytes);
  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  Descriptor socket_;
};

}  // namespace ironjar::detail
