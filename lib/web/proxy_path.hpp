// Paths on both sides of a proxy.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ironjar::detail {

// The part of the target behind the prefix; nothing when the target only decodes to something below the prefix.
[[nodiscard]] std::optional<std::string_view> behindPrefix(std::string_view target, std::string_view prefix);

struct ProxiedPart {
  std::string prefix;  // on this site; without a slash at its end
  std::string origin;  // of the upstream
  std::string path;    // likewise: what stands for the prefix
};

// Where a Location of the upstream's is on this site. `rest` is what the request had behind the prefix. Nothing for
// what is elsewhere, or cannot be told.
[[nodiscard]] std::optional<std::string> mappedLocation(std::string_view location, const ProxiedPart& part,
                                                        std::string_view rest);

}  // namespace ironjar::detail
