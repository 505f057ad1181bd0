#include "cookie/split.hpp"

#include "cookie/chunks.hpp"

namespace ironjar::detail {

Seconds maxAgeFor(Seconds ttl) {
  constexpr Seconds margin{60};
  if (ttl == Seconds{0}) return Seconds{2147483647};
  return ttl > margin ? ttl - margin : ttl;
}

Split splitSeal(std::string_view cookieName, std::size_t sealSize, const SplitLimits& limits) {
  constexpr std::size_t equals = 1;
  constexpr std::size_t suffix = 2;     // `.0`
  constexpr std::size_t separator = 2;  // `; `
  const std::size_t chunkName = cookieName.size() + suffix + equals;
  Split split{.wholeSize = cookieName.size() + equals + sealSize + limits.attributesSize,
              .chunkOverhead = chunkName + limits.attributesSize};
  if (sealSize == 0) return split;
  if (split.chunkOverhead < maxCookieSize) {
    split.chunkSize = maxCookieSize - split.chunkOverhead;
    split.chunks = (sealSize + split.chunkSize - 1) / split.chunkSize;
    split.chunksHeader = sealSize + split.chunks * chunkName + (split.chunks - 1) * separator;
  }
  if (split.wholeSize <= maxCookieSize && cookieName.size() + equals + sealSize <= limits.maxCookieHeader) {
    split.written.whole = true;
  } else if (limits.chunk && split.chunks != 0 && split.chunks <= maxChunks &&
             split.chunksHeader <= limits.maxCookieHeader) {
    split.written.chunks = (1U << split.chunks) - 1;
  }
  return split;
}

}  // namespace ironjar::detail
