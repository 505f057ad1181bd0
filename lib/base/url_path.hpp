// Paths as servers may come to read them: whatever is decoded once, twice or more often.
#pragma once

#include <string>
#include <string_view>

namespace ironjar::detail {

// Percent-decoded until nothing is left to decode, in one pass: `%252e`, `%2%65` and `%2e` are all `.`. What is no code
// stays.
[[nodiscard]] std::string decodedFully(std::string_view text);

// The same path for all spellings that servers may take for one: decoded fully, `\` as `/`, a segment's parameters
// (`;…`, and what stands behind `?`, `#` or NUL) taken off, empty and `.` segments removed, `..` resolved. A slash at
// the end stays; starts with one.
[[nodiscard]] std::string normalizedPath(std::string_view path);

}  // namespace ironjar::detail
