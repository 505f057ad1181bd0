// One refresh over Redis, for all requests of this process that need it: on the link's thread, without one of its own.
//
//   claim    known already?           adopt: along the chain, to where the login stands
//            somebody's lock?         wait for a message, or a while; claim again
//            else the lock is ours
//   call     the lease still holds?   renewed every third of it; else claim again
//   conclude a better end is known?   adopt that
//            else publish the tokens, the refusal or the failure, for the others
//
// Redis does not answer: what RedisCoordinatorOptions::withoutRedis says.
#pragma once

#include "redis/refreshing.hpp"

#include <optional>
#include <string>

namespace ironjar::detail {

class RefreshOperation : public std::enable_shared_from_this<RefreshOperation> {
 public:
  struct Request {
    std::string client;
    TokenSet spent;
    RefreshCall call;
    std::optional<TimePoint> begun;                // the session
    std::shared_ptr<std::atomic<RefreshedBy>> by;  // is set before `done` is called
  };
  // `done` is called once, on whichever thread.
  RefreshOperation(std::shared_ptr<Refreshing> shared, Request request, Completion<RefreshAnswer> done);

  [[nodiscard]] const RefreshCall& call() const { return request_.call; }
  [[nodiscard]] const TokenSet& spent() const { return request_.spent; }

  // When it is over, for a thread that may run what is the application's: discards what is under way here for a login
  // that has turned out to be ended.
  void signOut() const;

  // For the link's thread.
  void begin();
  void answered(const RefreshAnswer& answer);  // by the token endpoint
  void stop();                                 // the coordinator goes: no more waiting
  void abandon();                              // it cannot wait for the call either
  void drop() noexcept;                        // nor for Redis
  [[nodiscard]] bool isAsking() const { return isAsking_; }

 private:
  using Adopted = std::function<void(std::optional<RefreshAnswer>)>;
  struct Chain;

  // Completes once, whatever becomes of what it is given to. In refresh_step.hpp.
  template <class T, class Handler>
  [[nodiscard]] Completion<Result<T>> step(Handler handler);
  template <class Handler>
  void safely(const Handler& handler) noexcept;
  void after(std::chrono::milliseconds time, std::function<void()> due);

  void claim();
  void claimed(const Result<RedisRecord::Claim>& claim);
  void miss();
  void wait(const RedisRecord::Locked& locked);
  void heard(RedisLink::Heard what);
  void stopWaiting();

  void adopt(Record record, Adopted then);
  void follow(const std::shared_ptr<Chain>& chain);
  void decide(const std::shared_ptr<Chain>& chain);
  [[nodiscard]] RefreshAnswer signedOut(std::optional<TimePoint> endedAt);

  void lead();
  void renewLease();
  void stopRenewing() noexcept;
  [[nodiscard]] bool holdsLease() const;
  void askWithLease();
  void ask();
  void conclude(const RefreshAnswer& answer);
  void publishLate(const TokenSet& brought);
  void publish(const RefreshAnswer& answer);
  void published(const RefreshAnswer& answer, const TokenSet& fresh, const Result<RedisRecord::Outcome>& outcome);
  void giveUp(const RefreshAnswer& answer, std::size_t looks);
  void endGrant(const RefreshAnswer& answer);
  void better(const Result<RedisRecord::Outcome>& outcome, const RefreshAnswer& answer);
  void release(std::function<void()> then);
  void finish(RefreshAnswer answer) noexcept;

  const std::shared_ptr<Refreshing> shared_;
  const Request request_;
  Completion<RefreshAnswer> done_;
  const std::string owner_;
  RedisRecord record_;
  std::optional<EventLoop::Ticket> timer_;  // of the next look, or of the lease
  bool isOver_ = false;
  bool isStopping_ = false;
  Deadline until_;

  // Waiting for another process.
  std::optional<RedisLink::Ticket> ticket_;
  std::string awaited_;  // whose call it waits for
  bool mayAsk_ = true;   // not while another process does, nor when one may have since
  unsigned misses_ = 0;  // claims in a row that Redis has not answered
  bool isClaiming_ = false;
  bool isListening_ = false;
  bool looksAgain_ = false;  // somebody said something while it was looking
  std::chrono::milliseconds pause_;

  // Asking.
  bool isAsking_ = false;
  bool isLost_ = false;  // the lock
  Deadline claimedAt_;
  Deadline renewedAt_;
  std::optional<RedisLink::Ticket> renewing_;  // also when another server takes over, which may not have the lock
  std::optional<TokenSet> brought_;            // by the call: they must not get lost
  // When an earlier login with this refresh token was signed out of: it stays known.
  std::optional<TimePoint> endedBefore_;
  std::optional<TimePoint> signsOut_;  // what is under way here for the login is discarded before `done_` is called
};

}  // namespace ironjar::detail
