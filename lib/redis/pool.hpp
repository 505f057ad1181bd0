// The connections of a process to one Redis server: a few, which all commands share.
#pragma once

#include "base/resolver.hpp"
#include "redis/connection.hpp"
#include "redis/pending.hpp"

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace ironjar::detail {

// For the loop's thread alone, but for commands(). Options and what is said of TLS must outlive it.
class RedisPool : public std::enable_shared_from_this<RedisPool> {
 public:
  using Answered = Completion<Result<Reply>>;
  using Looked = Completion<std::optional<Error>>;

  RedisPool(std::shared_ptr<EventLoop> loop, const RedisOptions& options, const RedisTls& tls);

  // The script's answer, of a shape that it can have; by the deadline. Errors: RedisLink::run's, and Errc::overloaded
  // when too many wait. A script may run again when a connection breaks: then it finds what it has done.
  void run(RedisCall call, Deadline deadline, Answered done);
  // Resolves the host anew and opens a connection, on which it sees whether Redis can be written to, and answers within
  // `soon` when it has been asked a few times. Nothing, when all is well: the connection is used from then on.
  void look(Deadline deadline, std::chrono::milliseconds soon, Looked done);
  // No more is sent on what is open.
  void retire();
  // At the loop's end: all that is under way fails, and completes before this returns.
  void close();

  [[nodiscard]] const std::vector<RedisAddress>& addresses() const { return addresses_; }
  [[nodiscard]] std::uint64_t commands() const { return commands_; }

 private:
  struct Attempt;
  struct Look;
  using Pointer = std::shared_ptr<RedisConnection>;

  void submit(const std::shared_ptr<Attempt>& attempt);
  void send(const std::shared_ptr<Attempt>& attempt, const Pointer& connection);
  void answered(const std::shared_ptr<Attempt>& attempt, Result<Reply> reply);
  void learnHash(const RedisScript& script, RedisConnection& connection, Deadline deadline);
  void await(const std::shared_ptr<Attempt>& attempt);
  void connect(Deadline deadline);
  void connected(RedisConnection* connection, Deadline deadline, std::optional<Error> problem);
  void forget(const RedisConnection* connection);
  void lookAt(const std::shared_ptr<Look>& look, std::vector<RedisAddress> addresses);
  void probe(const std::shared_ptr<Look>& look);
  void probed(const std::shared_ptr<Look>& look, const Result<Reply>& reply);
  void finish(std::shared_ptr<Look> look, std::optional<Error> problem);
  [[nodiscard]] Pointer leastBusy(std::uint64_t newerThan) const;

  const std::shared_ptr<EventLoop> loop_;
  const RedisOptions& options_;
  const RedisTls& tls_;
  const Resolver resolver_;
  std::atomic<std::uint64_t> commands_ = 0;
  std::vector<RedisAddress> addresses_;  // the one that has worked is in front
  std::vector<Pointer> connections_;     // open
  std::vector<Pointer> opening_;
  std::uint64_t opened_ = 0;                          // connections, ever: their numbers
  std::list<std::shared_ptr<Attempt>> waiting_;       // for a connection
  std::set<std::shared_ptr<Look>> looks_;             // all others refer to them weakly
  std::size_t underWay_ = 0;                          // commands that are not answered
  std::map<const RedisScript*, std::string> hashes_;  // what EVALSHA calls them; empty: the server tells none
  Deadline growsFrom_ = {};                           // after one more connection could not be had
  bool isClosed_ = false;
};

}  // namespace ironjar::detail
