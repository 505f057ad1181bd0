// Which servers there are, and which of them a command is for: one, the master that sentinels name, or the nodes of a
// cluster.
#pragma once

#include "redis/cluster.hpp"
#include "redis/pool.hpp"
#include "redis/sentinel.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace ironjar::detail {

// For the loop's thread alone, but for commands(). Options and what is said of TLS must outlive it.
class RedisTopology {
 public:
  using Answered = RedisPool::Answered;
  using Looked = RedisPool::Looked;

  // `switched` is called when something says that another server may have taken over: time to look.
  RedisTopology(std::shared_ptr<EventLoop> loop, const RedisOptions& options, const RedisTls& tls,
                std::function<void()> switched);

  // The script's answer, of a shape that it can have; by the deadline. Errors: RedisLink::start's. Where another server
  // may take over, what a server says that cannot be written to is Errc::unreachable.
  void run(RedisCall call, Deadline deadline, Answered done);
  // Finds out which servers there are, and whether they can be written to: RedisPool::look() of those that count.
  void look(Deadline deadline, std::chrono::milliseconds soon, Looked done);
  // Finds out whether another server has taken over, and looks at that one alone. Where it can.
  void lookForOthers(Deadline deadline, std::chrono::milliseconds soon, Looked done);
  void retire();
  void close();

  // Whether there are others that may take over.
  [[nodiscard]] bool canFailOver() const;
  // When one has, last, as far as this process knows.
  [[nodiscard]] std::optional<Deadline> tookOverAt() const { return cluster_ ? cluster_->tookOverAt() : tookOverAt_; }
  // Whether it is a cluster, one of whose nodes may be lost alone.
  [[nodiscard]] bool hasNodes() const { return cluster_ != nullptr; }
  // The call as what its servers are sent, each of which may be another.
  [[nodiscard]] std::vector<RedisCall> stepsOf(const RedisCall& call) const;
  // Where such a step would be sent now.
  [[nodiscard]] std::optional<RedisEndpoint> serverOf(const RedisCall& call) const;
  // Whether a server has been found, and where to listen to channels then.
  [[nodiscard]] bool isKnown() const;
  struct Place {
    RedisEndpoint server;
    std::vector<RedisAddress> addresses;
    RedisTls tls;
  };
  [[nodiscard]] Place listeningPlace() const;
  [[nodiscard]] bool mayListenAt(const RedisEndpoint& server) const;
  [[nodiscard]] std::uint64_t commands() const { return *commands_; }

 private:
  using Pointer = std::shared_ptr<RedisPool>;

  [[nodiscard]] Pointer listenedTo() const;
  [[nodiscard]] Pointer poolOf(const RedisEndpoint& server) const;
  void verifyMaster(const RedisEndpoint& server, Deadline deadline, std::chrono::milliseconds soon, Looked done);
  void use(const Pointer& pool);
  [[nodiscard]] Result<Reply> judged(Result<Reply> reply) const;

  const std::shared_ptr<EventLoop> loop_;
  const RedisOptions& options_;
  const RedisTls& tls_;
  const std::shared_ptr<std::atomic<std::uint64_t>> commands_;
  const std::shared_ptr<bool> isAlive_ = std::make_shared<bool>(true);
  Pointer pool_;                 // null until sentinels have named the master, and in a cluster
  std::set<Pointer> verifying_;  // whether they are masters
  std::optional<Deadline> tookOverAt_;
  const RedisOptions sentinelOptions_;
  std::shared_ptr<RedisSentinels> sentinels_;  // null without
  std::shared_ptr<RedisCluster> cluster_;      // likewise; there is no pool_ then
};

}  // namespace ironjar::detail
