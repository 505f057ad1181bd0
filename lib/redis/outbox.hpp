// What is to be sent as soon as Redis takes it, and once more when another server takes over.
#pragma once

#include "base/completion.hpp"
#include "base/time.hpp"
#include "redis/pending.hpp"
#include "redis/stored_again.hpp"
#include "redis/topology.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace ironjar::detail {

// For the loop's thread alone. What it is given must outlive it.
class RedisOutbox {
 public:
  using Sent = Completion<std::optional<Error>>;

  RedisOutbox(const RedisOptions& options, RedisTopology& topology) : options_(options), topology_(topology) {}

  void add(RedisCall call) { pending_.add(std::move(call)); }
  [[nodiscard]] bool isEmpty() const { return pending_.empty(); }
  [[nodiscard]] bool isSending() const { return isSending_; }
  // One after the other, until one fails, or for about that long. What is added meanwhile comes after it. Where there
  // are several servers one of them may be lost: then until some have failed. Not while it is sending.
  enum class Refusals { dropCall, keepCall };  // what is refused again and again, right after a probe went well
  void send(Deadline end, Refusals refusals, Sent done);

  // What a call stores that a server must not lose, and where it is sent: another may take over before the answer.
  using Places = std::vector<std::pair<RedisCall, RedisEndpoint>>;
  [[nodiscard]] Places placesOf(const RedisCall& call) const;
  // It is stored there. Where there is no memory for that, it is not stored again.
  void remember(const Places& places) noexcept;
  // Adds what another server is responsible for by now.
  void storeAgain();
  // Whether there is anything that may have to be.
  [[nodiscard]] bool mayStoreAgain() { return !stored_.empty(monotonicNow()); }

 private:
  struct Sending;

  void sendNext(const std::shared_ptr<Sending>& sending);
  void ended(Sending& sending) noexcept;

  const RedisOptions& options_;
  RedisTopology& topology_;
  PendingCalls pending_;
  StoredAgain stored_;
  bool isSending_ = false;
};

}  // namespace ironjar::detail
