#include "sim/redis/servers.hpp"

#include <algorithm>
#include <utility>

namespace sim {
namespace {

using ironjar::Errc;
using ironjar::fail;
using ironjar::Result;
using ironjar::detail::RedisCall;
using ironjar::detail::RedisEndpoint;
using ironjar::detail::Reply;
namespace detail = ironjar::detail;

constexpr double unlucky = 0.08;  // of the messages that a fault may befall

RedisServers* instance = nullptr;

}  // namespace

const RedisEndpoint RedisServers::address{"127.0.0.1", 6379};

// On its way, or executed.
struct RedisServers::Command {
  LifePointer life;
  RedisEndpoint server;
  RedisCall call;
  MonotonicTime deadline;
  Answered done;
  Random random{0};
  bool isOver = false;
};

RedisServers::RedisServers(Schedule& schedule, const Plan& plan, Hooks hooks)
    : schedule_(schedule), plan_(plan), hooks_(std::move(hooks)), master_(address) {
  instance = this;
}
RedisServers::~RedisServers() { instance = nullptr; }
RedisServers& RedisServers::current() { return *instance; }

void RedisServers::trouble(unsigned process, std::string what) {
  hooks_.troubled({schedule_.now(), schedule_.now(), process, std::move(what)});
}

std::string RedisServers::nameOf(const RedisCall& call) const {
  using namespace ironjar::detail;
  const std::string& key = call.keys.at(0);
  const std::string of = " " + key.substr(key.rfind(':') + 1, 4);
  if (call.script == &claimScript()) return "claim" + of;
  if (call.script == &publishScript()) return "publish " + call.arguments.at(whatArgument) + of;
  if (call.script == &renewScript()) return "renew" + of;
  if (call.script == &logOutScript()) return "log out" + of;
  if (call.script == &lookUpScript()) return "look up" + of;
  return "store" + of;
}

bool RedisServers::isUp(const Endpoint& server) const {
  return server == master_ && !(downUntil_ && schedule_.now() < *downUntil_);
}
bool RedisServers::isCutOff(unsigned process) const {
  const auto found = cutOff_.find(process);
  return found != cutOff_.end() && schedule_.now() < found->second;
}

void RedisServers::run(const LifePointer& life, const Endpoint& server, RedisCall call, MonotonicTime deadline,
                       Answered done) {
  const std::string name = nameOf(call);
  const std::string sent = std::to_string(life->process) + name + call.keys.at(0);
  Random random(mixed(mixed(plan_.seed, sent), ++tries_[sent]));
  const auto command =
      std::make_shared<Command>(Command{life, server, std::move(call), deadline, std::move(done), random});
  if (hooks_.trace) hooks_.trace(*life, name);
  schedule_.at(
      deadline,
      [this, command] {
        if (command->isOver) return;
        if (hooks_.trace) hooks_.trace(*command->life, nameOf(command->call) + ": no answer");
        trouble(command->life->process, "Redis did not answer");
        answer(command, schedule_.now(), fail(Errc::timeout));
      },
      life);
  if (isCutOff(life->process)) return;
  const bool isLost = hooks_.has(Fault::lostCommands) && command->random.chance(unlucky);
  const bool isLate = hooks_.has(Fault::slowRedis) && command->random.chance(unlucky);
  const bool comesTwice = hooks_.has(Fault::doubledCommands) && command->random.chance(unlucky);
  const MonotonicTime arrives = schedule_.now() + Millis{isLate ? command->random.between(31, 2'000) : 1};
  if (isLost) return;
  schedule_.at(
      arrives, [this, command] { arrive(command); }, nullptr);
  if (!comesTwice) return;  // on a connection that broke, and on the next one
  schedule_.at(
      arrives + Millis{command->random.between(1, 5)}, [this, command] { arrive(command); }, nullptr);
}

void RedisServers::arrive(const std::shared_ptr<Command>& command) {
  if (!isUp(command->server)) {
    trouble(command->life->process, "Redis was away");
    return answer(command, schedule_.now() + Millis{1}, fail(Errc::unreachable, "refused"));
  }
  if (schedule_.now() < stalledUntil_) {
    schedule_.at(
        stalledUntil_, [this, command] { arrive(command); }, nullptr);
    return;
  }
  const RedisCall& call = command->call;
  RedisData::Answer executed = data_.run(*call.script, call.keys, call.arguments, schedule_.now());
  for (const std::string& channel : executed.published) pushed(channel);
  const bool isLost = hooks_.has(Fault::lostReplies) && command->random.chance(unlucky);
  const bool isLate = hooks_.has(Fault::slowRedis) && command->random.chance(unlucky);
  if (hooks_.trace) {
    std::string text = nameOf(call) + ": ";
    for (const Reply& item : executed.reply.items) {
      text += item.kind == Reply::Kind::text ? item.text.substr(0, item.text.starts_with("o0") ? 17 : 7) + " " : "";
    }
    hooks_.trace(*command->life, text + (isLost ? "(lost)" : ""));
  }
  if (isLost) {
    trouble(command->life->process, "Redis' answer was lost");
    const bool hangs = command->random.chance(0.5);
    if (!hangs) answer(command, schedule_.now() + Millis{1}, fail(Errc::transport));
    return;
  }
  answer(command, schedule_.now() + Millis{isLate ? command->random.between(31, 2'000) : 1}, std::move(executed.reply));
}

void RedisServers::answer(const std::shared_ptr<Command>& command, MonotonicTime when, Result<Reply> reply) {
  schedule_.at(
      when,
      [command, reply = std::move(reply)]() mutable {
        if (!std::exchange(command->isOver, true)) command->done(std::move(reply));
      },
      command->life);
}

std::optional<RedisEndpoint> RedisServers::master(const LifePointer& life) {
  return isThere(life, master_) ? std::optional(master_) : std::nullopt;
}

bool RedisServers::isThere(const LifePointer& life, const Endpoint& server) {
  const bool isThere = isUp(server) && schedule_.now() >= stalledUntil_ && !isCutOff(life->process);
  if (!isThere) trouble(life->process, "Redis was away");
  return isThere;
}

std::shared_ptr<void> RedisServers::subscribe(const LifePointer& life, const Endpoint& server, Heard heard) {
  if (!isUp(server) || isCutOff(life->process)) return nullptr;
  const auto subscriber = std::make_shared<Subscriber>(Subscriber{life, server, std::move(heard)});
  subscribers_.push_back(subscriber);
  return subscriber;
}

void RedisServers::pushed(const std::string& channel) {
  std::erase_if(subscribers_, [](const auto& weak) { return weak.expired(); });
  for (const auto& weak : subscribers_) {
    const auto subscriber = weak.lock();
    if (isCutOff(subscriber->life->process)) continue;
    const std::string sent = channel + std::to_string(subscriber->life->process);
    Random random(mixed(mixed(plan_.seed, sent), ++tries_[sent]));
    if (hooks_.has(Fault::lostMessages) && random.chance(0.5)) continue;
    schedule_.at(
        schedule_.now() + Millis{1},
        [weak, channel] {
          if (const auto still = weak.lock()) still->heard(channel);
        },
        subscriber->life);
  }
}

void RedisServers::loseSubscribers(const std::function<bool(const Subscriber&)>& which) {
  for (const auto& weak : std::exchange(subscribers_, {})) {
    const auto subscriber = weak.lock();
    if (!subscriber) continue;
    if (!which(*subscriber)) {
      subscribers_.push_back(weak);
      continue;
    }
    schedule_.at(
        schedule_.now(),
        [weak] {
          if (const auto still = weak.lock()) still->heard({});
        },
        subscriber->life);
  }
}

void RedisServers::goDown(MonotonicTime until) {
  downUntil_ = std::max(until, downUntil_.value_or(until));
  loseSubscribers([](const Subscriber&) { return true; });
}

void RedisServers::stall(MonotonicTime until) { stalledUntil_ = std::max(until, stalledUntil_); }

// The master goes at once. What it has acknowledged in the last moments the next one has not.
void RedisServers::failOver(MonotonicTime promotedAt, Millis lag) {
  const std::size_t lost = data_.takeBack(schedule_.now() - lag);
  if (lost > 0) trouble(RedisTrouble::everybody, "a failover lost writes");
  goDown(promotedAt);
  if (plan_.settings.redis.sentinel) ++master_.port;
}

void RedisServers::cutOff(unsigned process, MonotonicTime until) {
  cutOff_[process] = std::max(until, cutOff_[process]);
  loseSubscribers([&](const Subscriber& one) { return one.life->process == process; });
}

void RedisServers::heal() {
  downUntil_.reset();
  stalledUntil_ = {};
  cutOff_.clear();
}

}  // namespace sim
