// What an API wants with a 401 (RFC 9110 section 11.6.1): scopes (RFC 6750), a stronger or a fresh login (RFC 9470),
// claims (Microsoft Entra). performFetch hands such answers over as they are: newer tokens would not meet them.
//
// Example:
//   for (const ironjar::Challenge& challenge : ironjar::challengesIn(response)) {
//     if (ironjar::findHeader(challenge.parameters, "error") == "insufficient_user_authentication") {
//       std::cout << "sign in with " << ironjar::findHeader(challenge.parameters, "acr_values").value_or("more") <<
//       '\n';
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

// The challenges of all WWW-Authenticate fields, in order. Total: of a field that is not well-formed, what stands
// before its first fault. A challenge has a token (RFC 9110's token68) or parameters.
[[nodiscard]] std::vector<Challenge> challengesIn(const Response& response);

}  // namespace ironjar
