// From an answer of performFetch's to the login that it wants, and back to where the user was: when the login is over
// or was lost, and when an API wants a stronger or a more recent one (RFC 9470).
//
// Example:
//   const auto accounts = fetcher.performFetch(session, {.url = "https://api.example.com/accounts"});
//   if (const auto wanted = ironjar::loginFor(accounts, session, request)) {
//     response = {.status = 303, .headers = {{"Location", ironjar::loginTarget(*wanted)}}};
//   }
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <ironjar/login.hpp>

namespace ironjar {

// Nothing when the answer is not about the login, which includes errors that pass. `returnTo` is the request's target
// for GET; for another method the page that it came from, by Referer, if that is this host's; else empty. Pure.
// - Errc::loginRequired and Errc::expired: any login.
// - A 401 whose challenge has `error="insufficient_user_authentication"` (RFC 9470 section 3): its `acr_values` and
//   `max_age`.
// Nothing, too, for a session that is signed in, or was until now, and began within a minute: what the provider has
// just given is not enough, and asking once more would lead a browser round for ever. The answer is the page's to show.
[[nodiscard]] std::optional<LoginRequest> loginFor(const Result<Response>& answer, const Session& session,
                                                   const WebRequest& request, TimePoint now = systemClock());

// Where a browser has to go for it: `/login?returnTo=%2Forders&acr_values=mfa&max_age=300`. For links, and for a page
// whose script gets it: {"reason": "step_up_required", "login": "/login?…"}. Has returnTo, prompt, maxAge and
// acrValues.
[[nodiscard]] std::string loginTarget(const LoginRequest& request, std::string_view loginPath = "/login");
// And what it has asked for: for LoginRouteOptions::attempt. Whoever makes a link can have a user asked for a login
// like that, no more: parameters of other names or shapes are left out, and returnTo is the routes' to read. With
// prompt=none a provider answers without a page, in an error when the user is not signed in there: LoginProblem's kind
// interactionRequired.
[[nodiscard]] LoginRequest loginRequestIn(const WebRequest& request);

}  // namespace ironjar
