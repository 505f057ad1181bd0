// What an API wants with a 401 (RFC 9110 section 11.6.1): scopes (RFC 6750), a stronger or a fresh login (RFC 9470),
// claims (Microsoft Entra). performFetch hands such answers over as they are: newer tokens would not meet them.
//
// Example:
//   for (const auto& [scheme, token, parameters] : ironjar::challengesIn(response)) {
//     if (ironjar::findHeader(parameters, "error") == "insufficient_user_authentication") {
//       std::cout << ironjar::findHeader(parameters, "acr_values").value_or("any login that is recent") << '\n';
//     }
//   }
#pragma once

#include <string>
#include <vector>

#include <ironjar/http.hpp>

namespace ironjar {

struct Challenge {
  std::string scheme;  // `Bearer`, `DPoP`, as it is written: compare it without regard to case
  std::string token = {};
  Headers parameters = {};  // names and values, unquoted, in order; findHeader() finds one
};

// The challenges of all WWW-Authenticate fields, in order. Total: a field that is not well-formed is read up to its
// first fault, and so is one that brings more than 100 challenges in all, or 100 parameters of one. A challenge has a
// token (RFC 9110's token68), or parameters, or neither.
[[nodiscard]] std::vector<Challenge> challengesIn(const Response& response);

}  // namespace ironjar
