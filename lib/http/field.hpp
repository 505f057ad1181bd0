// What may stand in an HTTP request without starting another field or another request (RFC 9110 section 5).
#pragma once

#include <ironjar/http.hpp>

namespace ironjar::detail {

[[nodiscard]] bool isToken(std::string_view text);  // a field's name, a method
[[nodiscard]] bool isFieldValue(std::string_view text);
[[nodiscard]] bool isSendable(const Headers& headers);
[[nodiscard]] bool isSendable(const Request& request);  // its method and headers

}  // namespace ironjar::detail
