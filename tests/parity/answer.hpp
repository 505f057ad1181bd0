// Answers to the requests of `ironjar jsonl`, by two other ways into the library. Requests are well-formed here: what
// the command line makes of others is tested there.
#pragma once

#include <nlohmann/json.hpp>

namespace parity {

using Json = nlohmann::json;

[[nodiscard]] Json answerThroughCpp(const Json& request);
[[nodiscard]] Json answerThroughC(const Json& request);

}  // namespace parity
