// Recognises passwords that were typed by hand instead of drawn at random.
#pragma once

#include <string_view>

namespace ironjar::detail {

// Why a text of at least 32 characters (UTF-8) is easy to guess, as the end of a sentence; empty when it does not seem
// to be. Random texts do not seem to be, of whatever alphabet: see the derivation in the source.
[[nodiscard]] std::string_view guessable(std::string_view password);

}  // namespace ironjar::detail
