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

// Everything a Cookie header carries under a name, whole or in chunks; views into the header. Empty values do not
// count.
class Carried {
 public:
  Carried(std::string_view header, std::string_view cookieName);

  [[nodiscard]] bool isEmpty() const;
  [[nodiscard]] bool hasWhole(bool (*looksSealed)(std::string_view)) const;
  [[nodiscard]] bool hasChunk(std::size_t index) const { return !chunks_[index].empty(); }

  // Hands over every text that looks like a seal, until one is accepted or 8 have been tried: the whole cookies in
  // their order, then the chunks joined, the longest run first (a stale last chunk must not hide the session), and for
  // chunks that came several times every choice among them, those of one rank first. False when there were more than
  // could be tried.
  bool offer(bool (*looksSealed)(std::string_view), const std::function<bool(std::string_view)>& accepts) const;

 private:
  // How many chunks to join, and which copy of each.
  struct Choice {
    std::size_t run;
    std::array<std::size_t, maxChunks> copies;
  };
  [[nodiscard]] std::vector<Choice> choices() const;

  std::vector<std::string_view> whole_;
  std::array<std::vector<std::string_view>, maxChunks> chunks_;
};

}  // namespace ironjar::detail
