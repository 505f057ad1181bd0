// What is known of refresh tokens: a table of states. Decides only: times are passed in, and its owner guards it.
//
// | state        | means                       | event: goes to                         | by itself, after          |
// | ------------ | --------------------------- | -------------------------------------- | ------------------------- |
// | unknown      | not in the table            | begin: refreshing                      |                           |
// | refreshing   | a call is in flight         | rotate: rotated; fail: failing;        | never                     |
// |              |                             | endGrant: invalidGrant; retire:        |                           |
// |              |                             | retired; withdraw: failing if calls    |                           |
// |              |                             | have failed, else unknown; logOut:     |                           |
// |              |                             | stays, and its answer is discarded     |                           |
// | failing      | calls about it failed; it   | begin: refreshing; logOut: unknown     | keepUnconfirmed since the |
// |              | has a pause                 |                                        | last failure: unknown     |
// | rotated      | other tokens have taken its | confirm: expires in keep; begin:       | keep, confirmed: retired; |
// |              | place                       | refreshing, where tokens do not        | keepUnconfirmed, or its   |
// |              |                             | rotate; issued again, logOut: unknown; | own successor: unknown    |
// |              |                             | longestChain links further on: retired |                           |
// | invalidGrant | the provider has ended its  | logOut: unknown                        | keep: unknown             |
// |              | login                       |                                        |                           |
// | retired      | spent, successor forgotten  | logOut: unknown                        | keepUnconfirmed: unknown  |
//
// loggedOut is a tombstone beside the state, for keepUnconfirmed: it refuses sessions that began before the logout.
// Later ones pass, which may have been given the same token where tokens are not rotated.
//
// Bounded in entries and bytes; see makeRoom() for what goes first. Tokens are wiped when they are forgotten.
#pragma once

#include "refresh/token_key.hpp"

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include <ironjar/coordinator.hpp>

namespace ironjar::detail {

struct InFlightRefresh;  // the coordinator's

enum class TokenState { refreshing, failing, rotated, invalidGrant, retired };

// Of the calls about one token, since one has succeeded.
struct TokenFailures {
  unsigned count = 0;  // in a row
  MonotonicTime since{};
  MonotonicTime pauseUntil{};
};

class TokenStates {
 public:
  explicit TokenStates(const LocalCoordinatorOptions& options) : options_(options) {}

  struct Entry {
    TokenState state = TokenState::refreshing;
    std::shared_ptr<InFlightRefresh> inFlight;  // refreshing
    TokenSet tokens;                            // rotated: to these
    TokenKey successor{};                       // rotated: their key
    bool confirmed = false;                     // rotated: a request has brought the successor
    TokenFailures failures;

   private:
    friend class TokenStates;
    std::size_t bytes = 0;
    std::multimap<MonotonicTime, TokenKey>::iterator expiry;  // not while refreshing
    std::list<TokenKey>::iterator use;
    std::size_t rank = 0;
  };

  [[nodiscard]] const Entry* find(const TokenKey& key);  // counts as a use

  void begin(const TokenKey& key, std::shared_ptr<InFlightRefresh> inFlight);
  // The call was not made, or says nothing of the token.
  void withdraw(const TokenKey& key, MonotonicTime now);
  void rotate(const TokenKey& key, TokenSet tokens, const TokenKey& successor, MonotonicTime now);
  // Until when the token has its pause: the longer of 1, 2, 4 … 60 s and what the endpoint asked for.
  MonotonicTime fail(const TokenKey& key, std::optional<Seconds> retryAfter, MonotonicTime now);
  void endGrant(const TokenKey& key, MonotonicTime now);
  void retire(const TokenKey& key, MonotonicTime now);

  // The login was ended, at `endedAt`. What was known of the token is forgotten, but for a call in flight.
  void logOut(const TokenKey& key, TimePoint endedAt, MonotonicTime now);
  // Whether a logout refuses a session that began then; one whose beginning is not known, always.
  [[nodiscard]] bool isLoggedOut(const TokenKey& key, std::optional<TimePoint> begun) const;

  // A request has brought this token: whatever led to it need not be remembered for long.
  void confirm(const TokenKey& key, MonotonicTime now);
  // Drops what has expired. Call it first, every time.
  void age(MonotonicTime now);

  [[nodiscard]] bool knows(const TokenKey& key) const { return entries_.contains(key) || tombstones_.contains(key); }
  [[nodiscard]] std::size_t size() const { return entries_.size() + tombstones_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // Entries that had to go before their time.
  [[nodiscard]] std::size_t evicted() const { return evicted_; }

 private:
  using Entries = std::unordered_map<TokenKey, Entry, TokenKeyHash>;
  struct Tombstone {
    TimePoint endedAt;
    std::multimap<MonotonicTime, TokenKey>::iterator expiry;
  };
  using Tombstones = std::unordered_map<TokenKey, Tombstone, TokenKeyHash>;

  Entry& at(const TokenKey& key);
  void moveTo(Entry& entry, const TokenKey& key, TokenState state);
  void enter(const TokenKey& key, TokenState state, MonotonicTime until);
  void expireAt(Entry& entry, const TokenKey& key, MonotonicTime time);
  void account(Entry& entry);
  void unlink(const Entry& entry, const TokenKey& key);
  void erase(Entries::iterator entry);
  void erase(Tombstones::iterator tombstone);
  void retireOldest(const TokenKey& key, MonotonicTime now);
  void makeRoom();

  const LocalCoordinatorOptions& options_;
  Entries entries_;
  Tombstones tombstones_;
  std::unordered_map<TokenKey, TokenKey, TokenKeyHash> predecessors_;  // of successors, to their entry
  std::multimap<MonotonicTime, TokenKey> expiries_;
  std::multimap<MonotonicTime, TokenKey> tombstoneExpiries_;
  std::array<std::list<TokenKey>, 3> uses_;  // by rank, the one used last at the back: see makeRoom
  std::size_t bytes_ = 0;
  std::size_t evicted_ = 0;
};

}  // namespace ironjar::detail
