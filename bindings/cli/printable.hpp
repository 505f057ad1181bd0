// Text that comes from outside, for a terminal. Terminals act on control characters (C0, DEL, C1), also on those that
// stand in their UTF-8; characters that turn the direction of writing make a text look like another.
#pragma once

#include <string>
#include <string_view>

namespace ironjar::cli {

// The same JSON: its strings hold such characters as escapes. Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string printableJson(std::string_view json);
// One line of text, where nothing reads the escapes again.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace ironjar::cli
