// Values by a token's key, each in one of a few queues. Each queue is in the order of its ends, as what is put there
// later ends later. However many there are, a look-up reads two places in memory: a slot, which has the key, and the
// front of the node that it names. In a large table each of them is a cache miss, so the slot also has a note, with
// which its owner can do without the node in the usual cases.
//
// Nodes stay where they are until they are erased; their memory is used again, and freed with the map. Its owner guards
// the map; only prefetch() may be called at any time.
#pragma once

#include "base/huge_pages.hpp"
#include "refresh/token_key.hpp"

#include <array>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include <ironjar/types.hpp>

namespace ironjar::detail {

template <class Value, std::size_t queueCount, class Other = void>
class AgedMap {
  using Index = std::uint32_t;
  static constexpr int indexBits = 31;
  static constexpr Index none = (Index{1} << indexBits) - 1;
  static constexpr std::size_t cacheLine = 64;

 public:
  // What a look-up reads is at its front.
  class alignas(cacheLine) Node {
   public:
    [[nodiscard]] const TokenKey& key() const { return key_; }
    [[nodiscard]] MonotonicTime until() const { return until_; }

   private:
    friend class AgedMap;
    MonotonicTime until_{};
    Index index_ = none;
    Index next_ = none;  // in its queue, or of those that are free
    Index previous_ = none;
    std::uint8_t queue_ = 0;

   public:
    Value value{};

   private:
    TokenKey key_{};
  };

  // What the owner has said of a value, known without its node: a mark, where something else that belongs to it is in
  // memory, and the hash of the key to look up next.
  struct Note {
    bool isMarked = false;
    const Other* other = nullptr;
    TokenHash next = 0;

    friend bool operator==(const Note&, const Note&) = default;
  };
  struct Found {
    const Node* node = nullptr;
    Note note = {};
  };

  [[nodiscard]] std::size_t size() const { return size_; }

  [[nodiscard]] const Node* find(const TokenKey& key) const {
    const std::size_t at = slotOf(key);
    return at == nowhere ? nullptr : &node(slots_[at].node);
  }
  [[nodiscard]] Node* find(const TokenKey& key) {
    const std::size_t at = slotOf(key);
    return at == nowhere ? nullptr : &node(slots_[at].node);
  }
  // As find(), and reads the slot only.
  [[nodiscard]] Found look(const TokenKey& key) const {
    const std::size_t at = slotOf(key);
    if (at == nowhere) return {};
    const Slot& slot = slots_[at];
    return {&node(slot.node), {.isMarked = slot.isMarked, .other = slot.other, .next = slot.next}};
  }
  // Each new value has an empty note.
  void setNote(const Node& noted, const Note& note) {
    Slot& slot = slots_[slotOf(noted.key_)];
    slot.other = note.other;
    slot.next = note.next;
    slot.isMarked = note.isMarked;
  }
  // Begins to read the slot at which the look-up of a key with this hash begins. Needs no lock: while another thread
  // has the table grow, the slot may be one of the old ones, and nothing is gained.
  void prefetch(TokenHash hash) const {
    const std::size_t lastSlot = lastSlot_.load(std::memory_order_acquire);
    const Slot* first = firstSlot_.load(std::memory_order_relaxed);
    if (first) __builtin_prefetch(first + (hash & lastSlot));
  }
  // The one that ends first.
  [[nodiscard]] Node* front(std::size_t queue) {
    const Index first = queues_.at(queue).first;
    return first == none ? nullptr : &node(first);
  }

