// A process's link to Redis: one thread for all traffic, one deadline per command, and a breaker, so that a server in
// trouble costs requests next to nothing. Thread-safe.
#pragma once

#include "base/completion.hpp"
#include "base/event_loop.hpp"
#include "redis/pending.hpp"
#include "redis/reply.hpp"
#include "redis/sealer.hpp"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <ironjar/redis.hpp>

namespace ironjar::detail {

class RedisLink {
 public:
  using Answered = Completion<Result<Reply>>;
  // What somebody who listens to channels is told: that all that is sent from now on will be heard, that something was
  // sent, that nothing is heard any more.
  enum class Heard { listening, message, lost };
  using Ticket = std::uint64_t;

  explicit RedisLink(RedisOptions options);  // throws as Redis' constructor
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;
  ~RedisLink();

  // The script's answer, of a shape that it can have. Errc::unreachable at once while Redis is given up;
  // Errc::timeout, transport, malformed, overloaded; Errc::notAllowed when it answers with an error. Never blocks:
  // `done` is called once, later, on the link's thread, which it must not block; without a lock.
  void start(RedisCall call, Answered done);
  // The same for a thread that can wait, which the link's own cannot: there it is Errc::overloaded.
  [[nodiscard]] Result<Reply> run(const RedisCall& call);
  // Runs it now if it can be, or as runLater() does. Blocks until it is known which.
  void runEventually(RedisCall call);
  // For what has just failed: runs it as soon as Redis takes it, in the order of these calls. What Redis refuses again
  // and again while it is well is dropped, and what PendingCalls has no room for.
  void runLater(RedisCall call);

  // The link's thread, for those that work on it. What follows is for that thread alone.
  [[nodiscard]] EventLoop& loop() const;
  [[nodiscard]] std::shared_ptr<EventLoop> sharedLoop() const;  // for what may outlive the link
  [[nodiscard]] Ticket listen(std::vector<std::string> channels, std::function<void(Heard)> heard);
  void stopListening(Ticket ticket);
  // Whether another server has taken over so lately that processes store again what the one before may have lost.
  [[nodiscard]] bool tookOverLately() const;
  // Calls it each time that another server has taken over.
  [[nodiscard]] Ticket whenTakenOver(std::function<void()> told);
  void stopTelling(Ticket ticket) noexcept;

  // False in a child of fork(), which has none of the threads: there it may only go, and leaves behind what it has.
  [[nodiscard]] bool isOfThisProcess() const { return process_ == ::getpid(); }

  [[nodiscard]] const RedisSealer& sealer() const { return sealer_; }
  [[nodiscard]] RedisStats stats() const;

 private:
  class Core;

  [[nodiscard]] std::optional<Error> begin();
  void end() noexcept;

  const RedisSealer sealer_;
  std::shared_ptr<Core> core_;  // shared with the thread
  std::thread thread_;
  const pid_t process_ = ::getpid();
};

}  // namespace ironjar::detail
