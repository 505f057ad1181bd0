#include "refresh/token_states.hpp"

#include "session/token_set.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

// Of a chain A to B to C …, the links that still lead a late request to the newest tokens. Older ones are only known as
// spent, so that a login takes a bounded part of the memory, and following its chain a bounded time.
constexpr std::size_t longestChain = 16;

constexpr Seconds longestPause{60};
constexpr Seconds longestAsked{600};
constexpr unsigned doublings = 6;  // 2^6 s is past the longest

// An estimate of what an entry takes in the tables, generously.
constexpr std::size_t overhead = 512;
constexpr std::size_t tombstoneSize = 192;

enum Rank : std::size_t { first, second, never };

Rank rankOf(TokenState state) {
  if (state == TokenState::refreshing) return never;
  return state == TokenState::retired ? second : first;
}

std::int64_t seconds(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

const TokenStates::Entry* TokenStates::find(const TokenKey& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  auto& uses = uses_.at(found->second.rank);
  uses.splice(uses.end(), uses, found->second.use);
  return &found->second;
}

void TokenStates::begin(const TokenKey& key, std::shared_ptr<InFlightRefresh> inFlight) {
  Entry& entry = at(key);
  unlink(entry, key);
  wipe(entry.tokens);
  moveTo(entry, key, TokenState::refreshing);
  if (entry.expiry != expiries_.end()) expiries_.erase(entry.expiry);
  entry.expiry = expiries_.end();
  entry.inFlight = std::move(inFlight);
  account(entry);
  makeRoom();
}

void TokenStates::withdraw(const TokenKey& key, MonotonicTime now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  if (found->second.failures.count == 0) return erase(found);
  enter(key, TokenState::failing, now + options_.keepUnconfirmed);
  makeRoom();
}

void TokenStates::rotate(const TokenKey& key, TokenSet tokens, const TokenKey& successor, MonotonicTime now) {
  // A token that is issued again is good again; and a chain never runs in a circle.
  const auto again = entries_.find(successor);
  if (successor != key && again != entries_.end() && again->second.state != TokenState::refreshing) erase(again);
  enter(key, TokenState::rotated, now + options_.keepUnconfirmed);
  Entry& entry = entries_.at(key);
  entry.tokens = std::move(tokens);
  entry.successor = successor;
  entry.confirmed = false;
  entry.failures = {};
  predecessors_[successor] = key;
  account(entry);
  retireOldest(key, now);
  makeRoom();
}

MonotonicTime TokenStates::fail(const TokenKey& key, std::optional<Seconds> retryAfter, MonotonicTime now) {
  enter(key, TokenState::failing, now + options_.keepUnconfirmed);
  TokenFailures& failures = entries_.at(key).failures;
  if (failures.count == 0) failures.since = now;
  const Seconds own = std::min(longestPause, Seconds{1} * (1U << std::min(failures.count, doublings)));
  const MonotonicTime until = now + std::max(own, std::min(retryAfter.value_or(Seconds{0}), longestAsked));
  failures.pauseUntil = until;
  ++failures.count;
  makeRoom();
  return until;
}

void TokenStates::endGrant(const TokenKey& key, MonotonicTime now) {
  enter(key, TokenState::invalidGrant, now + options_.keep);
  makeRoom();
}

void TokenStates::retire(const TokenKey& key, MonotonicTime now) {
  enter(key, TokenState::retired, now + options_.keepUnconfirmed);
  makeRoom();
}

void TokenStates::logOut(const TokenKey& key, TimePoint endedAt, MonotonicTime now) {
  const auto entry = entries_.find(key);
  if (entry != entries_.end() && entry->second.state != TokenState::refreshing) erase(entry);
  const auto known = tombstones_.find(key);
  if (known != tombstones_.end()) {
    endedAt = std::max(endedAt, known->second.endedAt);
    erase(known);
  }
  tombstones_.emplace(key, Tombstone{endedAt, tombstoneExpiries_.emplace(now + options_.keepUnconfirmed, key)});
  bytes_ += tombstoneSize;
  makeRoom();
}

// In whole seconds, as sessions know their beginning. One of the same second may have begun before.
bool TokenStates::isLoggedOut(const TokenKey& key, std::optional<TimePoint> begun) const {
  const auto tombstone = tombstones_.find(key);
  return tombstone != tombstones_.end() && (!begun || seconds(*begun) <= seconds(tombstone->second.endedAt));
}

void TokenStates::confirm(const TokenKey& key, MonotonicTime now) {
  // Back along the chain: who brings C has B's cookie no more.
  TokenKey brought = key;
  for (auto link = predecessors_.find(brought); link != predecessors_.end(); link = predecessors_.find(brought)) {
    Entry& entry = entries_.at(link->second);
    if (entry.confirmed) return;
    entry.confirmed = true;
    expireAt(entry, link->second, now + options_.keep);
    brought = link->second;
  }
}

void TokenStates::age(MonotonicTime now) {
  while (!expiries_.empty() && expiries_.begin()->first <= now) {
    const TokenKey key = expiries_.begin()->second;
    const auto entry = entries_.find(key);
    const bool rotated = entry->second.state == TokenState::rotated && entry->second.successor != key;
    if (rotated && entry->second.confirmed) {
      retire(key, now);
    } else {
      erase(entry);
    }
  }
  while (!tombstoneExpiries_.empty() && tombstoneExpiries_.begin()->first <= now) {
    erase(tombstones_.find(tombstoneExpiries_.begin()->second));
  }
}

TokenStates::Entry& TokenStates::at(const TokenKey& key) {
  const auto [position, isNew] = entries_.try_emplace(key);
  Entry& entry = position->second;
  if (isNew) {
    entry.expiry = expiries_.end();
    entry.rank = never;
    entry.use = uses_[never].insert(uses_[never].end(), key);
  }
  return entry;
}

void TokenStates::moveTo(Entry& entry, const TokenKey& key, TokenState state) {
  entry.state = state;
  const Rank rank = rankOf(state);
  if (rank == entry.rank) return;
  uses_.at(entry.rank).erase(entry.use);
  entry.rank = rank;
  entry.use = uses_.at(rank).insert(uses_.at(rank).end(), key);
}

void TokenStates::enter(const TokenKey& key, TokenState state, MonotonicTime until) {
  Entry& entry = at(key);
  unlink(entry, key);
  moveTo(entry, key, state);
  entry.inFlight.reset();
  wipe(entry.tokens);
  expireAt(entry, key, until);
  account(entry);
}

void TokenStates::expireAt(Entry& entry, const TokenKey& key, MonotonicTime time) {
  if (entry.expiry != expiries_.end()) expiries_.erase(entry.expiry);
  entry.expiry = expiries_.emplace(time, key);
}

void TokenStates::account(Entry& entry) {
  bytes_ -= entry.bytes;
  entry.bytes = overhead + capacityOf(entry.tokens);
  bytes_ += entry.bytes;
}

// An entry that is not rotated any more leads nowhere.
void TokenStates::unlink(const Entry& entry, const TokenKey& key) {
  if (entry.state != TokenState::rotated) return;
  const auto link = predecessors_.find(entry.successor);
  if (link != predecessors_.end() && link->second == key) predecessors_.erase(link);
}

void TokenStates::erase(Entries::iterator position) {
  Entry& entry = position->second;
  unlink(entry, position->first);
  if (entry.expiry != expiries_.end()) expiries_.erase(entry.expiry);
  uses_.at(entry.rank).erase(entry.use);
  bytes_ -= entry.bytes;
  wipe(entry.tokens);
  entries_.erase(position);
}

void TokenStates::erase(Tombstones::iterator tombstone) {
  tombstoneExpiries_.erase(tombstone->second.expiry);
  tombstones_.erase(tombstone);
  bytes_ -= tombstoneSize;
}

void TokenStates::retireOldest(const TokenKey& key, MonotonicTime now) {
  TokenKey oldest = key;
  for (std::size_t links = 1; links < longestChain; ++links) {
    const auto link = predecessors_.find(oldest);
    if (link == predecessors_.end()) return;
    oldest = link->second;
  }
  const auto link = predecessors_.find(oldest);
  if (link == predecessors_.end() || link->second == key) return;
  enter(TokenKey(link->second), TokenState::retired, now + options_.keepUnconfirmed);
}

// What has the least to lose goes first: where a token leads to, or how often it failed; then that it was spent. What
// is in flight stays, since its answer would be lost. So do tombstones, which nobody's refreshing pushes out: only a
// later logout does, when they fill half of the table.
void TokenStates::makeRoom() {
  const auto isFull = [this] { return size() > options_.maxEntries || bytes_ > options_.maxBytes; };
  const auto tooMany = [this](std::size_t tombstones) {
    return tombstones > 1 &&
           (tombstones > options_.maxEntries / 2 || tombstones * tombstoneSize > options_.maxBytes / 2);
  };
  while (tooMany(tombstones_.size())) {
    erase(tombstones_.find(tombstoneExpiries_.begin()->second));
    ++evicted_;
  }
  for (const Rank rank : {first, second}) {
    while (isFull() && !uses_.at(rank).empty()) {
      erase(entries_.find(TokenKey(uses_.at(rank).front())));
      ++evicted_;
    }
  }
}

}  // namespace ironjar::detail
