// Cookies that an API or a token endpoint sets for us, the client, and wants back. They never mix with the browser's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/http.hpp>

namespace ironjar::detail {

// A Cookie field's value (`a=1; b=2`): `held` with what the response's Set-Cookie fields change, as far as they are
// among `names`. An empty value or a Max-Age of 0 takes one out.
[[nodiscard]] std::string withCookiesOf(const Response& response, const std::vector<std::string>& names,
                                        std::string_view held);

// What a response sets a cookie to: the last value that is none of a deletion, whatever its path, up to 16 KiB; nothing
// without one.
[[nodiscard]] std::optional<std::string> cookieSetBy(const Response& response, const std::string& name, TimePoint now);

// Two such values as one; of two cookies of one name the second's counts.
[[nodiscard]] std::string joinedCookies(std::string_view first, std::string_view second);

}  // namespace ironjar::detail
