// The 16,384 slots of a Redis Cluster: which slot a key is in, and which node has it. Pure.
#pragma once

#include "redis/reply.hpp"
#include "redis/stream.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ironjar::detail {

inline constexpr std::size_t slotCount = 16'384;
using Slot = std::uint16_t;

// Of the key's hash tag, what stands between its first `{` and the next `}`, or of all of it when there is none.
[[nodiscard]] Slot slotOf(std::string_view key);

class SlotMap {
 public:
  // What CLUSTER SLOTS answers: ranges, each with its master in front. A master without a host is the node that has
  // answered, at the port that is named. Errc::malformed for an answer that cannot be: ranges outside of the slots or
  // two that overlap, more nodes than mostNodes, no range at all.
  [[nodiscard]] static Result<SlotMap> read(const Reply& reply, const RedisEndpoint& answered);

  // Nothing for a slot that nobody has.
  [[nodiscard]] std::optional<RedisEndpoint> ownerOf(Slot slot) const;
  // As a node has said that was asked for it. False when there are too many nodes already.
  [[nodiscard]] bool assign(Slot slot, const RedisEndpoint& owner);
  [[nodiscard]] const std::vector<RedisEndpoint>& nodes() const { return nodes_; }

 private:
  static constexpr std::uint16_t nobody = 0xffff;

  [[nodiscard]] std::optional<std::uint16_t> numberOf(const RedisEndpoint& node);
  [[nodiscard]] std::optional<Error> readRange(const Reply& range, const RedisEndpoint& answered);

  std::vector<RedisEndpoint> nodes_;  // masters
  std::vector<std::uint16_t> owners_ = std::vector<std::uint16_t>(slotCount, nobody);
};

// An answer that sends the command elsewhere: `MOVED slot host:port` for good, `ASK slot host:port` this time. Without
// a host it is that of the node which has answered. Nothing for what is no such answer, or cannot be.
struct Redirection {
  enum class Kind { moved, ask };
  Kind kind = Kind::moved;
  Slot slot = 0;
  RedisEndpoint to;
};
[[nodiscard]] std::optional<Redirection> redirectionIn(const Reply& error, const RedisEndpoint& answered);

}  // namespace ironjar::detail
