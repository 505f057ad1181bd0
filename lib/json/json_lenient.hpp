// JSON as clients read what servers write. What is sealed is read strictly (json.hpp); here a refusal loses a login.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <ironjar/error.hpp>
#include <ironjar/types.hpp>

namespace ironjar::detail {

// Where a member is that somebody wants.
struct JsonPlace {
  std::string pointer;  // RFC 6901, not empty
  bool isExact = true;  // two of it, or of a member on the way to it, or a text that JSON cannot hold are an error
};

// The members at these places, and the containers around them: all else in the text is left out. A container at a place
// is there, with what other places name in it; an array with its texts, numbers and words, and null for the others. Of
// a place that is not exact the last one counts.
//
// Total, linear in the text, and as deep as the pointers are. Errc::malformed for what is no JSON. All that is left out
// may be nested without bound, come twice, and have numbers of any size; in texts there any byte may stand. A byte
// order mark is skipped, bytes that are no UTF-8 and lone surrogates become U+FFFD, a number out of range is infinite.
[[nodiscard]] Result<Json> parseLenientJson(std::string_view text, const std::vector<JsonPlace>& places);

[[nodiscard]] std::string_view withoutByteOrderMark(std::string_view text);
// Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string asUtf8(std::string_view text);

}  // namespace ironjar::detail
