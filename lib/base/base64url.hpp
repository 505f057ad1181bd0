// base64url without padding (RFC 4648 section 5). It works on public text (a sealed token), so look-up tables are fine:
// their timing tells nothing that the cookie does not.
#pragma once

#include "base/bytes.hpp"

#include <string>
#include <string_view>

namespace ironjar::detail {

// The widest instructions that the machine has, chosen while running; `table` is what every machine can do.
enum class Base64urlBy { fastest, table };

[[nodiscard]] constexpr std::size_t base64urlSize(std::size_t bytes) { return (bytes * 4 + 2) / 3; }

// Writes base64urlSize(data.size()) characters and returns the end of them.
char* writeBase64url(char* text, Bytes data, Base64urlBy by = Base64urlBy::fastest);

// Appends to `text`.
void appendBase64url(std::string& text, Bytes data);

// Strict: only the canonical spelling decodes. False for any other character, for padding, for an impossible length and
// for unused bits that are not zero. `out` must have exactly the decoded size: base64urlDecodedSize(text.size()).
[[nodiscard]] constexpr std::size_t base64urlDecodedSize(std::size_t text) { return text / 4 * 3 + text % 4 * 3 / 4; }
[[nodiscard]] bool decodeBase64url(std::string_view text, MutableBytes out, Base64urlBy by = Base64urlBy::fastest);

}  // namespace ironjar::detail
