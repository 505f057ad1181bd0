// What the refreshes of one RedisCoordinator share: numbers, the calls to token endpoints, and who is told.
#pragma once

#include "base/worker_pool.hpp"
#include "redis/link.hpp"
#include "redis/records.hpp"
#include "refresh/refresh_call.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include <ironjar/redis.hpp>

namespace ironjar::detail {

class OrphanWatch;
class RefreshOperation;

class Refreshing : public std::enable_shared_from_this<Refreshing> {
 public:
  Refreshing(std::shared_ptr<RedisLink> link, const RedisCoordinatorOptions& options);
  Refreshing(const Refreshing&) = delete;
  Refreshing& operator=(const Refreshing&) = delete;

  // For any thread.
  [[nodiscard]] std::shared_ptr<LocalCoordinator> local();  // nothing after close()
  [[nodiscard]] RedisLink& link() { return *link_; }
  [[nodiscard]] const RedisCoordinatorOptions& options() const { return options_; }
  [[nodiscard]] RedisRecord recordOf(std::string_view client, std::string_view refreshToken) const;
  void begin(const std::shared_ptr<RefreshOperation>& operation);
  // Ends what waits, lets calls under way end, for a lease at most, and completes everything, also when Redis does not
  // answer. Blocks, but on the link's thread.
  void close();
  // Something that close() waits for, until the last copy goes.
  [[nodiscard]] std::shared_ptr<void> hold();
  // Runs what is the application's on a thread where that may block for a moment; here when there is none. Safely.
  void complete(std::function<void()> work) noexcept;
  // Has these tokens of a login that was ended revoked, or those that a call under way elsewhere brings for it.
  void revokeLast(std::string client, TokenSet last, RevokeCall revoke);

  // For the link's thread.
  void forget(const std::shared_ptr<OrphanWatch>& watch) { watches_.erase(watch); }
  // Tokens that could not be published in time, of a login that was signed out of meanwhile: who has ended it finds
  // them to be revoked, and whoever has got them here is signed out, too.
  void discard(const std::string& client, const std::string& spent, const TokenSet& tokens, const Record& ended);
  // Makes the call, or has it made as soon as there are few enough; answered() follows.
  void call(const std::shared_ptr<RefreshOperation>& operation);
  void callEnded(const std::shared_ptr<RefreshOperation>& operation);
  // Tells whoever waits for an operation, on a thread where that may block.
  void end(const std::shared_ptr<RefreshOperation>& operation, Completion<RefreshAnswer> done,
           RefreshAnswer answer) noexcept;

  std::atomic<std::uint64_t> asked = 0;
  std::atomic<std::uint64_t> shared = 0;
  std::atomic<std::uint64_t> alone = 0;
  std::atomic<std::uint64_t> waiting = 0;

 private:
  void startCall(const std::shared_ptr<RefreshOperation>& operation);
  void tell(const RefreshOperation& operation, const Completion<RefreshAnswer>& done, RefreshAnswer answer) noexcept;
  void forEach(void (RefreshOperation::*what)());
  bool waitUntilIdle(Deadline deadline);

  const RedisCoordinatorOptions options_;
  const std::shared_ptr<RedisLink> link_;
  std::atomic<bool> isClosing_ = false;
  const std::shared_ptr<std::atomic<bool>> isGivenUp_ = std::make_shared<std::atomic<bool>>(false);  // at its end
  std::set<std::shared_ptr<RefreshOperation>> operations_;  // the link's thread's
  std::set<std::shared_ptr<OrphanWatch>> watches_;          // likewise
  std::deque<std::shared_ptr<RefreshOperation>> calls_;     // that are to be made; likewise
  std::set<std::shared_ptr<RefreshOperation>> asking_;      // whose calls were made and have not ended; likewise
  std::size_t running_ = 0;                                 // asynchronous ones that were; likewise
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t underWay_ = 0;           // operations, and what is held
  std::size_t ending_ = 0;             // that are over, with somebody who is not told yet
  std::set<std::thread::id> telling_;  // threads
  WorkerPool calling_;
  WorkerPool completing_;
  WorkerPool revoking_;                      // apart: one that takes long delays no call
  std::shared_ptr<LocalCoordinator> local_;  // until close(); for `mutex_`
};

}  // namespace ironjar::detail
