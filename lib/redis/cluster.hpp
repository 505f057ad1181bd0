// Redis Cluster: each call goes to the node that has its keys, wherever that is by now.
#pragma once

#include "redis/enquiry.hpp"
#include "redis/pool.hpp"
#include "redis/slots.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace ironjar::detail {

// The call as steps of one slot each, in the order of their first keys; the call itself where all keys are of one slot,
// or where its script is one step for all of them.
[[nodiscard]] std::vector<RedisCall> stepsOf(const RedisCall& call);

// For the loop's thread alone. Options and what is said of TLS must outlive it. A node that says of another that it has
// a slot is followed so often at most, over TLS with that one's certificate verified for the host that it names.
class RedisCluster : public std::enable_shared_from_this<RedisCluster> {
 public:
  using Answered = RedisPool::Answered;
  using Looked = RedisPool::Looked;

  // `switched` is called when a node says that another has a slot: time to look.
  RedisCluster(std::shared_ptr<EventLoop> loop, const RedisOptions& options, const RedisTls& tls,
               std::shared_ptr<std::atomic<std::uint64_t>> commands, std::function<void()> switched);

  // As RedisPool::run(). What reads is sent to all nodes at once; what writes, one step after the other: when one fails
  // the later ones are not made, and all of it may be made again.
  void run(RedisCall call, Deadline deadline, Answered done);
  // Asks one node after the other who has which slots, then some masters whether they can be written to.
  void look(Deadline deadline, std::chrono::milliseconds soon, Looked done);
  void retire();
  void close();

  [[nodiscard]] std::optional<RedisEndpoint> serverOf(const RedisCall& call) const;
  [[nodiscard]] bool has(const RedisEndpoint& node) const;
  // When a master that had not been one was described, last.
  [[nodiscard]] std::optional<Deadline> tookOverAt() const { return tookOverAt_; }
  // A master that has been connected to, another one each time; null if there is none.
  [[nodiscard]] std::shared_ptr<RedisPool> anyNode();

 private:
  using Pointer = std::shared_ptr<RedisPool>;
  struct Routed;
  struct Steps;
  using Look = std::shared_ptr<Enquiry<RedisEndpoint>>;

  [[nodiscard]] Pointer nodeOf(const RedisEndpoint& node);
  void route(const std::shared_ptr<Routed>& routed);
  void send(const std::shared_ptr<Routed>& routed, const Pointer& node, RedisPool::Asking asking);
  void answered(const std::shared_ptr<Routed>& routed, const RedisEndpoint& node, Result<Reply> reply);
  void redirect(const std::shared_ptr<Routed>& routed, const Redirection& to);
  void next(const std::shared_ptr<Steps>& steps);
  void startAll(const std::shared_ptr<Steps>& steps);
  void described(const Look& look, const RedisEndpoint& node, const Result<Reply>& reply,
                 std::chrono::milliseconds soon);
  void install(SlotMap map);
  [[nodiscard]] std::vector<RedisEndpoint> inTurn(std::vector<RedisEndpoint> nodes);
  void probe(const Look& look, std::chrono::milliseconds soon);

  const std::shared_ptr<EventLoop> loop_;
  const RedisOptions& options_;
  const RedisTls& tls_;
  const std::shared_ptr<std::atomic<std::uint64_t>> commands_;
  const std::function<void()> switched_;
  std::vector<RedisEndpoint> seeds_;
  SlotMap map_;
  std::map<RedisEndpoint, Pointer> nodes_;
  std::size_t turn_ = 0;  // whose it is to be asked, probed or listened to first
  std::optional<Deadline> tookOverAt_;
  bool isClosed_ = false;
};

}  // namespace ironjar::detail
