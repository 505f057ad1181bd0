// How a seal travels: in one cookie where it fits, otherwise in chunks, with iron-session's numbers.
#pragma once

#include <cstddef>
#include <string_view>

#include <ironjar/types.hpp>

namespace ironjar::detail {

// iron-session's rule: the browser forgets a cookie a minute before its seal expires, and keeps one that never does for
// as long as a signed 32-bit number of seconds allows.
[[nodiscard]] Seconds maxAgeFor(Seconds ttl);

// Cookies of one name and of its chunks, one bit for each chunk.
struct CookieSet {
  bool whole = false;
  unsigned chunks = 0;

  friend bool operator==(const CookieSet&, const CookieSet&) = default;
};

struct SplitLimits {
  std::size_t attributesSize = 0;  // bytes of a Set-Cookie value behind `name=value`
  bool chunk = false;
  std::size_t maxCookieHeader = 0;
};

// All sizes are in bytes. Those that do not fit are told as well: an error names them.
struct Split {
  CookieSet written = {};         // none when the seal is empty or does not fit
  std::size_t wholeSize = 0;      // of the Set-Cookie value, were it one cookie
  std::size_t chunkOverhead = 0;  // of a chunk's Set-Cookie value without its part of the seal
  std::size_t chunkSize = 0;      // of the seal in every chunk but the last; 0: the overhead leaves no room
  std::size_t chunks = 0;         // how many it takes; 0 without room
  std::size_t chunksHeader = 0;   // of Cookie header that they take
};

[[nodiscard]] Split splitSeal(std::string_view cookieName, std::size_t sealSize, const SplitLimits& limits);

}  // namespace ironjar::detail
