// simdjson, as long as it is there: at the end of a thread or of the program, destructors of the application's may run
// after simdjson's own, and may still have a session to open or to seal.
#pragma once

#include <string_view>

namespace simdjson::dom {
class parser;
}

namespace ironjar::detail {

// False once the program ends and what simdjson has chosen for this machine is destroyed: it must not be called then.
[[nodiscard]] bool hasSimdjson();

// This thread's parser; null once the thread has destroyed it. hasSimdjson() must hold.
[[nodiscard]] simdjson::dom::parser* threadParser();

// Whether the text is UTF-8; at any time.
[[nodiscard]] bool isUtf8(std::string_view text);

}  // namespace ironjar::detail
