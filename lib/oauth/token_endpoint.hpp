// Checks that the fetch layer makes at start-up.
#pragma once

#include <ironjar/token_endpoint.hpp>

namespace ironjar::detail {

// Throws std::invalid_argument with what to change.
void requireValid(const TokenEndpoint& endpoint);
void requireValidBesidesUrl(const TokenEndpoint& endpoint);  // which a function takes the place of

}  // namespace ironjar::detail
