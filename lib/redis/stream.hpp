// A socket to a Redis server that never blocks, with TLS or without.
#pragma once

#include "base/descriptor.hpp"
#include "base/resolver.hpp"

#include <compare>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include <ironjar/redis.hpp>

namespace ironjar::detail {

class TlsClient;
class TlsClientContext;

// A server, as it is named. Port 0: `host` is the path of a Unix socket.
struct RedisEndpoint {
  std::string host;
  int port = 0;

  friend auto operator<=>(const RedisEndpoint&, const RedisEndpoint&) = default;
};

// What all TLS connections share, or that there is no TLS; and whom one is for. Thread-safe.
class RedisTls {
 public:
  // Throws std::invalid_argument for files that cannot be read, or do not go together.
  explicit RedisTls(const RedisOptions& options);
  // The same for another server.
  [[nodiscard]] RedisTls forHost(std::string host) const;

  [[nodiscard]] TlsClientContext* context() const { return context_.get(); }  // null without TLS
  [[nodiscard]] const std::string& host() const { return host_; }             // whom a certificate must be for

 private:
  std::shared_ptr<TlsClientContext> context_;
  std::string host_;
};

struct RedisAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// Of addresses as numbers, those that can be understood.
[[nodiscard]] std::vector<RedisAddress> tcpAddresses(const Addresses& hosts, int port);
[[nodiscard]] RedisAddress unixAddress(const std::string& path);

class RedisStream {
 public:
  RedisStream();
  RedisStream(const RedisStream&) = delete;
  RedisStream& operator=(const RedisStream&) = delete;
  ~RedisStream();

  enum class Step { done, waitToRead, waitToWrite, broken };
  struct Moved {
    Step step = Step::broken;
    std::size_t size = 0;  // bytes, when done
  };

  // Begins to connect; false when that fails at once. What `tls` is must outlive the stream.
  [[nodiscard]] bool start(const RedisAddress& address, const RedisTls& tls);
  // To be called until it is done, each time that the socket is ready for what it waits for. Over TLS the server's
  // certificate is verified by then, and is for its host.
  [[nodiscard]] Step connect();
  // Whether a connection broke because that is not so.
  [[nodiscard]] bool isImpostor() const { return isImpostor_; }
  // A server that has hung up has broken the stream.
  [[nodiscard]] Moved read(char* bytes, std::size_t size);
  [[nodiscard]] Moved write(std::string_view bytes);
  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  [[nodiscard]] Step shakeHands();

  Descriptor socket_;
  const RedisTls* options_ = nullptr;
  std::unique_ptr<TlsClient> tls_;  // after the socket: it says goodbye
  bool isImpostor_ = false;
};

}  // namespace ironjar::detail
