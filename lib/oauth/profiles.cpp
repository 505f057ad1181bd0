#include "base/url.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include <ironjar/profiles.hpp>

namespace ironjar::profiles {
namespace {

// What a provider's URL looks like behind its origin.
enum class Path {
  none,    // an origin
  tenant,  // one segment
  realm,   // ends in /realms/ and a name
  oauth2,  // ends in /oauth2, or in that and a name
  any,     // an issuer's, or none
  fixed,   // the provider has one URL: Profile::base
};

struct Profile {
  Name name;
  std::string_view function;
  Path path;
  std::string_view base;  // an example, or the one that there is
  std::string_view token;
  std::string_view revocation = {};
  Seconds grace{0};
  std::array<std::string_view, 4> furtherErrors = {};  // beside invalid_grant
  RevokeReplaced revokeReplaced = RevokeReplaced::otherUsers;
  BodyStyle body = BodyStyle::form;
};

// A refresh token that stays good: asking again is safe for as long as any call may take.
constexpr Seconds whileItLives{3600};

// Sources as they stood in 2026-11. "Unsure": the documentation does not say, or a tenant's setting decides of which
// the default is not documented; the value is TokenEndpoint's.
constexpr std::array<Profile, names.size()> table = {
    {// URLs: https://auth0.com/docs/api/authentication
     // Grace: "By default leeway is disabled", rotation is a setting:
     //   https://auth0.com/docs/secure/tokens/refresh-tokens/configure-refresh-token-rotation
     // 403 with invalid_grant, "Unknown or invalid refresh token.": https://support.auth0.com/center/s/article/
     //   troubleshoot-refresh-token-unknown-or-invalid-before-expiry-403-unknown-or-invalid-refresh-token
     // Revocation: tenants made before 2021-01-13 delete the user's grant with it, so not `always`:
     //   https://auth0.com/docs/secure/tokens/refresh-tokens/revoke-refresh-tokens
     {.name = Name::auth0,
      .function = "auth0",
      .path = Path::none,
      .base = "https://tenant.eu.auth0.com",
      .token = "/oauth/token",
      .revocation = "/oauth/revoke"},
     // Grace: after rotation the previous token stays valid for `leeway`, 30 s by default:
     //   https://github.com/okta/okta-sdk-dotnet/blob/master/docs/OpenIdConnectApplicationSettingsRefreshToken.md
     // URLs; a revocation ends the refresh token and the access token associated with it:
     //   https://developer.okta.com/docs/guides/revoke-tokens/revokeatrt/
     {.name = Name::okta,
      .function = "okta",
      .path = Path::oauth2,
      .base = "https://example.okta.com/oauth2/default",
      .token = "/v1/token",
      .revocation = "/v1/revoke",
      .grace = Seconds{30},
      .revokeReplaced = RevokeReplaced::always},
     // URL: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
     // Grace: "doesn't revoke old refresh tokens when used to fetch new access tokens":
     //   https://learn.microsoft.com/entra/identity-platform/refresh-tokens
     // interaction_required: the user has to sign in again:
     //   https://learn.microsoft.com/javascript/api/@azure/msal-node/interactionrequiredautherrorcodes
     // Revocation: no RFC 7009 endpoint is documented.
     {.name = Name::entra,
      .function = "entra",
      .path = Path::tenant,
      .base = "https://login.microsoftonline.com/contoso.onmicrosoft.com",
      .token = "/oauth2/v2.0/token",
      .grace = whileItLives,
      .furtherErrors = {"interaction_required"}},
     // URLs: https://www.keycloak.org/securing-apps/oidc-layers
     // Grace, unsure: Revoke Refresh Token is the realm's setting:
     //   https://www.keycloak.org/docs/latest/server_admin/#_timeouts
     // Revocation, unsure: one user's logins may share a session.
     {.name = Name::keycloak,
      .function = "keycloak",
      .path = Path::realm,
      .base = "https://id.example.com/realms/customers",
      .token = "/protocol/openid-connect/token",
      .revocation = "/protocol/openid-connect/revoke"},
     // URL: https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html
     // Grace: with rotation disabled, "token refresh issues only ID and access tokens"; it has to be enabled:
     //   https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RefreshTokenRotationType.html
     // Revocation: the refresh token and the tokens that came of it:
     //   https://docs.aws.amazon.com/cognito/latest/developerguide/revocation-endpoint.html
     {.name = Name::cognito,
      .function = "cognito",
      .path = Path::none,
      .base = "https://example.auth.eu-central-1.amazoncognito.com",
      .token = "/oauth2/token",
      .revocation = "/oauth2/revoke",
      .grace = whileItLives,
      .revokeReplaced = RevokeReplaced::always},
     // URL, and answers without a refresh token:
     //   https://developers.google.com/identity/protocols/oauth2/web-server#offline
     // Grace: a refresh token is good until it is revoked, unused for six months or one of too many:
     //   https://developers.google.com/identity/protocols/oauth2#expiration
     // Revocation, left out: it ends all that the user has granted to the client:
     //   https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke
     {.name = Name::google,
      .function = "google",
      .path = Path::fixed,
      .base = "https://oauth2.googleapis.com",
      .token = "/token",
      .grace = whileItLives,
      .revokeReplaced = RevokeReplaced::never},
     // URL; "Once you use a refresh token, that refresh token and the old user access token will no longer work":
     //   https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens
     // A form, unless Accept asks for JSON: https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps/
     //   troubleshooting-oauth-app-access-token-request-errors
     // bad_refresh_token: https://github.com/orgs/community/discussions/24745; reported with status 200 and with 400,
     //   either is understood.
     // Revocation: none after RFC 7009.
     {.name = Name::gitHubApp,
      .function = "gitHubApp",
      .path = Path::none,
      .base = "https://github.com",
      .token = "/login/oauth/access_token",
      .furtherErrors = {"bad_refresh_token"}},
     // URL: https://docs.slack.dev/reference/methods/oauth.v2.access
     // Grace: "The refresh token is then revoked": https://docs.slack.dev/authentication/using-token-rotation
     // invalid_refresh_token: https://github.com/slackapi/node-slack-sdk/issues/2038; errors come with status 200 and
     //   "ok": false: https://github.com/slackhq/slack-api-docs/blob/master/index_web.md
     // Revocation: none after RFC 7009.
     {.name = Name::slack,
      .function = "slack",
      .path = Path::fixed,
      .base = "https://slack.com",
      .token = "/api/oauth.v2.access",
      .furtherErrors = {"invalid_refresh_token"}},
     // URL, a JSON body, "Reuse interval or leeway: 10 minutes", 403 with invalid_grant:
     //   https://developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens/
     // Revocation: none is documented.
     {.name = Name::atlassian,
      .function = "atlassian",
      .path = Path::fixed,
      .base = "https://auth.atlassian.com",
      .token = "/oauth/token",
      .grace = Seconds{600},
      .body = BodyStyle::json},
     // URL; rotation has to be enabled, by default a refresh token is used again:
     //   https://help.salesforce.com/apex/HTViewHelpDoc?id=remoteaccess_oauth_refresh_token_flow.htm
     // Revocation: the refresh token and all related access tokens; unsure whether another login of the user's may have
     //   the same: https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_revoke_token.htm
     {.name = Name::salesforce,
      .function = "salesforce",
      .path = Path::none,
      .base = "https://example.my.salesforce.com",
      .token = "/services/oauth2/token",
      .revocation = "/services/oauth2/revoke",
      .grace = whileItLives},
     // Rotation and reuseInterval, whose default is unsure: https://dexidp.io/docs/configuration/tokens/
     // invalid_request, 400, for a token that is unknown, spent or expired:
     //   https://github.com/dexidp/dex/blob/master/server/refreshhandlers.go
     // Revocation: none is documented.
     {.name = Name::dex,
      .function = "dex",
      .path = Path::any,
      .base = "https://dex.example.com/dex",
      .token = "/token",
      .furtherErrors = {"invalid_request"}},
     // URLs: https://www.ory.com/docs/hydra/reference/api
     // Grace: none unless rotation_grace_period is set: https://www.ory.com/docs/hydra/guides/graceful-token-refresh
     // token_inactive, 401, of older versions: https://github.com/ory/hydra/issues/3004; now invalid_grant. It says
     //   invalid_request of concurrent requests, which may be repeated:
     //   https://github.com/ory/hydra/blob/master/fosite/handler/oauth2/flow_refresh.go
     // Revocation: the token chain (same guide).
     {.name = Name::hydra,
      .function = "hydra",
      .path = Path::none,
      .base = "https://hydra.example.com",
      .token = "/oauth2/token",
      .revocation = "/oauth2/revoke",
      .furtherErrors = {"token_inactive"},
      .revokeReplaced = RevokeReplaced::always},
     // URL, JSON: https://workos.com/docs/reference/authkit/authentication/refresh-token
     // Grace: for 30 s a token that was exchanged gives the same new pair:
     //   https://workos.com/docs/authkit/session-resilience
     // Revocation: none after RFC 7009.
     {.name = Name::workos,
      .function = "workos",
      .path = Path::fixed,
      .base = "https://api.workos.com",
      .token = "/user_management/authenticate",
      .grace = Seconds{30},
      .body = BodyStyle::json},
     // Grace: the reuse interval, 10 s by default, and the parent of the active token at any time:
     //   https://supabase.com/docs/guides/auth/sessions
     // Errors in `error_code`: https://github.com/supabase/auth/blob/master/internal/tokens/service.go
     // user_banned is not among them: a ban may end.
     // Revocation: none after RFC 7009.
     {.name = Name::supabase,
      .function = "supabase",
      .path = Path::none,
      .base = "https://project.supabase.co",
      .token = "/auth/v1/token",
      .grace = Seconds{10},
      .furtherErrors = {"refresh_token_not_found", "refresh_token_already_used", "session_not_found",
                        "session_expired"},
      .body = BodyStyle::json},
     // URL, errors after RFC 6749: https://fusionauth.io/docs/lifecycle/authenticate-users/oauth/endpoints
     // Grace, "Refresh token usage": "By default, a token is reusable": https://github.com/FusionAuth/fusionauth-site/
     //   blob/main/astro/src/content/docs/get-started/core-concepts/_refresh-token-settings.mdx
     // Revocation, unsure: none after RFC 7009 is known.
     {.name = Name::fusionAuth,
      .function = "fusionAuth",
      .path = Path::none,
      .base = "https://id.example.com",
      .token = "/oauth2/token",
      .grace = whileItLives}}};

const Profile& profileOf(Name name) {
  const auto found = std::find_if(table.begin(), table.end(), [=](const auto& row) { return row.name == name; });
  if (found == table.end()) throw std::invalid_argument("ironjar: profiles: no such name");
  return *found;
}

bool isSegment(std::string_view text) { return !text.empty() && text.find('/') == std::string_view::npos; }

// `path` without the slash at its end.
bool fits(Path path, std::string_view given) {
  const std::size_t slash = given.rfind('/');
  const std::string_view before = slash == std::string_view::npos ? std::string_view() : given.substr(0, slash);
  const std::string_view last = slash == std::string_view::npos ? given : given.substr(slash + 1);
  switch (path) {
    case Path::none:
      return given.empty();
    case Path::tenant:
      return before.empty() && isSegment(last);
    case Path::realm:
      return before.ends_with("/realms") && isSegment(last);
    case Path::oauth2:
      return given.ends_with("/oauth2") || (before.ends_with("/oauth2") && isSegment(last));
    case Path::any:
      return given.find("//") == std::string_view::npos;
    case Path::fixed:
      break;
  }
  return false;
}

[[noreturn]] void refuse(const Profile& profile, const std::string& why) {
  throw std::invalid_argument("ironjar: profiles::" + std::string(profile.function) + ": " + why);
}

// The URL without the slash at its end.
std::string requireBase(const Profile& profile, std::string_view given) {
  while (given.ends_with('/')) given.remove_suffix(1);
  const Result<detail::Url> url = detail::parseUrl(given);
  const std::string shape = ", write one like " + std::string(profile.base);
  if (!url) refuse(profile, "the URL cannot be read (" + url.error().detail + ")" + shape);
  if (!url->https && !url->isLoopback()) refuse(profile, "the URL is not https" + shape);
  if (url->target.find('?') != std::string::npos) refuse(profile, "the URL has a query" + shape);
  const std::string_view path = url->target == "/" ? std::string_view() : url->path();
  if (!fits(profile.path, path)) refuse(profile, "`" + url->target + "` is not the path of its URL" + shape);
  return url->origin + std::string(path);
}

TokenEndpoint endpointAt(const Profile& profile, const std::string& base, ClientAuth client) {
  TokenEndpoint endpoint{.url = base + std::string(profile.token),
                         .body = profile.body,
                         .clientAuth = std::move(client),
                         .replay = {.grace = profile.grace},
                         .revokeReplaced = profile.revokeReplaced};
  if (!profile.revocation.empty()) endpoint.revocationUrl = base + std::string(profile.revocation);
  for (const std::string_view error : profile.furtherErrors) {
    if (!error.empty()) endpoint.grantErrors.emplace_back(error);
  }
  return endpoint;
}

TokenEndpoint endpointOf(Name name, std::string_view base, ClientAuth client) {
  const Profile& profile = profileOf(name);
  return endpointAt(profile, requireBase(profile, base), std::move(client));
}

TokenEndpoint endpointOf(Name name, ClientAuth client) {
  const Profile& profile = profileOf(name);
  return endpointAt(profile, std::string(profile.base), std::move(client));
}

}  // namespace

std::string_view nameOf(Name name) { return profileOf(name).function; }

TokenEndpoint auth0(std::string_view tenant, ClientAuth client) {
  return endpointOf(Name::auth0, tenant, std::move(client));
}
TokenEndpoint okta(std::string_view authorizationServer, ClientAuth client) {
  return endpointOf(Name::okta, authorizationServer, std::move(client));
}
TokenEndpoint entra(std::string_view tenant, ClientAuth client) {
  return endpointOf(Name::entra, tenant, std::move(client));
}
TokenEndpoint keycloak(std::string_view realm, ClientAuth client) {
  return endpointOf(Name::keycloak, realm, std::move(client));
}
TokenEndpoint cognito(std::string_view userPoolDomain, ClientAuth client) {
  return endpointOf(Name::cognito, userPoolDomain, std::move(client));
}
TokenEndpoint google(ClientAuth client) { return endpointOf(Name::google, std::move(client)); }
TokenEndpoint gitHubApp(std::string_view server, ClientAuth client) {
  return endpointOf(Name::gitHubApp, server, std::move(client));
}
TokenEndpoint slack(ClientAuth client) { return endpointOf(Name::slack, std::move(client)); }
TokenEndpoint atlassian(ClientAuth client) { return endpointOf(Name::atlassian, std::move(client)); }
TokenEndpoint salesforce(std::string_view myDomain, ClientAuth client) {
  return endpointOf(Name::salesforce, myDomain, std::move(client));
}
TokenEndpoint dex(std::string_view issuer, ClientAuth client) {
  return endpointOf(Name::dex, issuer, std::move(client));
}
TokenEndpoint hydra(std::string_view publicUrl, ClientAuth client) {
  return endpointOf(Name::hydra, publicUrl, std::move(client));
}
TokenEndpoint workos(ClientAuth client) { return endpointOf(Name::workos, std::move(client)); }
TokenEndpoint supabase(std::string_view project, const char* apiKey) {
  if (apiKey == nullptr || *apiKey == '\0') {
    refuse(profileOf(Name::supabase), "the API key is empty or missing: is its environment variable set?");
  }
  TokenEndpoint endpoint = endpointOf(Name::supabase, project, ClientAuth());
  endpoint.url += "?grant_type=refresh_token";
  endpoint.fields.grantType.clear();
  endpoint.headers = {{"apikey", apiKey}};
  endpoint.answer.error = "/error_code";
  return endpoint;
}
TokenEndpoint fusionAuth(std::string_view server, ClientAuth client) {
  return endpointOf(Name::fusionAuth, server, std::move(client));
}

}  // namespace ironjar::profiles
