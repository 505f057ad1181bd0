#include "redis/link.hpp"

#include "base/notify.hpp"
#include "crypto/sodium.hpp"
#include "redis/options.hpp"
#include "redis/policy.hpp"

#include <array>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace ironjar {
namespace detail {
namespace {

// Writing through a script needs all that the coordinator needs.
constexpr std::string_view probeScript = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)";

Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

}  // namespace

RedisLink::RedisLink(RedisOptions options)
    : options_(checked(std::move(options))), sealer_(options_.passwords, options_.prefix) {
  addresses_ = resolve(options_);
  if (const auto problem = probe(in(patience), patience)) {
    if (problem->code == Errc::notAllowed) {
      throw std::invalid_argument("ironjar: RedisOptions: the server refuses user and password: " + problem->detail);
    }
    degraded_ = true;
    ++degradations_;
    why_ = problem->detail;
  }
  watcher_ = std::thread([this] { watch(); });
}

RedisLink::~RedisLink() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  watcher_.join();
}

RedisStats RedisLink::stats() const {
  return {.degraded = degraded_, .commands = commands_, .failed = failures_, .degradations = degradations_};
}

Result<Reply> RedisLink::run(const RedisCall& call) {
  if (degraded_) return fail(Errc::unreachable, "Redis is given up for now");
  Result<Reply> reply = exchange(call, in(options_.timeout));
  if (!reply) {
    failed(reply.error());
    return reply;
  }
  const std::lock_guard lock(mutex_);
  if (!isRefusing_ || call.script->hasWritten(*reply)) failedInARow_ = 0;
  return reply;
}

void RedisLink::runEventually(RedisCall call) {
  if (!run(call)) runLater(std::move(call));
}

void RedisLink::runLater(RedisCall call) {
  {
    const std::lock_guard lock(mutex_);
    pending_.add(std::move(call));
  }
  changed_.notify_all();
}

Result<RedisLink::Connection> RedisLink::connect(Deadline deadline) {
  std::vector<RedisAddress> addresses;
  {
    const std::lock_guard lock(mutex_);
    addresses = addresses_;
  }
  Result<Connection> connection = fail(Errc::unreachable, "the host has no address");
  for (const RedisAddress& address : addresses) {
    connection = RedisConnection::open(address, options_, deadline);
    if (connection || std::chrono::steady_clock::now() >= deadline) break;
  }
  return connection;
}

Result<Reply> RedisLink::exchange(const RedisCall& call, Deadline deadline) {
  Connection connection = takeIdle();
  bool mayBeClosed = connection != nullptr;
  while (true) {
    if (!connection) {
      Result<Connection> fresh = connect(deadline);
      if (!fresh) return fresh.error();
      connection = *std::move(fresh);
    }
    Result<Reply> reply = attempt(*connection, call, deadline);
    if (reply) {
      const std::lock_guard lock(mutex_);
      if (idle_.size() < mostIdle) idle_.push_back(std::move(connection));
      return reply;
    }
    // The server may have closed it since. Each script may run twice: the second finds what the first has done.
    if (!mayBeClosed || reply.error().code != Errc::transport) return reply;
    mayBeClosed = false;
    connection.reset();
  }
}

RedisLink::Connection RedisLink::takeIdle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  Connection connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

Result<Reply> RedisLink::attempt(RedisConnection& connection, const RedisCall& call, Deadline deadline) {
  ++commands_;
  Result<Reply> reply = evaluate(connection, call, deadline);
  if (!reply) return reply;
  if (reply->kind == Reply::Kind::error) return fail(Errc::notAllowed, "it answers " + reply->errorName());
  if (!call.script->canAnswer(*reply, call.keys.size())) return fail(Errc::malformed, "it answers nonsense");
  return reply;
}

Result<Reply> RedisLink::evaluate(RedisConnection& connection, const RedisCall& call, Deadline deadline) {
  const std::string hash = hashOf(connection, *call.script, deadline);
  const std::string count = std::to_string(call.keys.size());
  std::vector<std::string_view> words = {"EVALSHA", hash, count};
  words.insert(words.end(), call.keys.begin(), call.keys.end());
  words.insert(words.end(), call.arguments.begin(), call.arguments.end());
  if (!hash.empty()) {
    Result<Reply> reply = connection.command(words, deadline);
    if (!reply || reply->kind != Reply::Kind::error || reply->errorName() != "NOSCRIPT") return reply;
  }
  words[0] = "EVAL";
  words[1] = call.script->text;
  return connection.command(words, deadline);
}

