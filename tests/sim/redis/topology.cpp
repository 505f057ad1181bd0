// The servers of a link, as the history has them: this stands in for lib/redis/topology.cpp, and for what is below it
// (connections, sentinels, the cluster).
#include "redis/topology.hpp"

#include "sim/redis/servers.hpp"

#include <set>

namespace ironjar::detail {
namespace {

using sim::RedisServers;

// What is under way, to be ended with the link.
struct Client {
  sim::LifePointer life;
  std::optional<RedisEndpoint> server = std::nullopt;  // that is used, once it has been found
  bool hasLooked = false;
  std::set<std::shared_ptr<Once<Result<Reply>>>> underWay = {};
};

std::map<const RedisTopology*, Client> clients;

}  // namespace

RedisTopology::RedisTopology(std::shared_ptr<EventLoop> loop, const RedisOptions& options, const RedisTls& tls,
                             std::function<void()> /*switched*/)
    : loop_(std::move(loop)),
      options_(options),
      tls_(tls),
      commands_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      sentinelOptions_(options) {
  Client client{sim::Schedule::current().life()};
  if (!canFailOver()) client.server = RedisServers::address;
  clients.insert_or_assign(this, std::move(client));
}

bool RedisTopology::canFailOver() const { return !options_.sentinels.empty(); }

void RedisTopology::run(RedisCall call, Deadline deadline, Answered done) {
  Client& client = clients.at(this);
  const auto once = std::make_shared<Once<Result<Reply>>>(std::move(done), fail(Errc::unreachable));
  if (!client.server) return once->complete(fail(Errc::unreachable, "no sentinel has named the master"));
  client.underWay.insert(once);
  ++*commands_;
  const RedisScript* const script = call.script;
  const std::size_t keys = call.keys.size();
  RedisServers::current().run(client.life, *client.server, std::move(call), deadline,
                              [this, isAlive = isAlive_, once, script, keys](Result<Reply> reply) {
                                if (*isAlive) clients.at(this).underWay.erase(once);
                                if (reply && !script->canAnswer(*reply, keys)) reply = fail(Errc::malformed);
                                once->complete(std::move(reply));
                              });
}

void RedisTopology::look(Deadline /*deadline*/, std::chrono::milliseconds /*soon*/, Looked done) {
  const auto look = [this, isAlive = isAlive_, done = std::move(done)] {
    if (!*isAlive) return;
    Client& client = clients.at(this);
    if (canFailOver()) {
      const auto master = RedisServers::current().master(client.life);
      if (!master) return done(fail(Errc::unreachable, "no sentinel knows a master"));
      if (client.server && *client.server != *master) tookOverAt_ = sim::Schedule::current().now();
      client.server = *master;
      return done(std::nullopt);
    }
    const bool isThere = RedisServers::current().isThere(client.life, *client.server);
    done(isThere ? std::nullopt : std::optional(fail(Errc::unreachable, "it does not answer")));
  };
  if (!std::exchange(clients.at(this).hasLooked, true)) return look();
  static_cast<void>(loop_->at(sim::Schedule::current().now() + std::chrono::milliseconds{3}, look));
}

void RedisTopology::lookForOthers(Deadline deadline, std::chrono::milliseconds soon, Looked done) {
  look(deadline, soon, std::move(done));
}

void RedisTopology::retire() {}

void RedisTopology::close() {
  *isAlive_ = false;
  const auto client = clients.extract(this);
  if (client.empty()) return;
  for (const auto& once : client.mapped().underWay) once->complete(fail(Errc::unreachable, "going"));
}

bool RedisTopology::isKnown() const { return clients.at(this).server.has_value(); }
RedisTopology::Place RedisTopology::listeningPlace() const { return {*clients.at(this).server, {}, tls_}; }
bool RedisTopology::mayListenAt(const RedisEndpoint& server) const { return clients.at(this).server == server; }
std::vector<RedisCall> RedisTopology::stepsOf(const RedisCall& call) const { return {call}; }
std::optional<RedisEndpoint> RedisTopology::serverOf(const RedisCall& /*call*/) const {
  return clients.at(this).server;
}

}  // namespace ironjar::detail
