// The fake provider as one of ironjar::profiles: how it rotates and how it says that a login is over, by its public
// documentation and with its default settings. What is not documented is as strict as it may be.
//
// Example:
//   const ironjar::TokenEndpoint endpoint =
//       ironjar::profiles::atlassian(ironjar::postAuth("web", std::getenv("CLIENT_SECRET")));
//   ironjar::testing::Provider provider(ironjar::testing::providerFor(endpoint),
//                                       ironjar::testing::behaviourOf(ironjar::profiles::Name::atlassian));
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include <ironjar/profiles.hpp>
#include <ironjar/testing/behaviour.hpp>
#include <ironjar/testing/provider.hpp>
#include <ironjar/testing/text.hpp>

namespace ironjar::testing {

namespace detail {

inline Response answerOf(int status, const Json& body) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = body.dump()};
}

// It gives access tokens for a refresh token that stays the same and is not sent again.
inline ProviderBehaviour withoutRotation() { return {.rotation = Rotation::none, .omitRefreshToken = true}; }

}  // namespace detail

// At the endpoint's URLs.
[[nodiscard]] inline ProviderOptions providerFor(const TokenEndpoint& endpoint) {
  ProviderOptions options{.origin = detail::originOf(endpoint.url)};
  options.tokenPath = detail::pathOf(endpoint.url);
  if (!endpoint.revocationUrl.empty()) options.revocationPath = detail::pathOf(endpoint.revocationUrl);
  return options;
}

// The sources are in lib/oauth/profiles.cpp.
[[nodiscard]] inline ProviderBehaviour behaviourOf(profiles::Name name) {
  using profiles::Name;
  const Response forbidden = detail::answerOf(403, {{"error", "invalid_grant"}});
  ProviderBehaviour behaviour;
  switch (name) {
    case Name::auth0:
      return {.rotation = Rotation::strict, .endedGrant = forbidden};
    case Name::okta:
      return {.rotation = Rotation::graceNewChild, .grace = Seconds{30}};
    case Name::entra:  // the tokens before stay good
      return {.rotation = Rotation::graceNewChild, .grace = std::chrono::hours{24}};
    case Name::keycloak:  // as with Revoke Refresh Token
    case Name::hydra:
      return {.rotation = Rotation::strict};
    case Name::cognito:
    case Name::google:
      return detail::withoutRotation();
    case Name::salesforce:
      behaviour = detail::withoutRotation();
      behaviour.omitExpiresIn = true;
      return behaviour;
    case Name::fusionAuth:
      return {.rotation = Rotation::none};
    case Name::gitHubApp:
      return {.rotation = Rotation::singleUse,
              .endedGrant = detail::answerOf(200, {{"error", "bad_refresh_token"}}),
              .formAnswers = true};
    case Name::slack:
      return {.rotation = Rotation::singleUse,
              .endedGrant = detail::answerOf(200, {{"ok", false}, {"error", "invalid_refresh_token"}})};
    case Name::atlassian:
      return {.rotation = Rotation::graceNewChild, .grace = std::chrono::minutes{10}, .endedGrant = forbidden};
    case Name::dex:
      return {.rotation = Rotation::singleUse, .endedGrant = detail::answerOf(400, {{"error", "invalid_request"}})};
    case Name::workos:
      return {.rotation = Rotation::graceSamePair, .grace = Seconds{30}, .omitExpiresIn = true};
    case Name::supabase:
      return {.rotation = Rotation::untilConfirmed,
              .grace = Seconds{10},
              .endedGrant = detail::answerOf(400, {{"code", 400},
                                                   {"error_code", "refresh_token_already_used"},
                                                   {"msg", "Invalid Refresh Token: Already Used"}})};
  }
  throw std::invalid_argument("ironjar: behaviourOf: no such name");
}

}  // namespace ironjar::testing
