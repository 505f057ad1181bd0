// serializeCookie with less than its promises, for those who answer as another library does.
#pragma once

#include <string>
#include <string_view>

#include <ironjar/cookie.hpp>

namespace ironjar::detail {

// What a name's prefix promises, and what SameSite=None and Partitioned demand: browsers do not keep a cookie
// otherwise.
enum class Promises { required, ignored };

[[nodiscard]] Result<std::string> serializeCookie(std::string_view name, std::string_view value,
                                                  const CookieOptions& options, Promises promises);

}  // namespace ironjar::detail
