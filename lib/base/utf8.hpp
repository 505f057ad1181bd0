// UTF-8 (RFC 3629), strictly.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace ironjar::detail {

// How many UTF-16 code units the text takes, which is JavaScript's `length`; nothing when it is not UTF-8.
[[nodiscard]] std::optional<std::size_t> utf16Length(std::string_view text);

}  // namespace ironjar::detail
