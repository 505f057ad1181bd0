// What is known of refresh tokens: a table of states, each transition of one token. Decides only: times are passed in,
// and its owner guards it. Whoever follows a chain of tokens goes from one to the next (single_flight.hpp).
//
// | state        | means                       | event: goes to                         | by itself, after          |
// | ------------ | --------------------------- | -------------------------------------- | ------------------------- |
// | unknown      | not in the table            | begin: refreshing; issue: issued       |                           |
// | issued       | a call has brought it;      | begin: refreshing; issue: issued;      | keepUnconfirmed: unknown  |
// |              | nothing has come of it yet  | logOut: unknown                        |                           |
// | refreshing   | a call is in flight         | rotate: rotated; fail: failing;        | never                     |
// |              |                             | endGrant: invalidGrant; retire:        |                           |
// |              |                             | retired; withdraw: failing if calls    |                           |
// |              |                             | have failed, issued if one has brought |                           |
// |              |                             | it, else unknown; logOut: stays, and   |                           |
// |              |                             | its answer is discarded                |                           |
// | failing      | calls about it failed; it   | begin: refreshing; issue: issued;      | keepUnconfirmed since the |
// |              | has a pause                 | logOut: unknown                        | last failure: unknown     |
// | rotated      | other tokens have taken its | confirm: expires in keep; issue:       | keep, confirmed: retired; |
// |              | place                       | issued, or stays, where it leads to    | keepUnconfirmed, or its   |
// |              |                             | good ones; begin: refreshing, where    | own successor: unknown    |
// |              |                             | tokens do not rotate; retire: retired, |                           |
// |              |                             | far back in a chain; logOut: unknown   |                           |
// | invalidGrant | the provider has ended its  | issue: issued; logOut: stays, as its   | keep: unknown             |
// |              | login                       | end does                               |                           |
// | retired      | spent; of its successor the | issue: issued; logOut: unknown         | keepUnconfirmed: unknown  |
// |              | key alone is known          |                                        |                           |
//
// Other transitions cannot happen, and are asserted. loggedOut is a tombstone beside the state, for keepUnconfirmed: it
// refuses sessions that began before the logout. Later ones pass, which may have been given the same token where tokens
// are not rotated.
//
// Bounded in entries and bytes; see makeRoom() for what goes first. Tokens are wiped when they are forgotten.
#pragma once

#include "refresh/aged_map.hpp"
#include "refresh/stored_tokens.hpp"

#include <memory>
#include <optional>

#include <ironjar/coordinator.hpp>

namespace ironjar::detail {

struct InFlightRefresh;  // single_flight.hpp

enum class TokenState : std::uint8_t { issued, refreshing, failing, rotated, invalidGrant, retired };

// Of the calls about one token, since one has succeeded.
struct TokenFailures {
  unsigned count = 0;   // in a row
  unsigned ending = 0;  // of them, whose answers may mean the end of the login
  MonotonicTime last{};
  // Since when they fail while calls about other tokens succeed. An outage that all tokens see is not counted.
  std::optional<MonotonicTime> besideOthers = {};
  MonotonicTime pauseUntil{};
  bool wasAsked = false;  // the pause, by a Retry-After

  // Whether one more failure is beside others' successes, the last of which was then.
  [[nodiscard]] bool failsBeside(std::optional<MonotonicTime> othersSuccess) const {
    return besideOthers || (count > 0 && othersSuccess && *othersSuccess >= last);
  }
};

class TokenStates {
 public:
  struct Options {
    Seconds keep;
    Seconds keepUnconfirmed;
    std::size_t maxEntries;
    std::size_t maxBytes;
  };
  explicit TokenStates(const Options& options) : options_(options) {}

  struct Entry {
    TokenState state = TokenState::issued;
    bool wasBrought = false;                    // by a request's cookie; or nothing would come of it
    bool isConfirmed = false;                   // rotated: its successor was
    TokenKey successor{};                       // rotated, retired: its key
    StoredTokens::Pointer tokens;               // rotated: to these
    std::optional<TokenKey> predecessor;        // whose call has brought this one
    std::shared_ptr<InFlightRefresh> inFlight;  // refreshing
    TokenFailures failures;

    // Whoever follows a chain need know nothing of it but its successor, or that it has none.
    [[nodiscard]] bool isSettled() const {
      return (state == TokenState::issued || state == TokenState::rotated) && wasBrought;
    }
    [[nodiscard]] bool leadsTo(const TokenKey& key) const {
      return (state == TokenState::rotated || state == TokenState::retired) && successor == key;
    }
  };

