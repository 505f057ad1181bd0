// A process' copy of the denials in Redis, kept up to date from their logs.
//
//   round    of each log, from the entry that was read last on, a page at a time, until there is no more; then all that
//            was denied before the round began is known here
//   when     at the start, whenever a message says that something was denied or that messages are heard again, and at
//            least four times in RedisRevocationOptions::maxStaleness
//   resync   the entry that was read last is asked for again: when it is not there, Redis has lost data or is another
//            one, and the log is read from its beginning; what is known here stays
//
// What a log holds counts when it is authentic. Whoever can write to Redis can remove denials from it, as their keys.
#pragma once

#include "redis/denial_table.hpp"
#include "redis/link.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ironjar::detail {

class DenialMirror : public std::enable_shared_from_this<DenialMirror> {
 public:
  // The link must outlive it.
  DenialMirror(RedisLink& link, const RedisRevocationOptions& options);
  DenialMirror(const DenialMirror&) = delete;
  DenialMirror& operator=(const DenialMirror&) = delete;

  // For any thread.
  [[nodiscard]] DenialTable& table() { return table_; }
  // Whether all that was denied until maxStaleness ago is known.
  [[nodiscard]] bool isFresh() const;
  [[nodiscard]] std::uint64_t resyncs() const { return resyncs_; }

  // For the link's thread. `filled` is called once, when the first round has ended, whether well or not.
  void begin(Completion<bool> filled);
  void end() noexcept;

 private:
  using Time = std::chrono::steady_clock;
  // Of an entry, as Redis orders them.
  using Id = std::pair<std::uint64_t, std::uint64_t>;
  struct Log {
    std::string name;
    std::string last = {};   // the id of the entry that was read last; none: nothing was
    std::string entry = {};  // that one: a log that is made anew may have another with its id
    bool isAnew = false;     // in this round it is read from its beginning
  };

  [[nodiscard]] static std::optional<Id> parsed(std::string_view id);
  void startRound();
  void readLog();
  [[nodiscard]] bool take(Log& log, const std::vector<Reply>& items);
  void endRound(bool isGood);
  void wakeLater();

  RedisLink& link_;
  const DenialSealer sealer_;
  const Clock now_;
  const std::chrono::milliseconds maxStaleness_;
  const std::size_t mostPages_;  // in one round: a log that goes on and on is a lie
  DenialTable table_;
  std::atomic<Time::rep> knownUntil_ = Time::time_point::min().time_since_epoch().count();
  std::atomic<std::uint64_t> resyncs_ = 0;

  // The link's thread's.
  std::vector<Log> logs_;
  std::optional<RedisLink::Ticket> ticket_;
  std::optional<EventLoop::Ticket> timer_;
  Completion<bool> filled_;
  bool isReading_ = false;
  bool isAwoken_ = false;  // while it was reading
  bool isEnded_ = false;
  std::size_t at_ = 0;     // the log that is being read
  std::size_t pages_ = 0;  // in this round
  Time::time_point begun_;
};

}  // namespace ironjar::detail
