// Token endpoints of known providers, filled in with what their public documentation says about refreshing: URLs,
// whether a refresh token may be sent a second time when an answer was lost, how an ended login is spelled, what a
// revocation ends. lib/oauth/profiles.cpp has the table, with the source of each value.
//
// Example:
//   const ironjar::TokenEndpoint endpoint = ironjar::profiles::auth0(
//       "https://tenant.eu.auth0.com", ironjar::basicAuth("web", std::getenv("CLIENT_SECRET")));
#pragma once

#include <array>
#include <string_view>

#include <ironjar/token_endpoint.hpp>

namespace ironjar::profiles {

enum class Name {
  auth0,
  okta,
  entra,
  keycloak,
  cognito,
  google,
  gitHubApp,
  slack,
  atlassian,
  salesforce,
  dex,
  hydra,
  workos,
  supabase,
  fusionAuth,
};

// All of them, in that order.
inline constexpr std::array<Name, 15> names = {Name::auth0,     Name::okta,       Name::entra,     Name::keycloak,
                                               Name::cognito,   Name::google,     Name::gitHubApp, Name::slack,
                                               Name::atlassian, Name::salesforce, Name::dex,       Name::hydra,
                                               Name::workos,    Name::supabase,   Name::fusionAuth};

// As its function is called: "auth0".
[[nodiscard]] std::string_view nameOf(Name name);

// What they return holds for the provider's default settings, and what is not documented has TokenEndpoint's default.
// Change what you have set otherwise: `endpoint.replay.grace` is Auth0's Rotation Overlap Period, Okta's grace period,
// Cognito's RetryGracePeriodSeconds, Dex's reuseInterval, Hydra's rotation_grace_period, FusionAuth's One-time use
// grace period. None sets `replay.strict`: where reuse ends a login, giving up would end it as well.
//
// They throw std::invalid_argument, saying what to write, for a URL that is not like the one shown: one that is not
// https (http on this machine is left to TokenEndpoint::allowHttpOnLoopback), has a path that the provider's has not,
// or lacks one. A slash at its end is left out.

// https://tenant.eu.auth0.com, or the tenant's own domain.
[[nodiscard]] TokenEndpoint auth0(std::string_view tenant, ClientAuth client);
// The authorization server: https://example.okta.com/oauth2/default, or https://example.okta.com/oauth2 for the
// organisation's own.
[[nodiscard]] TokenEndpoint okta(std::string_view authorizationServer, ClientAuth client);
// https://login.microsoftonline.com/contoso.onmicrosoft.com: the tenant by name or id. It has no revocation endpoint.
[[nodiscard]] TokenEndpoint entra(std::string_view tenant, ClientAuth client);
// https://id.example.com/realms/customers
[[nodiscard]] TokenEndpoint keycloak(std::string_view realm, ClientAuth client);
// https://example.auth.eu-central-1.amazoncognito.com, or the user pool's own domain.
[[nodiscard]] TokenEndpoint cognito(std::string_view userPoolDomain, ClientAuth client);
// Without a revocation URL: to revoke one token there withdraws all that the user has granted, on every device.
[[nodiscard]] TokenEndpoint google(ClientAuth client);
// https://github.com, or a GitHub Enterprise Server. For GitHub Apps whose user access tokens expire.
[[nodiscard]] TokenEndpoint gitHubApp(std::string_view server, ClientAuth client);
// For apps with token rotation.
[[nodiscard]] TokenEndpoint slack(ClientAuth client);
// OAuth 2.0 (3LO).
[[nodiscard]] TokenEndpoint atlassian(ClientAuth client);
// https://example.my.salesforce.com
[[nodiscard]] TokenEndpoint salesforce(std::string_view myDomain, ClientAuth client);
// The issuer: https://dex.example.com/dex
[[nodiscard]] TokenEndpoint dex(std::string_view issuer, ClientAuth client);
// The public URL: https://hydra.example.com
[[nodiscard]] TokenEndpoint hydra(std::string_view publicUrl, ClientAuth client);
// AuthKit. The client's secret is the API key.
[[nodiscard]] TokenEndpoint workos(ClientAuth client);
// https://project.supabase.co; the anonymous or publishable key, which is no secret. Null or empty is refused.
[[nodiscard]] TokenEndpoint supabase(std::string_view project, const char* apiKey);
// https://id.example.com
[[nodiscard]] TokenEndpoint fusionAuth(std::string_view server, ClientAuth client);

}  // namespace ironjar::profiles
