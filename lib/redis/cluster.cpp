#include "redis/cluster.hpp"

#include "redis/options.hpp"
#include "redis/policy.hpp"

#include <algorithm>
#include <utility>

namespace ironjar::detail {
namespace {

// A key of one of this node's slots.
std::string probeKey(const SlotMap& map, const RedisEndpoint& node, const std::string& prefix) {
  std::string key;
  for (std::size_t i = 0; i < slotCount; ++i) {
    key = prefix + "probe:{" + std::to_string(i) + "}";
    if (map.ownerOf(slotOf(key)) == node) break;
  }
  return key;
}

bool isOneStep(const RedisCall& call) {
  const Slot first = slotOf(call.keys.front());
  return call.script->commonArguments == 0 ||
         std::all_of(call.keys.begin(), call.keys.end(), [&](const std::string& key) { return slotOf(key) == first; });
}

}  // namespace

std::vector<RedisCall> stepsOf(const RedisCall& call) {
  const std::size_t common = call.script->commonArguments;
  if (isOneStep(call)) return {call};
  std::vector<RedisCall> steps;
  for (std::size_t i = 0; i < call.keys.size(); ++i) {
    const auto known = std::find_if(steps.begin(), steps.end(), [&](const RedisCall& step) {
      return slotOf(step.keys.front()) == slotOf(call.keys[i]);
    });
    RedisCall& step = known != steps.end() ? *known : steps.emplace_back();
    if (step.keys.empty()) {
      step = {.script = call.script, .outlastsFailover = call.outlastsFailover};
      step.arguments.assign(call.arguments.begin(), call.arguments.begin() + static_cast<std::ptrdiff_t>(common));
    }
    step.keys.push_back(call.keys[i]);
    if (call.arguments.size() > common) step.arguments.push_back(call.arguments.at(common + i));
  }
  return steps;
}

struct RedisCluster::Routed {
  RedisCall call;
  Slot slot;
  Deadline deadline;
  Answered done;
  int redirections = 0;
  std::chrono::milliseconds pause = shortestTryAgain;
};

// A call of several slots.
struct RedisCluster::Steps {
  std::vector<std::string> keys;  // of the call
  Deadline deadline;
  Answered done;
  std::vector<RedisCall> calls;
  std::size_t begun = 0;
  std::size_t ended = 0;
  std::map<std::string, Reply> values = {};  // by key, of what reads
  std::optional<Result<Reply>> last = {};
};

RedisCluster::RedisCluster(std::shared_ptr<EventLoop> loop, const RedisOptions& options, const RedisTls& tls,
                           std::shared_ptr<std::atomic<std::uint64_t>> commands, std::function<void()> switched)
    : loop_(std::move(loop)),
      options_(options),
      tls_(tls),
      commands_(std::move(commands)),
      switched_(std::move(switched)) {
  for (const std::string& text : options_.clusterNodes) seeds_.push_back(endpointIn(text, serverPort));
}

RedisCluster::Pointer RedisCluster::nodeOf(const RedisEndpoint& node) {
  const auto known = nodes_.find(node);
  if (known != nodes_.end()) return known->second;
  if (nodes_.size() >= 2 * mostNodes || isClosed_) return nullptr;
  return nodes_[node] = std::make_shared<RedisPool>(loop_, options_, tls_, node, commands_, RedisPool::Arrays::nested);
}

void RedisCluster::run(RedisCall call, Deadline deadline, Answered done) {
  if (isOneStep(call)) {
    const Slot slot = slotOf(call.keys.front());
    return route(std::make_shared<Routed>(Routed{std::move(call), slot, deadline, std::move(done)}));
  }
  const bool isReading = call.script->words.empty();
  std::vector<RedisCall> steps = stepsOf(call);
  const auto all = std::make_shared<Steps>(Steps{std::move(call.keys), deadline, std::move(done), std::move(steps)});
  isReading ? startAll(all) : next(all);
}

void RedisCluster::startAll(const std::shared_ptr<Steps>& steps) {
  for (const RedisCall& call : steps->calls) {
    const auto answered = [steps, keys = call.keys](Result<Reply> reply) {
      const bool isRead = reply && reply->kind == Reply::Kind::array && reply->items.size() == keys.size();
      for (std::size_t i = 0; isRead && i < keys.size(); ++i) steps->values[keys[i]] = std::move(reply->items[i]);
      if (!isRead) steps->last = std::move(reply);
      if (++steps->ended < steps->calls.size()) return;
      if (steps->last) return completeSafely(steps->done, *std::move(steps->last));
      Reply joined{.kind = Reply::Kind::array};
      for (const std::string& key : steps->keys) joined.items.push_back(steps->values[key]);
      completeSafely<Result<Reply>>(steps->done, std::move(joined));
    };
    route(std::make_shared<Routed>(Routed{call, slotOf(call.keys.front()), steps->deadline, answered}));
  }
}

void RedisCluster::next(const std::shared_ptr<Steps>& steps) {
  RedisCall call = std::move(steps->calls.at(steps->begun++));
  const Slot slot = slotOf(call.keys.front());
  const auto answered = [self = shared_from_this(), steps](Result<Reply> reply) {
    const bool isDone = reply && reply->kind != Reply::Kind::error;
    if (isDone && steps->begun < steps->calls.size()) return self->next(steps);
    completeSafely(steps->done, std::move(reply));
  };
  route(std::make_shared<Routed>(Routed{std::move(call), slot, steps->deadline, answered}));
}

void RedisCluster::route(const std::shared_ptr<Routed>& routed) {
  const auto owner = map_.ownerOf(routed->slot);
  const Pointer node = owner ? nodeOf(*owner) : nullptr;
  if (!node) return completeSafely<Result<Reply>>(routed->done, fail(Errc::unreachable, "no node has the slot"));
  send(routed, node, RedisPool::Asking::no);
}

void RedisCluster::send(const std::shared_ptr<Routed>& routed, const Pointer& node, RedisPool::Asking asking) {
  const auto done = [weak = weak_from_this(), routed, at = node->endpoint()](Result<Reply> reply) {
    const auto self = weak.lock();
    if (self) return self->answered(routed, at, std::move(reply));
    completeSafely(routed->done, std::move(reply));
  };
  node->run(routed->call, routed->deadline, done, asking);
}

void RedisCluster::answered(const std::shared_ptr<Routed>& routed, const RedisEndpoint& node, Result<Reply> reply) {
  if (!reply || reply->kind != Reply::Kind::error || isClosed_) {
    return completeSafely(routed->done, std::move(reply));
  }
  if (const auto to = redirectionIn(*reply, node)) return redirect(routed, *to);
  const std::string name = reply->errorName();
  const Deadline again = std::chrono::steady_clock::now() + routed->pause;
  if (name != "TRYAGAIN" || again >= routed->deadline) return completeSafely(routed->done, std::move(reply));
  routed->pause *= 2;
  static_cast<void>(loop_->at(again, [weak = weak_from_this(), routed] {
    const auto self = weak.lock();
    if (self && !self->isClosed_) return self->route(routed);
    completeSafely<Result<Reply>>(routed->done, fail(Errc::unreachable, "going"));
  }));
}

void RedisCluster::redirect(const std::shared_ptr<Routed>& routed, const Redirection& to) {
  const auto failed = [&](Errc code, const char* why) { completeSafely<Result<Reply>>(routed->done, fail(code, why)); };
  if (to.slot != routed->slot) return failed(Errc::malformed, "it redirects for another slot");
  if (++routed->redirections > mostRedirections) return failed(Errc::unreachable, "it redirects again and again");
  const Pointer node = nodeOf(to.to);
  const bool isMoved = to.kind == Redirection::Kind::moved;
  if (!node || (isMoved && !map_.assign(to.slot, to.to))) return failed(Errc::unreachable, "too many nodes");
  if (isMoved) switched_();
  send(routed, node, isMoved ? RedisPool::Asking::no : RedisPool::Asking::yes);
}

void RedisCluster::look(Deadline deadline, std::chrono::milliseconds soon, Looked done) {
  std::vector<RedisEndpoint> all = inTurn(map_.nodes());
  for (const RedisEndpoint& seed : seeds_) {
    if (std::find(all.begin(), all.end(), seed) == all.end()) all.push_back(seed);
  }
  const auto ask = [weak = weak_from_this(), soon](const Look& look, const RedisEndpoint& node, Deadline until) {
    const auto self = weak.lock();
    const Pointer pool = self && !self->isClosed_ ? self->nodeOf(node) : nullptr;
    if (!pool) return look->failed(fail(Errc::unreachable, "no node answers"));
    pool->run({.arguments = {"CLUSTER", "SLOTS"}}, until, [weak, look, node, soon](const Result<Reply>& reply) {
      if (const auto asker = weak.lock()) asker->described(look, node, reply, soon);
    });
  };
  Enquiry<RedisEndpoint>::begin(loop_, std::move(all), deadline, fail(Errc::unreachable, "no node answers"), ask,
                                std::move(done));
}

// Another one in front each time.
std::vector<RedisEndpoint> RedisCluster::inTurn(std::vector<RedisEndpoint> nodes) {
  if (nodes.empty()) return nodes;
  std::rotate(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(++turn_ % nodes.size()), nodes.end());
  return nodes;
}

void RedisCluster::described(const Look& look, const RedisEndpoint& node, const Result<Reply>& reply,
                             std::chrono::milliseconds soon) {
  if (look->isOver()) return;
  if (!reply) return look->failed(reply.error());
  if (reply->kind == Reply::Kind::error) {
    const Errc code = reply->refusesUser() ? Errc::notAllowed : Errc::unreachable;
    return look->failed(fail(code, "CLUSTER SLOTS is answered by " + reply->errorName()));
  }
  Result<SlotMap> map = SlotMap::read(*reply, node);
  if (!map) return look->failed(map.error());
  install(*std::move(map));
  probe(look, soon);
}

void RedisCluster::install(SlotMap map) {
  const SlotMap before = std::exchange(map_, std::move(map));
  const auto wasMaster = [&](const RedisEndpoint& node) {
    return std::find(before.nodes().begin(), before.nodes().end(), node) != before.nodes().end();
  };
  const bool isFirst = before.nodes().empty();
  if (!isFirst && !std::all_of(map_.nodes().begin(), map_.nodes().end(), wasMaster)) {
    tookOverAt_ = std::chrono::steady_clock::now();
  }
  for (auto node = nodes_.begin(); node != nodes_.end();) {
    const bool isSeed = std::find(seeds_.begin(), seeds_.end(), node->first) != seeds_.end();
    if (has(node->first) || isSeed) {
      ++node;
      continue;
    }
    loop_->post([gone = node->second] { gone->close(); });
    node = nodes_.erase(node);
  }
}

// One that can be written to is enough: a part of the cluster is worth more than none.
void RedisCluster::probe(const Look& look, std::chrono::milliseconds soon) {
  std::vector<RedisEndpoint> masters = inTurn(map_.nodes());
  if (masters.size() > probeTries) masters.resize(probeTries);
  const auto ask = [weak = weak_from_this(), soon](const Look& probing, const RedisEndpoint& master, Deadline until) {
    const auto self = weak.lock();
    if (!self) return probing->finish(Error{Errc::unreachable, "going"});
    RedisCall call{.script = &storeScript(), .keys = {probeKey(self->map_, master, self->options_.prefix)}};
    call.arguments = {"0", "1000", "1"};
    const auto probed = [probing](const Result<Reply>& reply) {
      if (!reply) return probing->failed(reply.error());
      if (reply->kind != Reply::Kind::error) return probing->finish(std::nullopt);
      const Errc code = reply->refusesUser() ? Errc::notAllowed : Errc::unreachable;
      probing->failed(fail(code, "it answers " + reply->errorName()));
    };
    const auto time = std::max(soon, self->options_.timeout);
    self->run(std::move(call), std::min(until, std::chrono::steady_clock::now() + time), probed);
  };
  Enquiry<RedisEndpoint>::begin(loop_, std::move(masters), look->deadline(),
                                fail(Errc::unreachable, "a cluster without masters"), ask,
                                [look](std::optional<Error> problem) { look->finish(std::move(problem)); });
}

void RedisCluster::retire() {
  for (const auto& [endpoint, node] : nodes_) node->retire();
}

void RedisCluster::close() {
  isClosed_ = true;
  const auto all = nodes_;
  for (const auto& [endpoint, node] : all) node->close();
}

std::optional<RedisEndpoint> RedisCluster::serverOf(const RedisCall& call) const {
  return map_.ownerOf(slotOf(call.keys.front()));
}

bool RedisCluster::has(const RedisEndpoint& node) const {
  return std::find(map_.nodes().begin(), map_.nodes().end(), node) != map_.nodes().end();
}

RedisCluster::Pointer RedisCluster::anyNode() {
  std::vector<Pointer> known;
  for (const RedisEndpoint& node : map_.nodes()) {
    const auto found = nodes_.find(node);
    if (found != nodes_.end() && !found->second->addresses().empty()) known.push_back(found->second);
  }
  return known.empty() ? nullptr : known.at(++turn_ % known.size());
}

}  // namespace ironjar::detail
