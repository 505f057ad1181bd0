// Cookies that an API or a token endpoint sets for us, the client, and wants back. They never mix with the browser's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <ironjar/http.hpp>

namespace ironjar::detail {

// A Cookie field's value (`a=1; b=2`): `held` with what the response's Set-Cookie fields change, as far as they are
// among `names`. An empty value or a Max-Age of 0 takes one out.
[[nodiscard]] std::string withCookiesOf(const Response& response, const std::vector<std::string>& names,
                                        std::string_view held);

// Two such values as one; of two cookies of one name the second's counts.
[[nodiscard]] std::string joinedCookies(std::string_view first, std::string_view second);

}  // namespace ironjar::detail
