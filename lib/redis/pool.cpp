#include "redis/pool.hpp"

#include "redis/policy.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ironjar::detail {
namespace {

// Writing through a script needs all that the coordinator needs.
constexpr std::string_view probeScript = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)";

}  // namespace

// Completes once, at the latest when it goes.
struct RedisPool::Attempt {
  Attempt(RedisPool& owner, RedisCall what, Deadline until, Answered completion, bool asks)
      : pool(owner), call(std::move(what)), deadline(until), done(std::move(completion)), isAsking(asks) {
    ++pool.underWay_;
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() {
    if (done) complete(Error{Errc::overloaded, {}});
  }
  void complete(Result<Reply> result) {
    --pool.underWay_;
    pool.loop_->cancel(timer);
    completeSafely(std::exchange(done, nullptr), std::move(result));
  }

  RedisPool& pool;
  const RedisCall call;
  const Deadline deadline;
  Answered done;
  const bool isAsking;
  std::optional<EventLoop::Ticket> timer = {};  // while it waits for a connection
  std::weak_ptr<RedisConnection> connection = {};
  std::uint64_t newest = 0;     // connection when it was sent
  std::uint64_t newerThan = 0;  // this connection is the one that it is sent on
  bool byText = false;          // the server does not know the script by its hash
  bool wasAnswered = false;     // the connection, before this
};

struct RedisPool::Look {
  Deadline deadline;
  std::chrono::milliseconds soon;
  Looked done;
  Wanted wanted;
  std::optional<EventLoop::Ticket> timer = {};  // while names are resolved
  Pointer connection = nullptr;
  int tries = 0;
  Deadline begun = {};  // of a try
};

RedisPool::RedisPool(std::shared_ptr<EventLoop> loop, const RedisOptions& options, const RedisTls& tls,
                     RedisEndpoint endpoint, std::shared_ptr<std::atomic<std::uint64_t>> commands, Arrays arrays)
    : loop_(std::move(loop)),
      options_(options),
      tls_(tls.forHost(endpoint.host)),
      endpoint_(std::move(endpoint)),
      arrays_(arrays),
      resolver_(systemLookup, Seconds{0}),
      commands_(std::move(commands)) {}

void RedisPool::run(RedisCall call, Deadline deadline, Answered done, Asking asking) {
  if (isClosed_ || underWay_ >= mostUnderWay) {
    return completeSafely<Result<Reply>>(done, fail(Errc::overloaded, "too many commands wait for Redis"));
  }
  submit(std::make_shared<Attempt>(*this, std::move(call), deadline, std::move(done), asking == Asking::yes));
}

RedisPool::Pointer RedisPool::leastBusy(std::uint64_t newerThan) const {
  Pointer found;
  for (const Pointer& each : connections_) {
    if (each->number() > newerThan && (!found || each->underWay() < found->underWay())) found = each;
  }
  return found;
}

void RedisPool::submit(const std::shared_ptr<Attempt>& attempt) {
  const Pointer connection = leastBusy(attempt->newerThan);
  const bool hasRoom = connections_.size() < mostConnections && std::chrono::steady_clock::now() >= growsFrom_;
  if (connection) send(attempt, connection);
  if (!connection) await(attempt);
  const bool isOpening = std::any_of(opening_.begin(), opening_.end(),
                                     [&](const Pointer& each) { return each->number() > attempt->newerThan; });
  if (!isOpening && (!connection || (hasRoom && connection->underWay() > 1))) connect(attempt->deadline);
}

void RedisPool::await(const std::shared_ptr<Attempt>& attempt) {
  waiting_.push_back(attempt);
  const auto place = std::prev(waiting_.end());
  const auto late = [this, place] {
    const auto attempted = *place;
    waiting_.erase(place);
    attempted->timer.reset();
    attempted->complete(fail(Errc::unreachable, "connecting took too long"));
  };
  try {
    attempt->timer = loop_->at(attempt->deadline, late);
  } catch (const std::bad_alloc&) {
    waiting_.erase(place);
    throw;
  }
}

void RedisPool::send(const std::shared_ptr<Attempt>& attempt, const Pointer& connection) {
  ++*commands_;
  attempt->connection = connection;
  attempt->wasAnswered = connection->hasAnswered();
  attempt->newest = opened_;
  const RedisCall& call = attempt->call;
  const auto known = hashes_.find(call.script);
  const bool byHash = !attempt->byText && known != hashes_.end() && !known->second.empty();
  const std::string count = std::to_string(call.keys.size());
  std::vector<std::string_view> words;
  if (call.script != nullptr) words = {"EVAL", call.script->text, count};
  if (byHash) words = {"EVALSHA", known->second, count};
  constexpr std::array<std::string_view, 1> asking = {"ASKING"};
  if (attempt->isAsking) connection->send(asking, attempt->deadline, nullptr);
  words.insert(words.end(), call.keys.begin(), call.keys.end());
  words.insert(words.end(), call.arguments.begin(), call.arguments.end());
  connection->send(words, attempt->deadline, [pool = weak_from_this(), attempt](Result<Reply> reply) {
    if (const auto self = pool.lock()) self->answered(attempt, std::move(reply));
  });
  if (known == hashes_.end() && call.script != nullptr) learnHash(*call.script, *connection, attempt->deadline);
}

// Once, for all that come later.
void RedisPool::learnHash(const RedisScript& script, RedisConnection& connection, Deadline deadline) {
  constexpr std::size_t hashSize = 40;
  hashes_[&script];
  const std::array<std::string_view, 3> load = {"SCRIPT", "LOAD", script.text};
  connection.send(load, deadline, [pool = weak_from_this(), &script](const Result<Reply>& reply) {
    const auto self = pool.lock();
    if (!self) return;
    if (!reply) self->hashes_.erase(&script);
    if (reply && reply->kind == Reply::Kind::text && reply->text.size() == hashSize) {
      self->hashes_[&script] = reply->text;
    }
  });
}

void RedisPool::answered(const std::shared_ptr<Attempt>& attempt, Result<Reply> reply) {
  if (!reply) {
    // The server may have closed it since, and all that were open when it did, which is not noticed of all at once:
    // only one that is opened from now on can tell. If that one ends before its first answer, it is a failure.
    const bool mayHaveBeenClosed =
        reply.error().code == Errc::transport && (attempt->wasAnswered || attempt->newerThan == 0);
    if (!mayHaveBeenClosed || isClosed_) return attempt->complete(reply);
    attempt->newerThan = attempt->newest;
    return submit(attempt);
  }
  const Pointer connection = attempt->connection.lock();
  const bool isError = reply->kind == Reply::Kind::error;
  const bool isUnknown = isError && reply->errorName() == "NOSCRIPT";
  if (isUnknown && connection && !std::exchange(attempt->byText, true)) return send(attempt, connection);
  const RedisScript* const script = attempt->call.script;
  if (isError || script == nullptr || script->canAnswer(*reply, attempt->call.keys.size())) {
    return attempt->complete(std::move(reply));
  }
  // What else comes on that connection may be another's answer.
  attempt->complete(fail(Errc::malformed, "it answers nonsense"));
  if (connection) connection->close({Errc::transport, "it answered nonsense"});
}

void RedisPool::connect(Deadline deadline) {
  auto raw = std::make_shared<RedisConnection*>(nullptr);
  const auto connection = std::make_shared<RedisConnection>(
      *loop_, options_, tls_,
      RedisConnection::Hooks{
          .opened = [this, raw, deadline](std::optional<Error> why) { connected(*raw, deadline, std::move(why)); },
          .ended = [this, raw] { forget(*raw); },
          .arrays = arrays_},
      ++opened_);
  *raw = connection.get();
  opening_.push_back(connection);
  try {
    open(connection, deadline);
  } catch (const std::exception&) {  // for the copy of the addresses: those that wait shall not wait for it
    connected(connection.get(), Deadline::max(), Error{Errc::overloaded, {}});
  }
}

// What has not been looked at has no addresses yet.
void RedisPool::open(const Pointer& connection, Deadline deadline) {
  if (!addresses_.empty()) return connection->open(addresses_, deadline);
  if (endpoint_.port == 0) return connection->open({unixAddress(endpoint_.host)}, deadline);
  const auto resolved = [weak = weak_from_this(), loop = loop_, raw = connection.get(),
                         deadline](const Addresses& hosts) {
    loop->post([weak, raw, hosts, deadline] {
      const auto self = weak.lock();
      if (!self) return;
      const auto found = std::find_if(self->opening_.begin(), self->opening_.end(),
                                      [&](const Pointer& each) { return each.get() == raw; });
      if (found == self->opening_.end()) return;
      if (self->addresses_.empty()) self->addresses_ = tcpAddresses(hosts, self->endpoint_.port);
      const Pointer opening = *found;
      // Where the resolver took all of the time, whoever comes next has a connection.
      const Deadline soonest = std::chrono::steady_clock::now() + self->options_.timeout;
      opening->open(self->addresses_, std::max(deadline, soonest));
    });
  };
  resolver_.resolve(endpoint_.host, resolved);
}

// `deadline`: of the one that it was opened for. Those that have more time try again.
void RedisPool::connected(RedisConnection* connection, Deadline deadline, std::optional<Error> problem) {
  const auto found =
      std::find_if(opening_.begin(), opening_.end(), [&](const auto& c) { return c.get() == connection; });
  if (found == opening_.end()) return;
  const Pointer self = *found;
  opening_.erase(found);
  if (!problem) connections_.push_back(self);
  if (problem && !isLookedAt_) addresses_.clear();  // its name may stand for others by now
  if (problem) growsFrom_ = std::chrono::steady_clock::now() + betweenGrowths;
  if (problem && !opening_.empty()) return;
  // Those that come meanwhile wait for the next one.
  std::list<std::shared_ptr<Attempt>> waiting;
  waiting.swap(waiting_);
  const bool isLate = std::chrono::steady_clock::now() >= deadline;
  for (const auto& attempt : waiting) {
    loop_->cancel(attempt->timer);
    const bool isOver = problem && (!isLate || isClosed_ || attempt->deadline <= deadline);
    isOver ? attempt->complete(*problem) : submit(attempt);
  }
}

// What is under way on it may yet be answered.
void RedisPool::forget(const RedisConnection* connection) {
  std::erase_if(retired_, [](const Pointer& each) { return each->underWay() == 0; });
  const auto found = std::find_if(connections_.begin(), connections_.end(),
                                  [&](const Pointer& each) { return each.get() == connection; });
  if (found == connections_.end()) return;
  retired_.push_back(std::move(*found));
  connections_.erase(found);
}

void RedisPool::look(Deadline deadline, std::chrono::milliseconds soon, Looked done, Wanted wanted) {
  const auto once = exactlyOnce(std::move(done), std::optional(Error{Errc::overloaded, {}}));
  const auto look = std::make_shared<Look>(Look{deadline, soon, once, wanted});
  looks_.insert(look);
  try {
    if (endpoint_.port == 0) return lookAt(look, {unixAddress(endpoint_.host)});
    const auto late = [this, weak = std::weak_ptr(look)] {
      if (const auto self = weak.lock()) finish(self, fail(Errc::unreachable, "no address in time"));
    };
    look->timer = loop_->at(deadline, late);
    // The resolver's thread may outlive all but the loop.
    const auto resolved = [pool = weak_from_this(), loop = loop_, weak = std::weak_ptr(look)](const Addresses& hosts) {
      loop->post([pool, weak, hosts] {
        const auto self = pool.lock();
        const auto found = weak.lock();
        if (self && found) self->lookAt(found, tcpAddresses(hosts, self->endpoint_.port));
      });
    };
    resolver_.resolve(endpoint_.host, resolved);
  } catch (const std::exception&) {
    finish(look, Error{Errc::overloaded, {}});
  }
}

void RedisPool::lookAt(const std::shared_ptr<Look>& look, std::vector<RedisAddress> addresses) {
  loop_->cancel(look->timer);
  if (addresses.empty() && addresses_.empty()) return finish(look, fail(Errc::unreachable, "the host has no address"));
  if (addresses.empty()) addresses = addresses_;
  const auto opened = [this, weak = std::weak_ptr(look)](std::optional<Error> problem) {
    const auto self = weak.lock();
    if (!self) return;
    if (problem) return finish(self, std::move(problem));
    self->wanted == Wanted::master ? askRole(self) : probe(self);
  };
  const auto raw = std::make_shared<const RedisConnection*>(nullptr);
  const auto ended = [this, raw] { forget(*raw); };
  const auto connection = std::make_shared<RedisConnection>(
      *loop_, options_, tls_, RedisConnection::Hooks{.opened = opened, .ended = ended, .arrays = arrays_}, ++opened_);
  *raw = connection.get();
  look->connection = connection;
  connection->open(std::move(addresses), look->deadline);
}

void RedisPool::askRole(const std::shared_ptr<Look>& look) {
  constexpr std::array<std::string_view, 1> words = {"ROLE"};
  const auto answered = [this, weak = std::weak_ptr(look)](const Result<Reply>& reply) {
    const auto self = weak.lock();
    if (!self) return;
    if (!reply) return finish(self, reply.error());
    if (!reply->items.empty() && reply->items[0].isText("master")) return probe(self);
    const bool isRefused = reply->kind == Reply::Kind::error && reply->errorName() == "NOPERM";
    finish(self, isRefused ? fail(Errc::notAllowed, "ROLE is answered by NOPERM")
                           : fail(Errc::unreachable, "it is no master"));
  };
  const Pointer connection = look->connection;
  connection->send(words, look->deadline, answered);
}

void RedisPool::probe(const std::shared_ptr<Look>& look) {
  ++*commands_;
  ++look->tries;
  look->begun = std::chrono::steady_clock::now();
  const std::string key = options_.prefix + "probe";
  const std::array<std::string_view, 4> words = {"EVAL", probeScript, "1", key};
  const auto answered = [this, weak = std::weak_ptr(look)](const Result<Reply>& reply) {
    if (const auto self = weak.lock()) probed(self, reply);
  };
  const Pointer connection = look->connection;
  connection->send(words, look->deadline, answered);
}

void RedisPool::probed(const std::shared_ptr<Look>& look, const Result<Reply>& reply) {
  if (!reply) return finish(look, reply.error());
  if (!look->connection) return;  // it is over
  const std::string name = reply->kind == Reply::Kind::error ? reply->errorName() : "nonsense";
  const bool isQuick = std::chrono::steady_clock::now() - look->begun <= look->soon;
  const bool isWell = reply->isText("OK") && look->connection->isUsable();
  if (isWell && !isQuick && look->tries < probeTries) return probe(look);
  if (isWell && isQuick) {
    addresses_ = look->connection->addresses();
    isLookedAt_ = true;
    if (connections_.size() < mostConnections) {
      connections_.push_back(look->connection);
    } else {
      look->connection->retire();
    }
    return finish(look, std::nullopt);
  }
  if (reply->isText("OK")) return finish(look, fail(Errc::timeout, "it answers too late"));
  finish(look, fail(reply->refusesUser() ? Errc::notAllowed : Errc::unreachable, "it answers " + name));
}

// Once for each look. Closes its connection, unless the connection is in use from now on.
void RedisPool::finish(std::shared_ptr<Look> look, std::optional<Error> problem) {
  if (looks_.erase(look) == 0) return;
  loop_->cancel(look->timer);
  const Pointer connection = std::exchange(look->connection, nullptr);
  if (problem && connection) connection->close(*problem);
  completeSafely(look->done, std::move(problem));
}

void RedisPool::retire() {
  hashes_.clear();  // whoever comes next may be another server
  const std::vector<Pointer> open = connections_;
  for (const Pointer& connection : open) connection->retire();
}

void RedisPool::close() {
  isClosed_ = true;
  const Error why{Errc::unreachable, "going"};
  for (const auto* list : {&opening_, &connections_, &retired_}) {
    const std::vector<Pointer> all = *list;
    for (const Pointer& connection : all) connection->close(why);
  }
  while (!looks_.empty()) finish(*looks_.begin(), why);
  std::list<std::shared_ptr<Attempt>> waiting;
  waiting.swap(waiting_);
  for (const auto& attempt : waiting) attempt->complete(why);
}

}  // namespace ironjar::detail
