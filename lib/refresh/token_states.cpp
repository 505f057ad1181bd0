#include "refresh/token_states.hpp"

#include "refresh/policy.hpp"

#include <algorithm>
#include <cassert>

namespace ironjar::detail {
namespace {

// What each takes in the tables at most: a node, and 86 bytes of slots, three in eight of which are in use at least.
// And what the tokens' memory takes beside the tokens.
constexpr std::size_t slotsSize = 86;
constexpr std::size_t entrySize = 320;
constexpr std::size_t tokensSize = 16;
constexpr std::size_t tombstoneSize = 192;

std::int64_t seconds(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::size_t bytesOf(const StoredTokens::Pointer& tokens) { return tokens ? tokensSize + tokens->size() : 0; }

}  // namespace

void TokenStates::age(MonotonicTime now) {
  latest_ = std::max(latest_, now);
  if (latest_ < nextEnd_) return;
  nextEnd_ = MonotonicTime::max();
  for (const Queue queue : {confirmed, unconfirmed, retired}) {
    Entries::Node* first = entries_.front(queue);
    for (; first && first->until() <= latest_; first = entries_.front(queue)) expire(*first);
    if (first) nextEnd_ = std::min(nextEnd_, first->until());
  }
  Tombstones::Node* first = tombstones_.front(0);
  for (; first && first->until() <= latest_; first = tombstones_.front(0)) erase(*first);
  if (first) nextEnd_ = std::min(nextEnd_, first->until());
}

const TokenStates::Entry* TokenStates::find(const TokenKey& key) const {
  const auto* node = entries_.find(key);
  return node ? &node->value : nullptr;
}

TokenStates::Link TokenStates::look(const TokenKey& key) const {
  const auto [node, note] = entries_.look(key);
  if (node == nullptr) return {};
  if (note.other) note.other->prefetch();
  return {note.isMarked ? nullptr : &node->value, note.other, note.next};
}

void TokenStates::begin(const TokenKey& key, std::shared_ptr<InFlightRefresh> inFlightRefresh) {
  Entries::Node& node = at(key);
  [[maybe_unused]] const TokenState state = node.value.state;
  assert(state == TokenState::issued || state == TokenState::failing || node.value.leadsTo(key));
  enter(node, TokenState::refreshing, inFlight, latest_, Seconds{0});
  node.value.inFlight = std::move(inFlightRefresh);
  makeRoom();
}

void TokenStates::withdraw(const TokenKey& key, MonotonicTime now) {
  Entries::Node& node = refreshing(key);
  if (node.value.failures.count > 0) {
    enter(node, TokenState::failing, unconfirmed, now, options_.keepUnconfirmed);
  } else if (node.value.predecessor) {
    enter(node, TokenState::issued, unconfirmed, now, options_.keepUnconfirmed);
  } else {
    erase(node);
  }
}

void TokenStates::rotate(const TokenKey& key, const TokenSet& tokens, const TokenKey& successor, MonotonicTime now) {
  Entries::Node& node = refreshing(key);
  StoredTokens::Pointer fresh = StoredTokens::make(successor, tokens);  // first: without memory nothing has changed
  enter(node, TokenState::rotated, unconfirmed, now, options_.keepUnconfirmed);
  bytes_ += bytesOf(fresh);
  Entry& entry = node.value;
  entry.tokens = std::move(fresh);
  entry.successor = successor;
  entry.isConfirmed = false;
  entry.wasBrought = successor != key && (entry.wasBrought || !entry.predecessor);
  note(node);
  entry.failures = {};
  makeRoom();
}

MonotonicTime TokenStates::fail(const TokenKey& key, std::optional<Seconds> retryAfter,
                                std::optional<MonotonicTime> othersSuccess, MonotonicTime now) {
  Entries::Node& node = refreshing(key);
  enter(node, TokenState::failing, unconfirmed, now, options_.keepUnconfirmed);
  TokenFailures& failures = node.value.failures;
  if (!failures.besideOthers && failures.failsBeside(othersSuccess)) failures.besideOthers = failures.last;
  failures.last = now;
  failures.wasAsked = retryAfter.value_or(Seconds{0}) > Seconds{0};
  const Seconds own = std::min(longestPause, Seconds{1} * (1U << std::min(failures.count, doublings)));
  failures.pauseUntil = now + std::max(own, std::min(retryAfter.value_or(Seconds{0}), longestAsked));
  ++failures.count;
  return failures.pauseUntil;
}

void TokenStates::endGrant(const TokenKey& key, MonotonicTime now) {
  enter(refreshing(key), TokenState::invalidGrant, confirmed, now, options_.keep);
}

void TokenStates::retire(const TokenKey& key, MonotonicTime now) {
  Entries::Node& node = known(key);
  assert(node.value.state == TokenState::refreshing || node.value.state == TokenState::rotated);
  if (node.value.state == TokenState::refreshing) node.value.successor = {};  // of an earlier call
  enter(node, TokenState::retired, retired, now, options_.keepUnconfirmed);
}

void TokenStates::issue(const TokenKey& key, const TokenKey& predecessor, bool leadsOn, MonotonicTime now) {
  Entries::Node& node = at(key);
  Entry& entry = node.value;
  entry.predecessor = predecessor;
  entry.wasBrought = false;
  if (entry.state == TokenState::refreshing) return;
  if (leadsOn && entry.state == TokenState::rotated && entry.successor != key) {
    entry.isConfirmed = false;
    note(node);
    return entries_.move(node, unconfirmed, until(now, options_.keepUnconfirmed));
  }
  enter(node, TokenState::issued, unconfirmed, now, options_.keepUnconfirmed);
  node.value.failures = {};
  makeRoom();
}

std::optional<TokenKey> TokenStates::bring(const TokenKey& key, MonotonicTime now) {
  Entries::Node& node = known(key);
  Entry& entry = node.value;
  if (std::exchange(entry.wasBrought, true)) return std::nullopt;
  note(node);
  // Where tokens do not rotate, a token is its own successor.
  if (entry.state == TokenState::rotated && entry.successor == key) confirm(key, key, now);
  return entry.predecessor;
}

std::optional<TokenKey> TokenStates::confirm(const TokenKey& key, const TokenKey& successor, MonotonicTime now) {
  Entries::Node* node = entries_.find(key);
  if (node == nullptr) return std::nullopt;
  Entry& entry = node->value;
  const bool isNews = entry.state == TokenState::rotated && entry.successor == successor && !entry.isConfirmed;
  if (!isNews) return std::nullopt;
  entry.isConfirmed = true;
  entries_.move(*node, confirmed, until(now, options_.keep));
  return entry.predecessor;
}

TimePoint TokenStates::renewLogout(const TokenKey& key, MonotonicTime now) {
  Tombstones::Node* const tombstone = tombstones_.find(key);
  assert(tombstone);
  tombstones_.move(*tombstone, 0, until(now, options_.keepUnconfirmed));
  return tombstone->value;
}

void TokenStates::logOut(const TokenKey& key, TimePoint endedAt, MonotonicTime now) {
  Entries::Node* entry = entries_.find(key);
  const bool stays =
      entry && (entry->value.state == TokenState::refreshing || entry->value.state == TokenState::invalidGrant);
  if (entry && !stays) erase(*entry);
  const MonotonicTime end = until(now, options_.keepUnconfirmed);
  Tombstones::Node* known = tombstones_.find(key);
  if (known) {
    tombstones_.move(*known, 0, end);
    known->value = std::max(known->value, endedAt);
    return;
  }
  tombstones_.insert(key, 0, end).value = endedAt;
  bytes_ += tombstoneSize;
  makeRoom();
}

// In whole seconds, as sessions know their beginning. One of the same second may have begun before.
bool TokenStates::isLoggedOut(const TokenKey& key, std::optional<TimePoint> begun) const {
  if (tombstones_.size() == 0) return false;
  const auto* tombstone = tombstones_.find(key);
  return tombstone && (!begun || seconds(*begun) <= seconds(tombstone->value));
}

void TokenStates::evict(const TokenKey& key) {
  Entries::Node* node = entries_.find(key);
  if (node == nullptr || node->value.state == TokenState::refreshing) return;
  erase(*node);
  ++evicted_;
}

TokenStates::Entries::Node& TokenStates::at(const TokenKey& key) {
  static_assert(sizeof(Entries::Node) + slotsSize <= entrySize);
  static_assert(sizeof(Tombstones::Node) + slotsSize <= tombstoneSize);
  if (Entries::Node* known = entries_.find(key)) return *known;
  Entries::Node& added = entries_.insert(key, inFlight, latest_);
  bytes_ += entrySize;
  return added;
}

TokenStates::Entries::Node& TokenStates::known(const TokenKey& key) {
  Entries::Node* node = entries_.find(key);
  assert(node);
  return *node;
}

TokenStates::Entries::Node& TokenStates::refreshing(const TokenKey& key) {
  Entries::Node& node = known(key);
  assert(node.value.state == TokenState::refreshing);
  return node;
}

// What the table's slot has of an entry, brought up to date.
void TokenStates::note(const Entries::Node& node) {
  const Entry& entry = node.value;
  entries_.setNote(node, {.isMarked = entry.isSettled(), .other = entry.tokens.get(), .next = hashOf(entry.successor)});
}

void TokenStates::enter(Entries::Node& node, TokenState state, Queue queue, MonotonicTime now, Seconds time) {
  bytes_ -= bytesOf(node.value.tokens);
  node.value.state = state;
  node.value.inFlight.reset();
  node.value.tokens.reset();
  note(node);
  entries_.move(node, queue, queue == inFlight ? MonotonicTime::max() : until(now, time));
}

MonotonicTime TokenStates::until(MonotonicTime now, Seconds time) {
  const MonotonicTime end = std::max(latest_, now) + time;
  nextEnd_ = std::min(nextEnd_, end);
  return end;
}

void TokenStates::expire(Entries::Node& node) {
  const Entry& entry = node.value;
  const bool wasSpent = entry.state == TokenState::rotated && entry.successor != node.key();
  if (wasSpent && entry.isConfirmed) return retire(node.key(), latest_);
  erase(node);
}

void TokenStates::erase(Entries::Node& node) {
  bytes_ -= entrySize + bytesOf(node.value.tokens);
  entries_.erase(node);
}

void TokenStates::erase(Tombstones::Node& tombstone) {
  tombstones_.erase(tombstone);
  bytes_ -= tombstoneSize;
}

// Evicts entries queue by queue: confirmed ones first, then unconfirmed ones, and retired ones last, since a forgotten
// retired token would be sent to the provider a second time. In each queue the one that expires first goes first. Calls
// in flight stay, since their answer would be lost. Tombstones are evicted only by later logouts, and only when they
// fill half of the table.
void TokenStates::makeRoom() {
  const auto isFull = [this] { return size() > options_.maxEntries || bytes_ > options_.maxBytes; };
  const auto tooMany = [this](std::size_t tombstones) {
    return tombstones > 1 &&
           (tombstones > options_.maxEntries / 2 || tombstones * tombstoneSize > options_.maxBytes / 2);
  };
  while (tooMany(tombstones_.size())) {
    erase(*tombstones_.front(0));
    ++evicted_;
  }
  for (const Queue queue : {confirmed, unconfirmed, retired}) {
    for (Entries::Node* first = entries_.front(queue); first && isFull(); first = entries_.front(queue)) {
      erase(*first);
      ++evicted_;
    }
  }
}

}  // namespace ironjar::detail
