// The Redis that the processes of a history share, and the way there: a master with a replica that lags behind, either
// at one address, or named by sentinels. Commands and answers are lost, late or doubled, servers stall and go, and a
// new master may not have what the last one had acknowledged.
#pragma once

#include "redis/link.hpp"
#include "redis/stream.hpp"
#include "sim/plan.hpp"
#include "sim/redis/data.hpp"
#include "sim/redis/trouble.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace sim {

// Ends what is under way to Redis in that life, which is over. What waits for answers holds on to the link otherwise.
// What the link has to send later is lost, as in a crash.
void endLinkOf(const Life& life);

class RedisServers {
 public:
  using Answered = ironjar::detail::RedisLink::Answered;
  using Endpoint = ironjar::detail::RedisEndpoint;
  using Heard = std::function<void(const std::string& channel)>;  // nothing: the connection is lost
  // `troubled`: whenever a trouble makes itself felt. `trace`: what a command and its answer were, for a diagram.
  struct Hooks {
    std::function<bool(Fault)> has;
    std::function<void(RedisTrouble)> troubled;
    std::function<void(const Life&, const std::string&)> trace = {};  // may be empty
  };
  RedisServers(Schedule& schedule, const Plan& plan, Hooks hooks);
  RedisServers(const RedisServers&) = delete;
  RedisServers& operator=(const RedisServers&) = delete;
  ~RedisServers();
  [[nodiscard]] static RedisServers& current();

  // By the deadline, in the life of whoever asks.
  void run(const LifePointer& life, const Endpoint& server, ironjar::detail::RedisCall call, MonotonicTime deadline,
           Answered done);
  // The master as the sentinels know it, if it can be reached and written to.
  [[nodiscard]] std::optional<Endpoint> master(const LifePointer& life);
  [[nodiscard]] bool isThere(const LifePointer& life, const Endpoint& server);
  // A connection for messages, while it is held: `heard` is called in that life. Null when there is no server.
  [[nodiscard]] std::shared_ptr<void> subscribe(const LifePointer& life, const Endpoint& server, Heard heard);
  void pushed(const std::string& channel);

  // What a history does to it.
  void goDown(MonotonicTime until);
  void stall(MonotonicTime until);
  void failOver(MonotonicTime promotedAt, Millis lag);
  void cutOff(unsigned process, MonotonicTime until);
  void heal();

  static const Endpoint address;  // where there are no sentinels

 private:
  struct Command;
  struct Subscriber {
    LifePointer life;
    Endpoint server;
    Heard heard;
  };

  void arrive(const std::shared_ptr<Command>& command);
  void answer(const std::shared_ptr<Command>& command, MonotonicTime when,
              ironjar::Result<ironjar::detail::Reply> reply);
  void loseSubscribers(const std::function<bool(const Subscriber&)>& which);
  [[nodiscard]] bool isUp(const Endpoint& server) const;
  [[nodiscard]] bool isCutOff(unsigned process) const;
  [[nodiscard]] std::string nameOf(const ironjar::detail::RedisCall& call) const;
  void trouble(unsigned process, std::string what);

  Schedule& schedule_;
  const Plan& plan_;
  const Hooks hooks_;
  RedisData data_;
  Endpoint master_;
  std::optional<MonotonicTime> downUntil_;
  MonotonicTime stalledUntil_{};
  std::map<unsigned, MonotonicTime> cutOff_;  // until when, by process
  std::map<std::string, unsigned> tries_;     // by what is sent, and by whom
  std::list<std::weak_ptr<Subscriber>> subscribers_;
};

}  // namespace sim
