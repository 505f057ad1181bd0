// Places of this site that a browser may be sent to.
#pragma once

#include <string>
#include <string_view>

namespace ironjar::detail {

// A path of this site, with its query and fragment, or the fallback: nothing that a browser takes for another place.
[[nodiscard]] std::string safeReturnTo(std::string_view text, const std::string& fallback);

}  // namespace ironjar::detail