// Empty when the server tells none.
std::string RedisLink::hashOf(RedisConnection& connection, const RedisScript& script, Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = hashes_.find(&script);
    if (known != hashes_.end()) return known->second;
  }
  const std::array<std::string_view, 3> load = {"SCRIPT", "LOAD", script.text};
  const Result<Reply> reply = connection.command(load, deadline);
  if (!reply || reply->kind != Reply::Kind::text || reply->text.size() != 40) return {};
  const std::lock_guard lock(mutex_);
  return hashes_.insert_or_assign(&script, reply->text).first->second;
}

// On a connection of its own.
std::optional<Error> RedisLink::probe(Deadline deadline, std::chrono::milliseconds soon) {
  std::unique_lock lock(mutex_);
  std::vector<RedisAddress> addresses = addresses_;
  lock.unlock();
  const Result<Connection> connection = RedisConnection::openAny(addresses, options_, deadline);
  if (!connection) return connection.error();
  lock.lock();
  addresses_ = std::move(addresses);  // from now on requests ask this one first
  lock.unlock();
  const std::string key = options_.prefix + "probe";
  const std::array<std::string_view, 4> words = {"EVAL", probeScript, "1", key};
  for (int i = 0; i < probeTries; ++i) {
    ++commands_;
    const auto begin = std::chrono::steady_clock::now();
    const Result<Reply> reply = (*connection)->command(words, deadline);
    if (!reply) return reply.error();
    const std::string name = reply->kind == Reply::Kind::error ? reply->errorName() : "nonsense";
    const bool refusesUs = name == "NOAUTH" || name == "NOPERM";
    if (!reply->isText("OK")) return fail(refusesUs ? Errc::notAllowed : Errc::unreachable, "it answers " + name);
    if (std::chrono::steady_clock::now() - begin <= soon) return std::nullopt;
  }
  return fail(Errc::timeout, "it answers too late");
}

void RedisLink::failed(const Error& error) {
  ++failures_;
  {
    const std::lock_guard lock(mutex_);
    isRefusing_ = error.code == Errc::notAllowed;
    if (++failedInARow_ < options_.failures || degraded_) return;
    degraded_ = true;
    ++degradations_;
    why_ = error.detail;
    idle_.clear();
  }
  changed_.notify_all();
}

void RedisLink::watch() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || degraded_ || !pending_.empty(); });
    if (stopping_) break;
    if (!degraded_) {
      if (changed_.wait_for(lock, betweenTries, [this] { return stopping_ || degraded_; })) continue;
      lock.unlock();
      if (const auto problem = sendPending(in(patience))) failed(*problem);
      lock.lock();
      continue;
    }
    const std::string why = why_;
    lock.unlock();
    report(true, why);
    lock.lock();
    while (degraded_) {
      if (changed_.wait_for(lock, options_.pause, [this] { return stopping_; })) return;
      lock.unlock();
      recover();
      lock.lock();
    }
    lock.unlock();
    report(false, "");
    lock.lock();
  }
  lock.unlock();
  // Nobody else will tell of it.
  const auto problem = degraded_ ? std::nullopt : sendPending(in(patience));
  if (problem) ++failures_;
}

void RedisLink::recover() {
  std::vector<RedisAddress> addresses = resolve(options_);  // after a failover the name may be another machine's
  {
    const std::lock_guard lock(mutex_);
    if (!addresses.empty()) addresses_ = std::move(addresses);
  }
  if (probe(in(patience), options_.timeout) || sendPending(in(patience))) {
    ++failures_;
    return;
  }
  const std::lock_guard lock(mutex_);
  failedInARow_ = 0;
  isRefusing_ = false;
  degraded_ = false;
}

// Until one fails, or for about that long. What others add meanwhile comes after it.
std::optional<Error> RedisLink::sendPending(Deadline end) {
  std::unique_lock lock(mutex_);
  PendingCalls::Calls pending = pending_.take();
  lock.unlock();
  std::optional<Error> problem;
  while (!pending.empty() && !problem && std::chrono::steady_clock::now() < end) {
    const Result<Reply> reply = exchange(pending.front().call, in(patience));
    // Right after a probe that was answered well, so that it is this call's own.
    const bool isRefused = !reply && degraded_ && reply.error().code == Errc::notAllowed;
    const bool isHopeless = isRefused && ++pending.front().tries == mostTries;
    if (!reply && !isHopeless) problem = reply.error();
    if (reply || isHopeless) pending.pop_front();
  }
  lock.lock();
  pending_.putBack(std::move(pending));
  return problem;
}

void RedisLink::report(bool degraded, const std::string& why) {
  notify(options_.observer, [&] { return event::CoordinatorDegraded{degraded, why}; });
}

}  // namespace detail

Redis::Redis(RedisOptions options) : link_(std::make_shared<detail::RedisLink>(std::move(options))) {}
Redis::~Redis() = default;
RedisStats Redis::stats() const { return link_->stats(); }

}  // namespace ironjar