  // At the end of a queue. The key must not be there yet. Without memory nothing has changed.
  Node& insert(const TokenKey& key, std::size_t queue, MonotonicTime until) {
    assert(slotOf(key) == nowhere);
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    if (free_ == none) addNodes();
    Node& added = node(free_);
    free_ = added.next_;
    added.key_ = key;
    put(Slot{.key = key, .node = added.index_ & none});
    link(added, queue, until);
    ++size_;
    return added;
  }
  // To the end of a queue.
  void move(Node& moved, std::size_t queue, MonotonicTime until) {
    unlink(moved);
    link(moved, queue, until);
  }
  void erase(Node& erased) {
    std::size_t hole = slotOf(erased.key_);
    // Those behind it that a look-up would not reach across a hole move up.
    for (std::size_t at = after(hole); slots_[at].node != none; at = after(at)) {
      if (wrapped(at - home(slots_[at].key)) < wrapped(at - hole)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = {};
    unlink(erased);
    erased.value = {};
    erased.next_ = free_;
    free_ = erased.index_;
    --size_;
  }

 private:
  // Two in a cache line, none in two of them.
  struct alignas(cacheLine / 2) Slot {
    TokenKey key{};
    const Other* other = nullptr;
    TokenHash next = 0;
    Index node : indexBits = none;
    bool isMarked : 1 = false;
  };
  static_assert(sizeof(Slot) == cacheLine / 2);
  using Slots = std::vector<Slot, HugePages<Slot>>;
  struct Queue {
    Index first = none;
    Index last = none;
  };
  static constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t fewestSlots = 16;
  static constexpr std::size_t chunkSize = 128;

  // The number of slots is a power of two.
  [[nodiscard]] std::size_t wrapped(std::size_t at) const { return at & (slots_.size() - 1); }
  [[nodiscard]] std::size_t after(std::size_t at) const { return wrapped(at + 1); }
  [[nodiscard]] std::size_t home(const TokenKey& key) const { return wrapped(hashOf(key)); }
  [[nodiscard]] Node& node(Index index) { return chunks_[index / chunkSize][index % chunkSize]; }
  [[nodiscard]] const Node& node(Index index) const { return chunks_[index / chunkSize][index % chunkSize]; }

  [[nodiscard]] std::size_t slotOf(const TokenKey& key) const {
    if (slots_.empty()) return nowhere;
    for (std::size_t at = home(key); slots_[at].node != none; at = after(at)) {
      if (slots_[at].key == key) return at;
    }
    return nowhere;
  }
  void put(const Slot& slot) {
    std::size_t at = home(slot.key);
    while (slots_[at].node != none) at = after(at);
    slots_[at] = slot;
  }
  void grow() {
    Slots old(slots_.empty() ? fewestSlots : slots_.size() * 2);
    old.swap(slots_);
    firstSlot_.store(slots_.data(), std::memory_order_relaxed);
    lastSlot_.store(slots_.size() - 1, std::memory_order_release);  // second: never past the end of those at the first
    for (const Slot& slot : old) {
      if (slot.node != none) put(slot);
    }
  }
  void addNodes() {
    const auto first = static_cast<Index>(chunks_.size() * chunkSize);
    chunks_.push_back(std::make_unique<Node[]>(chunkSize));
    for (Index index = first + chunkSize; index-- > first;) {
      node(index).index_ = index;
      node(index).next_ = free_;
      free_ = index;
    }
  }

  void link(Node& linked, std::size_t queue, MonotonicTime until) {
    Queue& into = queues_.at(queue);
    linked.until_ = until;
    linked.queue_ = static_cast<std::uint8_t>(queue);
    linked.next_ = none;
    linked.previous_ = into.last;
    (into.last == none ? into.first : node(into.last).next_) = linked.index_;
    into.last = linked.index_;
  }
  void unlink(Node& unlinked) {
    Queue& from = queues_.at(unlinked.queue_);
    (unlinked.previous_ == none ? from.first : node(unlinked.previous_).next_) = unlinked.next_;
    (unlinked.next_ == none ? from.last : node(unlinked.next_).previous_) = unlinked.previous_;
  }

  Slots slots_;
  std::atomic<const Slot*> firstSlot_ = nullptr;  // and the last one's number, for prefetch()
  std::atomic<std::size_t> lastSlot_ = 0;
  std::vector<std::unique_ptr<Node[]>> chunks_;
  std::array<Queue, queueCount> queues_;
  Index free_ = none;
  std::size_t size_ = 0;
};

}  // namespace ironjar::detail
