// A process's link to Redis: pooled connections, one deadline per command, and a breaker, so that a server in trouble
// costs requests next to nothing. Thread-safe.
#pragma once

#include "redis/connection.hpp"
#include "redis/pending.hpp"
#include "redis/scripts.hpp"
#include "redis/sealer.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include <ironjar/redis.hpp>

namespace ironjar::detail {

class RedisLink {
 public:
  explicit RedisLink(RedisOptions options);  // throws as Redis' constructor
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;
  ~RedisLink();

  // The script's answer, of a shape that it can have. Errc::unreachable at once while Redis is given up;
  // Errc::timeout, transport, malformed; Errc::notAllowed when it answers with an error.
  [[nodiscard]] Result<Reply> run(const RedisCall& call);
  // Runs it now if it can be, or as runLater() does.
  void runEventually(RedisCall call);
  // For what has just failed: runs it on a thread of the link's as soon as Redis takes it, in the order of these calls.
  // What Redis refuses again and again while it is well is dropped, and what PendingCalls has no room for.
  void runLater(RedisCall call);

  [[nodiscard]] const RedisSealer& sealer() const { return sealer_; }
  [[nodiscard]] RedisStats stats() const;

 private:
  using Connection = std::unique_ptr<RedisConnection>;

  [[nodiscard]] Result<Connection> connect(Deadline deadline);
  [[nodiscard]] Connection takeIdle();
  [[nodiscard]] Result<Reply> attempt(RedisConnection& connection, const RedisCall& call, Deadline deadline);
  [[nodiscard]] Result<Reply> evaluate(RedisConnection& connection, const RedisCall& call, Deadline deadline);
  [[nodiscard]] std::string hashOf(RedisConnection& connection, const RedisScript& script, Deadline deadline);
  [[nodiscard]] Result<Reply> exchange(const RedisCall& call, Deadline deadline);
  // Whether Redis can be written to, and answers within `soon` when it has been asked a few times.
  [[nodiscard]] std::optional<Error> probe(Deadline deadline, std::chrono::milliseconds soon);
  void failed(const Error& error);
  void watch();
  void recover();
  [[nodiscard]] std::optional<Error> sendPending(Deadline end);
  void report(bool degraded, const std::string& why);

  const RedisOptions options_;
  const RedisSealer sealer_;
  std::atomic<std::uint64_t> commands_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> degradations_ = 0;
  std::atomic<bool> degraded_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Connection> idle_;
  std::vector<RedisAddress> addresses_;
  std::map<const RedisScript*, std::string> hashes_;  // what EVALSHA calls them
  PendingCalls pending_;
  unsigned failedInARow_ = 0;
  bool isRefusing_ = false;  // the last of those was an error of the server's, which may read all the same
  std::string why_;
  bool stopping_ = false;
  std::thread watcher_;  // tells of transitions, probes while Redis is given up, sends what is pending
};

}  // namespace ironjar::detail
