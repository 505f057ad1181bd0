// A logout over Redis, on the link's thread, without one of its own.
//
//   mark     these tokens as ended, then those that Redis says have succeeded them, and so on; then, if they were not
//            among these, the newest that this process knows
//   watch    a call of another process may be under way that brings newer ones: it leaves them behind as orphaned,
//            while its lock is held. Who has ended the login waits for them, to revoke them
#pragma once

#include "redis/refreshing.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace ironjar::detail {

class LogoutOperation : public std::enable_shared_from_this<LogoutOperation> {
 public:
  struct Ended {
    // The last tokens of the login; nothing when it had ended already: what came after may be another login's.
    std::optional<TokenSet> last = std::nullopt;
    std::set<std::string> refreshTokens = {};  // that were marked
  };

  LogoutOperation(std::shared_ptr<Refreshing> shared, std::string client, Logout logout)
      : shared_(std::move(shared)), client_(std::move(client)), logout_(logout) {}

  // `newest`: what this process knows to have succeeded `tokens`. `done` is called once, on the link's thread.
  void begin(TokenSet tokens, std::optional<TokenSet> newest, Completion<Ended> done);

 private:
  void next();
  void marked(const Result<std::optional<Record>>& before);
  void chainEnded();

  const std::shared_ptr<Refreshing> shared_;
  const std::string client_;
  const Logout logout_;
  Completion<Ended> done_;
  TokenSet tokens_;
  std::optional<TokenSet> newest_;
  Ended ended_;
  std::unique_ptr<RedisRecord> record_;
};

class OrphanWatch : public std::enable_shared_from_this<OrphanWatch> {
 public:
  // `done` gets the tokens that a call has left behind, or `last` when none will. Once, on the link's thread.
  OrphanWatch(std::shared_ptr<Refreshing> shared, std::string client, TokenSet last, Completion<TokenSet> done);

  // For the link's thread.
  void begin();
  void stop();  // it is not waited for any more

 private:
  void look();
  void looked(const Result<RedisRecord::Orphaned>& found);
  void finish(TokenSet tokens);

  const std::shared_ptr<Refreshing> shared_;
  const std::string client_;
  const TokenSet last_;
  Completion<TokenSet> done_;
  RedisRecord record_;
  std::optional<RedisLink::Ticket> ticket_;
  std::optional<EventLoop::Ticket> timer_;
  Deadline until_;   // while Redis answers
  Deadline latest_;  // in any case
  bool isListening_ = false;
  bool isLooking_ = false;
  // Redis was away, or another server has taken over: what a call has brought is stored late, or once more.
  bool mayComeLate_ = false;
};

}  // namespace ironjar::detail
