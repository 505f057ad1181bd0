// Seals as some programs put them into a cookie: `Fe26.2%2A1%2A…`, with `*` and `~` percent-encoded.
#pragma once

#include <string>
#include <string_view>

namespace ironjar::detail {

// Whether a text begins as a seal that was encoded; the native format has nothing to encode.
[[nodiscard]] bool isEncodedSeal(std::string_view text);

// Such a text decoded, whatever its escapes stand for: the seal has to verify. Any other, and one with an escape that
// is none, as it is.
[[nodiscard]] std::string decodedSeal(std::string_view text);

}  // namespace ironjar::detail
