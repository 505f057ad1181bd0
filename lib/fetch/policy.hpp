// The numbers of this layer that are policy: what is not an option, and what could be another number.
#pragma once

#include <ironjar/types.hpp>

namespace ironjar::detail {

// Of the time before a token's end at which it is refreshed: requests that find the same token due must not all come at
// the same moment.
inline constexpr double leastSpread = 0.8;
inline constexpr double mostSpread = 1.2;

// A 401 leads from tokens to newer ones that are known, as often as other requests may have refreshed meanwhile.
inline constexpr unsigned mostCatchingUp = 8;

}  // namespace ironjar::detail
