// The connections of a process to one server: a few, which all commands share.
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

// For the loop's thread alone. Options must outlive it.
class RedisPool : public std::enable_shared_from_this<RedisPool> {
 public:
  using Answered = Completion<Result<Reply>>;
  using Looked = Completion<std::optional<Error>>;

  using Arrays = ReplyReader::Arrays;

  // Counts in `commands` what it sends.
  RedisPool(std::shared_ptr<EventLoop> loop, const RedisOptions& options, const RedisTls& tls, RedisEndpoint endpoint,
            std::shared_ptr<std::atomic<std::uint64_t>> commands, Arrays arrays = Arrays::flat);

  enum class Asking { no, yes };  // ASKING goes in front, as a node of a cluster has wanted
  // A script's answer, of a shape that it can have, or an error of the server's; by the deadline. Errc::unreachable,
  // timeout, transport, malformed, and overloaded when too many wait. It may run again when a connection breaks: then
  // it finds what it has done.
  void run(RedisCall call, Deadline deadline, Answered done, Asking asking = Asking::no);
  // Resolves the host anew and opens a connection, on which it sees whether Redis can be written to, and answers within
  // `soon` when it has been asked a few times. Nothing, when all is well: the connection is used from then on.
  enum class Wanted { any, master };  // a master by its own word (ROLE), before anything is written
  void look(Deadline deadline, std::chrono::milliseconds soon, Looked done, Wanted wanted = Wanted::any);
  // No more is sent on what is open.
  void retire();
  // At the loop's end: all that is under way fails, and completes before this returns.
  void close();

  [[nodiscard]] const RedisEndpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] const RedisTls& tls() const { return tls_; }
  [[nodiscard]] const std::vector<RedisAddress>& addresses() const { return addresses_; }

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
  void open(const Pointer& connection, Deadline deadline);
  void connected(RedisConnection* connection, Deadline deadline, std::optional<Error> problem);
  void forget(const RedisConnection* connection);
  void lookAt(const std::shared_ptr<Look>& look, std::vector<RedisAddress> addresses);
  void askRole(const std::shared_ptr<Look>& look);
  void probe(const std::shared_ptr<Look>& look);
  void probed(const std::shared_ptr<Look>& look, const Result<Reply>& reply);
  void finish(std::shared_ptr<Look> look, std::optional<Error> problem);
  [[nodiscard]] Pointer leastBusy(std::uint64_t newerThan) const;

  const std::shared_ptr<EventLoop> loop_;
  const RedisOptions& options_;
  const RedisTls tls_;
  const RedisEndpoint endpoint_;
  const Arrays arrays_;
  const Resolver resolver_;
  const std::shared_ptr<std::atomic<std::uint64_t>> commands_;
  std::vector<RedisAddress> addresses_;  // the one that has worked is in front
  std::vector<Pointer> connections_;     // open
  std::vector<Pointer> opening_;
  std::vector<Pointer> retired_;                      // with answers to come
  std::uint64_t opened_ = 0;                          // connections, ever: their numbers
  std::list<std::shared_ptr<Attempt>> waiting_;       // for a connection
  std::set<std::shared_ptr<Look>> looks_;             // all others refer to them weakly
  std::size_t underWay_ = 0;                          // commands that are not answered
  std::map<const RedisScript*, std::string> hashes_;  // what EVALSHA calls them; empty: the server tells none
  Deadline growsFrom_ = {};                           // after one more connection could not be had
  bool isLookedAt_ = false;
  bool isClosed_ = false;
};

}  // namespace ironjar::detail
