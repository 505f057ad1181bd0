// What a link does, on an event loop and without a thread of its own: link.cpp brings the thread, and waits for those
// who can.
#pragma once

#include "redis/link.hpp"
#include "redis/outbox.hpp"
#include "redis/policy.hpp"
#include "redis/reports.hpp"
#include "redis/subscription.hpp"
#include "redis/topology.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace ironjar::detail {

// All of it is for the loop's thread, but for what says otherwise.
class RedisLink::Core {
 public:
  explicit Core(RedisOptions options);

  // For any thread.
  [[nodiscard]] EventLoop& loop() const { return *loop_; }
  [[nodiscard]] std::shared_ptr<EventLoop> sharedLoop() const { return loop_; }
  [[nodiscard]] bool isDegraded() const { return degraded_; }
  [[nodiscard]] RedisStats stats() const;
  void closeReports() { reports_.close(); }

  void run();    // until the loop is stopped
  void close();  // at its end
  void begin(const Completion<std::optional<Error>>& begun);
  // Sends what is pending, since nobody else will tell of it.
  void end(const std::function<void()>& ended);

  void start(RedisCall call, Answered done);
  void add(RedisCall call);
  [[nodiscard]] RedisSubscription& subscription() { return subscription_; }
  [[nodiscard]] bool tookOverLately() const { return tookOverWithin(storesAgainWithin); }
  [[nodiscard]] Ticket whenTakenOver(std::function<void()> told);
  void stopTelling(Ticket ticket) noexcept { takeOvers_.erase(ticket); }

 private:
  // Where another server may take over: a call that no server has answered is made again until then, if it can wait.
  struct Calling {
    RedisCall call;
    Answered done;
    Deadline until;
    std::chrono::milliseconds pause = shortestBetweenSearches;
  };
  void startAnywhere(RedisCall call, Answered done);
  void tryAnywhere(const std::shared_ptr<Calling>& calling);
  void tryAgain(const std::shared_ptr<Calling>& calling, const Error& why);
  // Beside what is under way: another server may have taken over.
  enum class Trouble { known, unknown };
  void lookAgain(Trouble trouble = Trouble::known);
  void remember(const RedisOutbox::Places& places);
  [[nodiscard]] std::chrono::milliseconds betweenLooks() const;
  // While something may have to be stored again that another server takes over, and often while somebody has to be
  // told.
  void watch(std::chrono::milliseconds time);
  void storeAgain();
  [[nodiscard]] bool tookOverWithin(MonotonicTime::duration time) const;

  void answered(const RedisScript& script, const Result<Reply>& reply);
  void failed(const Error& error);
  void degrade(const Error& error);
  // Soon while another server may be about to take over.
  void recoverLater();
  void recover();
  void recovered(const std::optional<Error>& problem);

  void sendSoon();

  const RedisOptions options_;
  const RedisTls tls_;
  const std::shared_ptr<EventLoop> loop_ = std::make_shared<EventLoop>();
  RedisTopology topology_;
  RedisOutbox outbox_;
  RedisSubscription subscription_;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> degradations_ = 0;
  std::atomic<bool> degraded_ = false;
  bool isLooking_ = false;                  // beside what is under way
  bool isRecovering_ = false;               // it is being looked at while it is degraded
  Deadline looksFrom_ = {};                 // not before
  Deadline searchesUntil_ = {};             // while it is degraded, often
  std::optional<EventLoop::Ticket> timer_;  // of the next look while it is degraded, of pending calls otherwise
  std::optional<EventLoop::Ticket> watch_;  // of the next look for others
  std::map<Ticket, std::function<void()>> takeOvers_;
  Ticket lastTicket_ = 0;
  std::optional<Deadline> toldOf_;  // of these, the last
  unsigned failedInARow_ = 0;
  Deadline answeredAt_ = {};
  bool isRefusing_ = false;  // the last of those was an error of the server's, which may read all the same
  RedisReports reports_;
};

}  // namespace ironjar::detail
