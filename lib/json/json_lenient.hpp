// JSON as clients read what servers write. What is sealed is read strictly (json.hpp); here a refusal loses a login.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <ironjar/error.hpp>
#include <ironjar/types.hpp>

namespace ironjar::detail {

// As parseJson(); but a byte order mark is skipped, bytes that are no UTF-8 become U+FFFD, and a key that is twice in
// an object is an error (Errc::malformed) only if it is one of `exact`: of others the last counts.
[[nodiscard]] Result<Json> parseLenientJson(std::string_view text, const std::vector<std::string>& exact);

[[nodiscard]] std::string_view withoutByteOrderMark(std::string_view text);
// Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string asUtf8(std::string_view text);

}  // namespace ironjar::detail
