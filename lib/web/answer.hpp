// What ironjar answers by itself: a status, and a reason in JSON.
#pragma once

#include <string_view>

#include <ironjar/http.hpp>

namespace ironjar::detail {

[[nodiscard]] Response answer(int status, std::string_view reason);

}  // namespace ironjar::detail
