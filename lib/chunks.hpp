// A seal that does not fit one cookie travels as `name.0`, `name.1`, …: names and rules of iron-session 9. No cookie
// holds a count, so none can lie about it; the seal's own MAC is what makes a reassembly safe.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/cookie.hpp>

namespace ironjar::detail {

inline constexpr std::size_t maxChunks = 4;

[[nodiscard]] std::string chunkName(std::string_view cookieName, std::size_t index);

using SealTest = bool (*)(std::string_view);

// Everything a Cookie header carries under a name, whole or in chunks, as far as it looks like a seal: what does not is
// somebody else's. Views into the header.
class Carried {
 public:
  Carried(std::string_view header, std::string_view cookieName, SealTest looksSealed);

  // Whether there was anything of that name, seal or not.
  [[nodiscard]] bool came() const { return came_; }
  [[nodiscard]] bool hasWhole() const { return !whole_.empty(); }
  // A chunk is ours when there is a first one.
  [[nodiscard]] bool hasChunk(std::size_t index) const { return !chunks_[0].empty() && !chunks_[index].empty(); }

  // Hands over every text that may be the seal, until one is accepted or 8 have been tried: the whole cookies in their
  // order, then the chunks joined, the longest run first (a stale last chunk must not hide the session). Of chunks that
  // came several times, first the copies of one rank, which were most likely set together, then every choice among
  // them. False when there were more than could be tried.
  bool offer(const std::function<bool(std::string_view)>& accepts) const;

 private:
  // How many chunks to join, and which copy of each.
  struct Choice {
    std::size_t run;
    std::array<std::size_t, maxChunks> copies;
  };
  [[nodiscard]] std::vector<Choice> choices() const;

  bool came_ = false;
  std::vector<std::string_view> whole_;
  std::array<std::vector<std::string_view>, maxChunks> chunks_;
};

}  // namespace ironjar::detail