  // Drops what has expired. Call it first, every time. Time that runs backwards stands still.
  void age(MonotonicTime now);
  [[nodiscard]] const Entry* find(const TokenKey& key) const;

  // As find(), for whoever follows a chain. Of settled tokens, which are the usual case, it reads no entry.
  struct Link {
    const Entry* entry = nullptr;           // null: nothing is known of the token, or it is settled
    const StoredTokens* rotated = nullptr;  // to these
    TokenHash successor = 0;                // rotated: its key's, for prefetch(); known before what `rotated` points to
  };
  [[nodiscard]] Link look(const TokenKey& key) const;
  // Begins to read what look() and find() read first. May be called at any time, from any thread.
  void prefetch(TokenHash hash) const { entries_.prefetch(hash); }

  void begin(const TokenKey& key, std::shared_ptr<InFlightRefresh> inFlight);
  // The call was not made, or says nothing of the token.
  void withdraw(const TokenKey& key, MonotonicTime now);
  // What is known of the successor is to be said by issue(), unless it is the same token.
  void rotate(const TokenKey& key, const TokenSet& tokens, const TokenKey& successor, MonotonicTime now);
  // The answer that has failed may mean the end of the login: how many have, with those before it.
  unsigned countEnding(const TokenKey& key) { return ++refreshing(key).value.failures.ending; }
  // Until when the token has its pause: the longer of 1, 2, 4 … 60 s and what the endpoint asked for.
  // `othersSuccess` is when a call about any token last succeeded.
  MonotonicTime fail(const TokenKey& key, std::optional<Seconds> retryAfter, std::optional<MonotonicTime> othersSuccess,
                     MonotonicTime now);
  void endGrant(const TokenKey& key, MonotonicTime now);
  void retire(const TokenKey& key, MonotonicTime now);

  // A call about `predecessor` has brought this token: it is good, whatever was known of it; but if it is rotated and
  // `leadsOn`, to newer ones, it stays so.
  void issue(const TokenKey& key, const TokenKey& predecessor, bool leadsOn, MonotonicTime now);
  // A request's cookie has brought this token, which is in the table: whatever led to it need not be remembered for
  // long. The first time, what to confirm next.
  std::optional<TokenKey> bring(const TokenKey& key, MonotonicTime now);
  // The successor of this token was brought. What to confirm next.
  std::optional<TokenKey> confirm(const TokenKey& key, const TokenKey& successor, MonotonicTime now);

  // The login was ended, at `endedAt`. What was known of the token is forgotten, but for a call in flight and the end
  // of its grant.
  void logOut(const TokenKey& key, TimePoint endedAt, MonotonicTime now);
  // It was ended once more: the logout, which is remembered, is so from now on. Changes nothing else. When it ended.
  TimePoint renewLogout(const TokenKey& key, MonotonicTime now);
  // Whether a logout refuses a session that began then; one whose beginning is not known, always.
  [[nodiscard]] bool isLoggedOut(const TokenKey& key, std::optional<TimePoint> begun) const;

  // Forgets a token before its time, unless its call is in flight. Counted.
  void evict(const TokenKey& key);

  [[nodiscard]] std::size_t size() const { return entries_.size() + tombstones_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // Entries that had to go before their time.
  [[nodiscard]] std::size_t evicted() const { return evicted_; }

 private:
  // The entries that expire alike, so that each queue is in the order of its ends.
  enum Queue : std::size_t { confirmed, unconfirmed, retired, inFlight, queues };
  using Entries = AgedMap<Entry, queues, StoredTokens>;
  using Tombstones = AgedMap<TimePoint, 1>;  // when the login was ended

  Entries::Node& at(const TokenKey& key);
  Entries::Node& known(const TokenKey& key);
  Entries::Node& refreshing(const TokenKey& key);
  void note(const Entries::Node& node);
  void enter(Entries::Node& node, TokenState state, Queue queue, MonotonicTime now, Seconds time);
  MonotonicTime until(MonotonicTime now, Seconds time);
  void expire(Entries::Node& node);
  void erase(Entries::Node& node);
  void erase(Tombstones::Node& tombstone);
  void makeRoom();

  const Options options_;
  Entries entries_;
  Tombstones tombstones_;
  MonotonicTime latest_{};
  MonotonicTime nextEnd_ = MonotonicTime::max();  // nothing expires earlier
  std::size_t bytes_ = 0;
  std::size_t evicted_ = 0;
};

}  // namespace ironjar::detail
