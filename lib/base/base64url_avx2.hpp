// base64url, 32 characters at a time, on x86-64 machines that have AVX2. The beginning of a text only: what does not
// fill a step is left to the caller. Elsewhere nothing is done and all of it left.
#pragma once

#include "base/bytes.hpp"

#include <string_view>

namespace ironjar::detail {

[[nodiscard]] bool hasAvx2();

// How many bytes were encoded: a multiple of 24.
[[nodiscard]] std::size_t writeBase64urlAvx2(char* text, Bytes data);

// How many characters were decoded, a multiple of 32; badBase64url when one of them is not of the alphabet.
inline constexpr std::size_t badBase64url = static_cast<std::size_t>(-1);
[[nodiscard]] std::size_t decodeBase64urlAvx2(std::string_view text, MutableBytes out);

}  // namespace ironjar::detail
