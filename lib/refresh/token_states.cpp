#include "refresh/token_states.hpp"

#include "refresh/policy.hpp"
#include "session/token_set.hpp"

#include <algorithm>
#include <cassert>

namespace ironjar::detail {
namespace {

// An estimate of what each takes in the tables, generously.
constexpr std::size_t entrySize = 384;
constexpr std::size_t tokensSize = sizeof(TokenSet) + 64;
constexpr std::size_t tombstoneSize = 192;

struct WipedTokens {
  explicit WipedTokens(TokenSet tokens) : value(std::move(tokens)) {}
  WipedTokens(const WipedTokens&) = delete;
  WipedTokens& operator=(const WipedTokens&) = delete;
  ~WipedTokens() { wipe(value); }
  TokenSet value;
};

SharedTokens shared(TokenSet tokens) {
  const auto whole = std::make_shared<WipedTokens>(std::move(tokens));
  return {whole, &whole->value};
}

std::int64_t seconds(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

void TokenStates::age(MonotonicTime now) {
  latest_ = std::max(latest_, now);
  for (const Queue queue : {confirmed, unconfirmed, retired}) {
    while (!queues_.at(queue).empty()) {
      const TokenKey key = queues_.at(queue).front();
      if (entries_.at(key).until > latest_) break;
      expire(key, latest_);
    }
  }
  while (!tombstoneQueue_.empty()) {
    const auto tombstone = tombstones_.find(tombstoneQueue_.front());
    if (tombstone->second.until > latest_) break;
    erase(tombstone);
  }
}

const TokenStates::Entry* TokenStates::find(const TokenKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

void TokenStates::begin(const TokenKey& key, std::shared_ptr<InFlightRefresh> inFlightRefresh) {
  Entry& entry = at(key);
  assert(entry.state == TokenState::issued || entry.state == TokenState::failing || entry.leadsTo(key));
  enter(entry, TokenState::refreshing, inFlight, latest_, Seconds{0});
  entry.inFlight = std::move(inFlightRefresh);
  makeRoom();
}

void TokenStates::withdraw(const TokenKey& key, MonotonicTime now) {
  Entry& entry = refreshing(key);
  if (entry.failures.count > 0) {
    enter(entry, TokenState::failing, unconfirmed, now, options_.keepUnconfirmed);
  } else if (entry.predecessor) {
    enter(entry, TokenState::issued, unconfirmed, now, options_.keepUnconfirmed);
  } else {
    erase(entries_.find(key));
  }
}

void TokenStates::rotate(const TokenKey& key, TokenSet tokens, const TokenKey& successor, MonotonicTime now) {
  Entry& entry = refreshing(key);
  enter(entry, TokenState::rotated, unconfirmed, now, options_.keepUnconfirmed);
  entry.tokens = shared(std::move(tokens));
  entry.successor = successor;
  entry.isConfirmed = false;
  if (successor == key) entry.wasBrought = false;
  entry.failures = {};
  account(entry);
  makeRoom();
}

MonotonicTime TokenStates::fail(const TokenKey& key, std::optional<Seconds> retryAfter, MonotonicTime now) {
  Entry& entry = refreshing(key);
  enter(entry, TokenState::failing, unconfirmed, now, options_.keepUnconfirmed);
  TokenFailures& failures = entry.failures;
  if (failures.count == 0) failures.since = now;
  const Seconds own = std::min(longestPause, Seconds{1} * (1U << std::min(failures.count, doublings)));
  failures.pauseUntil = now + std::max(own, std::min(retryAfter.value_or(Seconds{0}), longestAsked));
  ++failures.count;
  return failures.pauseUntil;
}

void TokenStates::endGrant(const TokenKey& key, MonotonicTime now) {
  enter(refreshing(key), TokenState::invalidGrant, confirmed, now, options_.keep);
}

void TokenStates::retire(const TokenKey& key, MonotonicTime now) {
  Entry& entry = at(key);
  assert(entry.state == TokenState::refreshing || entry.state == TokenState::rotated);
  enter(entry, TokenState::retired, retired, now, options_.keepUnconfirmed);
}

void TokenStates::issue(const TokenKey& key, const TokenKey& predecessor, MonotonicTime now) {
  Entry& entry = at(key);
  entry.predecessor = predecessor;
  entry.wasBrought = false;
  if (entry.state == TokenState::refreshing) return;
  enter(entry, TokenState::issued, unconfirmed, now, options_.keepUnconfirmed);
  entry.failures = {};
  makeRoom();
}

std::optional<TokenKey> TokenStates::bring(const TokenKey& key, MonotonicTime now) {
  Entry& entry = entries_.at(key);
  if (std::exchange(entry.wasBrought, true)) return std::nullopt;
  // Where tokens do not rotate, a token is its own successor.
  if (entry.state == TokenState::rotated && entry.successor == key) confirm(key, key, now);
  return entry.predecessor;
}

std::optional<TokenKey> TokenStates::confirm(const TokenKey& key, const TokenKey& successor, MonotonicTime now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  Entry& entry = found->second;
  const bool isNews = entry.state == TokenState::rotated && entry.successor == successor && !entry.isConfirmed;
  if (!isNews) return std::nullopt;
  entry.isConfirmed = true;
  auto& queue = queues_.at(confirmed);
  queue.splice(queue.end(), queues_.at(entry.queue), entry.position);
  entry.queue = confirmed;
  entry.until = std::max(latest_, now) + options_.keep;
  return entry.predecessor;
}

void TokenStates::logOut(const TokenKey& key, TimePoint endedAt, MonotonicTime now) {
  const auto entry = entries_.find(key);
  if (entry != entries_.end() && entry->second.state != TokenState::refreshing) erase(entry);
  const auto known = tombstones_.find(key);
  if (known != tombstones_.end()) {
    endedAt = std::max(endedAt, known->second.endedAt);
    erase(known);
  }
  std::list<TokenKey> place = {key};  // first, so that without memory nothing has changed
  tombstones_.emplace(key, Tombstone{endedAt, std::max(latest_, now) + options_.keepUnconfirmed, place.begin()});
  tombstoneQueue_.splice(tombstoneQueue_.end(), place);
  bytes_ += tombstoneSize;
  makeRoom();
}

// In whole seconds, as sessions know their beginning. One of the same second may have begun before.
bool TokenStates::isLoggedOut(const TokenKey& key, std::optional<TimePoint> begun) const {
  if (tombstones_.empty()) return false;
  const auto tombstone = tombstones_.find(key);
  return tombstone != tombstones_.end() && (!begun || seconds(*begun) <= seconds(tombstone->second.endedAt));
}

void TokenStates::evict(const TokenKey& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.state == TokenState::refreshing) return;
  erase(found);
  ++evicted_;
}

TokenStates::Entry& TokenStates::at(const TokenKey& key) {
  const auto known = entries_.find(key);
  if (known != entries_.end()) return known->second;
  std::list<TokenKey> place = {key};  // first, so that without memory nothing has changed
  Entry& entry = entries_[key];
  entry.queue = inFlight;
  entry.position = place.begin();
  queues_[inFlight].splice(queues_[inFlight].end(), place);
  account(entry);
  return entry;
}

TokenStates::Entry& TokenStates::refreshing(const TokenKey& key) {
  Entry& entry = entries_.at(key);
  assert(entry.state == TokenState::refreshing);
  return entry;
}

void TokenStates::enter(Entry& entry, TokenState state, Queue queue, MonotonicTime now, Seconds time) {
  entry.state = state;
  entry.inFlight.reset();
  entry.tokens.reset();
  account(entry);
  queues_.at(queue).splice(queues_.at(queue).end(), queues_.at(entry.queue), entry.position);
  entry.queue = queue;
  entry.until = std::max(latest_, now) + time;
}

void TokenStates::account(Entry& entry) {
  bytes_ -= entry.bytes;
  entry.bytes = entrySize + (entry.tokens ? tokensSize + capacityOf(*entry.tokens) : 0);
  bytes_ += entry.bytes;
}

void TokenStates::expire(const TokenKey& key, MonotonicTime now) {
  const auto entry = entries_.find(key);
  const bool wasSpent = entry->second.state == TokenState::rotated && entry->second.successor != key;
  if (wasSpent && entry->second.isConfirmed) return retire(key, now);
  erase(entry);
}

void TokenStates::erase(Entries::iterator entry) {
  queues_.at(entry->second.queue).erase(entry->second.position);
  bytes_ -= entry->second.bytes;
  entries_.erase(entry);
}

void TokenStates::erase(Tombstones::iterator tombstone) {
  tombstoneQueue_.erase(tombstone->second.position);
  tombstones_.erase(tombstone);
  bytes_ -= tombstoneSize;
}

// What has the least to lose goes first, and of that what would end soonest: where a token leads to, how often it
// failed, or what has brought it; then that it was spent. What is in flight stays, since its answer would be lost. So
// do tombstones, which nobody's refreshing pushes out: only a later logout does, when they fill half of the table.
void TokenStates::makeRoom() {
  const auto isFull = [this] { return size() > options_.maxEntries || bytes_ > options_.maxBytes; };
  const auto tooMany = [this](std::size_t tombstones) {
    return tombstones > 1 &&
           (tombstones > options_.maxEntries / 2 || tombstones * tombstoneSize > options_.maxBytes / 2);
  };
  while (tooMany(tombstones_.size())) {
    erase(tombstones_.find(tombstoneQueue_.front()));
    ++evicted_;
  }
  for (const Queue queue : {confirmed, unconfirmed, retired}) {
    while (isFull() && !queues_.at(queue).empty()) evict(TokenKey(queues_.at(queue).front()));
  }
}

}  // namespace ironjar::detail
