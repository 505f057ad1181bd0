// What has become of refresh tokens: each is under way, succeeded by other tokens, dead, or its login is over. Bounded
// in entries and bytes, wiped when forgotten. Not thread-safe: its owner guards it.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>

#include <ironjar/refresh.hpp>

namespace ironjar::detail {

using TokenKey = std::array<unsigned char, 16>;  // a keyed hash of a refresh token, its issuer and client
using MonotonicTime = std::chrono::steady_clock::time_point;

// One call to a token endpoint: shared by the entry and everybody who waits.
struct Flight {
  std::condition_variable landed;
  std::optional<Result<TokenSet>> result;  // nothing while it is under way
  std::size_t waiters = 0;
  bool loginOver = false;  // somebody signed out meanwhile
  RefreshCoordinator::Revoke revoke;
};

enum class Fate {
  underWay,
  succeeded,
  dead,   // the provider said invalid_grant
  spent,  // succeeded, and the successor has long been seen: its tokens are forgotten
  over,   // signed out
};

class Succession {
 public:
  explicit Succession(const LocalCoordinatorOptions& options) : options_(options) {}

  struct Entry {
    Fate fate = Fate::underWay;
    std::shared_ptr<Flight> flight;  // underWay
    TokenSet tokens;                 // succeeded: by these
    TokenKey successor{};            // succeeded: their key
    bool confirmed = false;          // succeeded: a request has brought the successor

   private:
    friend class Succession;
    std::size_t bytes = 0;
    std::multimap<MonotonicTime, TokenKey>::iterator expiry;  // not while under way
    std::list<TokenKey>::iterator use;
  };

  [[nodiscard]] const Entry* find(const TokenKey& key);  // counts as a use

  void takeOff(const TokenKey& key, std::shared_ptr<Flight> flight);
  void succeed(const TokenKey& key, TokenSet tokens, const TokenKey& successor, MonotonicTime now);
  void settle(const TokenKey& key, Fate fate, MonotonicTime now);  // dead or over
  void forget(const TokenKey& key);

  // A request has brought this token: whatever led to it need not be remembered for long.
  void confirm(const TokenKey& key, MonotonicTime now);
  // Drops what has expired. Call it first, every time.
  void age(MonotonicTime now);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  using Entries = std::map<TokenKey, Entry>;

  Entry& at(const TokenKey& key);
  void expireAt(Entry& entry, const TokenKey& key, MonotonicTime time);
  void account(Entry& entry);
  void erase(Entries::iterator entry);
  void makeRoom();

  const LocalCoordinatorOptions& options_;
  Entries entries_;
  std::map<TokenKey, TokenKey> predecessors_;  // of successors, to their entry
  std::multimap<MonotonicTime, TokenKey> expiries_;
  std::list<TokenKey> uses_;  // the one used last is at the back
  std::size_t bytes_ = 0;
};

}  // namespace ironjar::detail
