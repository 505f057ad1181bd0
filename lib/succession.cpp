#include "succession.hpp"

#include "detail/secret.hpp"

namespace ironjar::detail {
namespace {

void wipe(TokenSet& tokens) {
  for (std::string* text : {&tokens.accessToken, &tokens.refreshToken, &tokens.cookies}) {
    detail::wipe(writable(text->data(), text->size()));
  }
  tokens = {};
}

}  // namespace

const Succession::Entry* Succession::find(const TokenKey& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  uses_.splice(uses_.end(), uses_, found->second.use);
  return &found->second;
}

void Succession::takeOff(const TokenKey& key, std::shared_ptr<Flight> flight) {
  forget(key);
  Entry& entry = at(key);
  entry.flight = std::move(flight);
  account(entry);
  makeRoom();
}

void Succession::succeed(const TokenKey& key, TokenSet tokens, const TokenKey& successor, MonotonicTime now) {
  // A token that is issued again is good again; and a chain never runs in a circle.
  const auto again = entries_.find(successor);
  if (successor != key && again != entries_.end() && again->second.fate != Fate::underWay) erase(again);
  Entry& entry = at(key);
  entry.fate = Fate::succeeded;
  entry.flight.reset();
  entry.tokens = std::move(tokens);
  entry.successor = successor;
  predecessors_[successor] = key;
  expireAt(entry, key, now + options_.keepUnconfirmed);
  account(entry);
  makeRoom();
}

void Succession::settle(const TokenKey& key, Fate fate, MonotonicTime now) {
  Entry& entry = at(key);
  if (entry.fate == Fate::succeeded) predecessors_.erase(entry.successor);
  entry.fate = fate;
  entry.flight.reset();
  wipe(entry.tokens);
  expireAt(entry, key, now + (fate == Fate::dead ? options_.keep : options_.keepUnconfirmed));
  account(entry);
  makeRoom();
}

void Succession::forget(const TokenKey& key) {
  const auto entry = entries_.find(key);
  if (entry != entries_.end()) erase(entry);
}

void Succession::confirm(const TokenKey& key, MonotonicTime now) {
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

void Succession::age(MonotonicTime now) {
  while (!expiries_.empty() && expiries_.begin()->first <= now) {
    const TokenKey key = expiries_.begin()->second;
    const auto entry = entries_.find(key);
    const bool rotated = entry->second.successor != key;
    if (entry->second.fate == Fate::succeeded && entry->second.confirmed && rotated) {
      settle(key, Fate::spent, now);
    } else {
      erase(entry);
    }
  }
}

Succession::Entry& Succession::at(const TokenKey& key) {
  const auto [position, isNew] = entries_.try_emplace(key);
  Entry& entry = position->second;
  if (isNew) {
    entry.expiry = expiries_.end();
    entry.use = uses_.insert(uses_.end(), key);
  }
  return entry;
}

void Succession::expireAt(Entry& entry, const TokenKey& key, MonotonicTime time) {
  if (entry.expiry != expiries_.end()) expiries_.erase(entry.expiry);
  entry.expiry = expiries_.emplace(time, key);
}

void Succession::account(Entry& entry) {
  constexpr std::size_t overhead = 512;  // of the maps' nodes, generously
  bytes_ -= entry.bytes;
  const TokenSet& tokens = entry.tokens;
  entry.bytes = overhead + tokens.accessToken.capacity() + tokens.refreshToken.capacity() + tokens.scope.capacity() +
                tokens.subject.capacity() + tokens.cookies.capacity();
  bytes_ += entry.bytes;
}

void Succession::erase(Entries::iterator position) {
  Entry& entry = position->second;
  const auto link = predecessors_.find(entry.successor);
  if (entry.fate == Fate::succeeded && link != predecessors_.end() && link->second == position->first) {
    predecessors_.erase(link);
  }
  if (entry.expiry != expiries_.end()) expiries_.erase(entry.expiry);
  uses_.erase(entry.use);
  bytes_ -= entry.bytes;
  wipe(entry.tokens);
  entries_.erase(position);
}

// The least recently used go first; never one that is under way, whose answer would be lost.
void Succession::makeRoom() {
  auto oldest = uses_.begin();
  while ((entries_.size() > options_.maxEntries || bytes_ > options_.maxBytes) && oldest != uses_.end()) {
    const auto entry = entries_.find(*oldest++);
    if (entry->second.fate != Fate::underWay) erase(entry);
  }
}

}  // namespace ironjar::detail
