// A process's link to Redis: pooled connections, one deadline per command, and a breaker, so that a server in trouble
// costs requests next to nothing. Thread-safe.
#pragma once

#include "redis/connection.hpp"
#include "redis/scripts.hpp"
#include "redis/vault.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include <ironjar/redis.hpp>

namespace ironjar::detail {

struct RedisCall {
  const RedisScript* script = nullptr;  // one of the constants
  std::vector<std::string> keys = {};
  std::vector<std::string> arguments = {};
};

class RedisLink {
 public:
  explicit RedisLink(RedisOptions options);  // throws as Redis' constructor
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;
  ~RedisLink();

  // The script's answer, of a shape that it can have. Errc::unreachable at once while Redis is given up;
  // Errc::timeout, transport, malformed.
  [[nodiscard]] Result<Reply> run(const RedisCall& call);
  // Runs it now if it can be, or when Redis is back. The oldest of too many are dropped.
  void runEventually(RedisCall call);

  [[nodiscard]] const RedisVault& vault() const { return vault_; }
  [[nodiscard]] RedisStats stats() const;

 private:
  using Connection = std::unique_ptr<RedisConnection>;

  [[nodiscard]] Result<Connection> connect(Deadline deadline);
  [[nodiscard]] Connection takeIdle();
  [[nodiscard]] Result<Reply> attempt(RedisConnection& connection, const RedisCall& call, Deadline deadline);
  [[nodiscard]] Result<Reply> evaluate(RedisConnection& connection, const RedisCall& call, Deadline deadline);
  [[nodiscard]] std::string hashOf(RedisConnection& connection, const RedisScript& script, Deadline deadline);
  [[nodiscard]] Result<Reply> exchange(const RedisCall& call, Deadline deadline);
  [[nodiscard]] std::optional<Error> probe(Deadline deadline);
  void failed(const Error& error);
  void watch();
  void recover();
  void report(bool degraded, const std::string& why);

  const RedisOptions options_;
  const RedisVault vault_;
  std::atomic<std::uint64_t> commands_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> degradations_ = 0;
  std::atomic<bool> degraded_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Connection> idle_;
  std::vector<RedisAddress> addresses_;
  std::map<const RedisScript*, std::string> hashes_;  // what EVALSHA calls them
  std::deque<RedisCall> pending_;
  unsigned failedInARow_ = 0;
  std::string why_;
  bool stopping_ = false;
  std::thread watcher_;  // tells of transitions, and probes while Redis is given up
};

}  // namespace ironjar::detail
