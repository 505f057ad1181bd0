// What the rest of the library asks of a TokenEndpoint.
#pragma once

#include "http/field.hpp"

#include <exception>

#include <ironjar/token_endpoint.hpp>

namespace ironjar::detail {

// Checks that the fetch layer makes at start-up. Throw std::invalid_argument with what to change.
void requireValid(const TokenEndpoint& endpoint);
void requireValidBesidesUrl(const TokenEndpoint& endpoint);  // which a function takes the place of

// The POST with these fields and the client's authentication. Throws as refreshRequest does.
[[nodiscard]] Request tokenRequest(const TokenEndpoint& endpoint, Headers fields);

// A request that `make` makes, which may ask the application's function for credentials. Errc::notAllowed when that
// throws or gives what no body can hold (what it says is not passed on: it may hold a secret), Errc::refreshFailed for
// tokens that no header can hold.
template <class Make>
[[nodiscard]] Result<Request> authenticated(const Make& make) {
  try {
    Request request = make();
    if (isSendable(request)) return request;
    return fail(Errc::refreshFailed, "tokens or credentials cannot stand in a header");
  } catch (const std::exception&) {
    return fail(Errc::notAllowed, "the client's credentials cannot be sent, or their function has thrown");
  }
}

}  // namespace ironjar::detail
