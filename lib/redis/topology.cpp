#include "redis/topology.hpp"

#include "redis/policy.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ironjar::detail {
namespace {

// What a server says that does not serve us now, while another may: it has become a replica, is starting, or sees too
// few others.
bool isOfAnotherTime(std::string_view name) {
  constexpr std::array<std::string_view, 6> names = {"READONLY",   "LOADING",     "MASTERDOWN",
                                                     "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

RedisTopology::RedisTopology(std::shared_ptr<EventLoop> loop, const RedisOptions& options, const RedisTls& tls,
                             std::function<void()> switched)
    : loop_(std::move(loop)),
      options_(options),
      tls_(tls),
      commands_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      sentinelOptions_(sentinelOptions(options)) {
  if (!options_.sentinels.empty()) {
    sentinels_ = std::make_shared<RedisSentinels>(loop_, sentinelOptions_, tls_, commands_, std::move(switched));
    return;
  }
  if (!options_.clusterNodes.empty()) {
    cluster_ = std::make_shared<RedisCluster>(loop_, options_, tls_, commands_, std::move(switched));
    return;
  }
  const bool isUnix = !options_.unixSocket.empty();
  pool_ = poolOf(isUnix ? RedisEndpoint{options_.unixSocket, 0} : RedisEndpoint{options_.host, options_.port});
}

RedisTopology::Pointer RedisTopology::poolOf(const RedisEndpoint& server) const {
  const auto arrays = canFailOver() ? RedisPool::Arrays::nested : RedisPool::Arrays::flat;
  return std::make_shared<RedisPool>(loop_, options_, tls_, server, commands_, arrays);
}

bool RedisTopology::canFailOver() const { return sentinels_ || cluster_; }

void RedisTopology::run(RedisCall call, Deadline deadline, Answered done) {
  const auto told = [this, isAlive = isAlive_, done = std::move(done)](Result<Reply> reply) {
    if (*isAlive) reply = judged(std::move(reply));
    completeSafely(done, std::move(reply));
  };
  if (cluster_) return cluster_->run(std::move(call), deadline, told);
  if (!pool_) return completeSafely<Result<Reply>>(told, fail(Errc::unreachable, "no sentinel has named the master"));
  pool_->run(std::move(call), deadline, told);
}

Result<Reply> RedisTopology::judged(Result<Reply> reply) const {
  if (!reply || reply->kind != Reply::Kind::error) return reply;
  const std::string name = reply->errorName();
  return fail(canFailOver() && isOfAnotherTime(name) ? Errc::unreachable : Errc::notAllowed, "it answers " + name);
}

void RedisTopology::look(Deadline deadline, std::chrono::milliseconds soon, Looked done) {
  if (cluster_) return cluster_->look(deadline, soon, std::move(done));
  if (!sentinels_) return pool_->look(deadline, soon, std::move(done));
  const auto verify = [this, soon](const RedisEndpoint& server, Deadline until, Looked verified) {
    verifyMaster(server, until, soon, std::move(verified));
  };
  sentinels_->find(deadline, verify, std::move(done));
}

void RedisTopology::lookForOthers(Deadline deadline, std::chrono::milliseconds soon, Looked done) {
  if (!sentinels_) return look(deadline, soon, std::move(done));
  const auto verify = [this, soon](const RedisEndpoint& server, Deadline until, Looked verified) {
    if (pool_ && pool_->endpoint() == server) return verified(std::nullopt);
    verifyMaster(server, until, soon, std::move(verified));
  };
  sentinels_->find(deadline, verify, std::move(done));
}

// A sentinel may lie, and may not know yet that a master has become a replica.
void RedisTopology::verifyMaster(const RedisEndpoint& server, Deadline deadline, std::chrono::milliseconds soon,
                                 Looked done) {
  const bool isInUse = pool_ && pool_->endpoint() == server;
  const Pointer pool = isInUse ? pool_ : poolOf(server);
  if (!isInUse) verifying_.insert(pool);
  const auto looked = [this, isAlive = isAlive_, pool, done = std::move(done)](std::optional<Error> problem) {
    if (*isAlive) verifying_.erase(pool);
    if (!problem && *isAlive) use(pool);
    if (problem && *isAlive && pool != pool_) loop_->post([pool] { pool->close(); });
    done(std::move(problem));
  };
  pool->look(deadline, soon, looked, RedisPool::Wanted::master);
}

// From now on. What is under way with another one fails.
void RedisTopology::use(const Pointer& pool) {
  const Pointer before = std::exchange(pool_, pool);
  if (!before || before == pool) return;
  tookOverAt_ = std::chrono::steady_clock::now();
  loop_->post([before] { before->close(); });
}

void RedisTopology::retire() {
  if (cluster_) cluster_->retire();
  if (pool_) pool_->retire();
}

void RedisTopology::close() {
  *isAlive_ = false;
  if (sentinels_) sentinels_->close();
  if (cluster_) cluster_->close();
  if (pool_) pool_->close();
  for (const Pointer& pool : std::exchange(verifying_, {})) pool->close();  // which hold themselves
}

std::vector<RedisCall> RedisTopology::stepsOf(const RedisCall& call) const {
  return cluster_ ? detail::stepsOf(call) : std::vector{call};
}

std::optional<RedisEndpoint> RedisTopology::serverOf(const RedisCall& call) const {
  if (cluster_) return cluster_->serverOf(call);
  return pool_ ? std::optional(pool_->endpoint()) : std::nullopt;
}

// In a cluster messages reach all nodes.
RedisTopology::Pointer RedisTopology::listenedTo() const { return cluster_ ? cluster_->anyNode() : pool_; }

bool RedisTopology::isKnown() const {
  const Pointer pool = listenedTo();
  return pool && !pool->addresses().empty();
}

RedisTopology::Place RedisTopology::listeningPlace() const {
  const Pointer pool = listenedTo();
  return {pool->endpoint(), pool->addresses(), pool->tls()};
}

bool RedisTopology::mayListenAt(const RedisEndpoint& server) const {
  return cluster_ ? cluster_->has(server) : pool_ && pool_->endpoint() == server;
}

}  // namespace ironjar::detail
