// The numbers of this layer that are policy: what is not an option, and what could be another number.
#pragma once

#include <ironjar/types.hpp>

namespace ironjar::detail {

// A session that began later than this from now has not told the truth about its beginning.
inline constexpr Seconds longestSkew{60};

}  // namespace ironjar::detail
