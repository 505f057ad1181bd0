// Redis Sentinel: which server is the master now, as sentinels say.
#pragma once

#include "redis/enquiry.hpp"
#include "redis/pool.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace ironjar::detail {

// The options of connections to sentinels: user and password are theirs, and there are no databases.
[[nodiscard]] RedisOptions sentinelOptions(RedisOptions options);

// For the loop's thread alone. Options and what is said of TLS must outlive it. Sentinels are believed in nothing but
// where to look: whoever uses a server that they name has verified that it is a master (ROLE).
class RedisSentinels : public std::enable_shared_from_this<RedisSentinels> {
 public:
  using Looked = Completion<std::optional<Error>>;
  // Whether the server is a master that can be used, by the deadline.
  using Verify = std::function<void(const RedisEndpoint&, Deadline, Looked)>;

  // `switched` is called when a sentinel says that there is another master.
  RedisSentinels(std::shared_ptr<EventLoop> loop, const RedisOptions& options, const RedisTls& tls,
                 std::shared_ptr<std::atomic<std::uint64_t>> commands, std::function<void()> switched);

  // Asks one sentinel after the other, until a server that one of them names is verified. The sentinel that named it is
  // asked first the next time, the others that it knows are known from then on, and it is listened to.
  void find(Deadline deadline, Verify verify, Looked done);
  void close();

  [[nodiscard]] std::vector<RedisEndpoint> known() const;

 private:
  using Pointer = std::shared_ptr<RedisPool>;
  using Search = std::shared_ptr<Enquiry<Pointer>>;

  [[nodiscard]] Pointer poolOf(const RedisEndpoint& sentinel) const;
  void named(const Search& search, const Pointer& by, const Result<Reply>& reply, const Verify& verify);
  void verified(const Search& search, const Pointer& by, std::optional<Error> problem);
  void learnOthers(const Pointer& sentinel, Deadline deadline);
  void learn(const Reply& others);
  void listen();
  void heard(const Reply& pushed);
  void listenLater();

  const std::shared_ptr<EventLoop> loop_;
  const RedisOptions& options_;
  const RedisTls& tls_;
  const std::shared_ptr<std::atomic<std::uint64_t>> commands_;
  const std::function<void()> switched_;
  std::vector<Pointer> sentinels_;  // the one that has named the master is in front
  std::shared_ptr<RedisConnection> listening_;
  std::optional<EventLoop::Ticket> timer_;  // of the next attempt to listen
  bool isClosed_ = false;
};

}  // namespace ironjar::detail
