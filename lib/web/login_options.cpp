#include "base/ascii.hpp"
#include "base/url.hpp"
#include "json/simdjson.hpp"
#include "oauth/token_endpoint.hpp"
#include "web/login_plan.hpp"
#include "web/return_to.hpp"

#include <algorithm>
#include <stdexcept>

#include <ironjar/revocation.hpp>

namespace ironjar {
namespace {

constexpr Seconds attemptLifetime = std::chrono::minutes{10};

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("ironjar: LoginOptions: " + why); }

bool hasWord(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::string_view one = words.substr(0, words.find(' '));
    if (one == word) return true;
    words.remove_prefix(std::min(one.size() + 1, words.size()));
  }
  return false;
}

void requireSafe(const LoginOptions& options) {
  const Result<detail::Url> url = detail::parseUrl(options.redirectUri);
  const bool isSafe = url && (url->https || (options.allowHttpOnLoopback && url->isLoopback()));
  if (!isSafe) refuse("redirectUri must be an https URL; allowHttpOnLoopback permits http on this machine");
  if (detail::safeReturnTo(options.returnTo, "") != options.returnTo || options.returnTo.empty()) {
    refuse("returnTo must be a path of this site");
  }
  if (detail::safeReturnTo(options.returnTo, "").substr(0, options.returnTo.find_first_of("?#")) == url->path()) {
    refuse("returnTo is the callback");
  }
}

void requireParameters(const LoginOptions& options) {
  if (!hasWord(options.scope, "openid")) refuse("scope must have openid");
  for (const auto& [name, value] : options.parameters) {
    if (name.empty() || detail::isReservedParameter(name))
      refuse("parameters: `" + name + "` has a setting of its own");
    if (!detail::isUtf8(name) || !detail::isUtf8(value)) refuse("parameters must be UTF-8");
  }
  const std::vector<std::string> known = IdTokenRules().algorithms;
  const auto isKnown = [&](const std::string& name) {
    return std::find(known.begin(), known.end(), name) != known.end();
  };
  if (options.algorithms.empty() || !std::all_of(options.algorithms.begin(), options.algorithms.end(), isKnown)) {
    refuse("algorithms are of RS256, PS256, ES256 and EdDSA");
  }
}

// What back-channel and front-channel logouts deny must be what sessions keep, and be looked at.
void requireLogouts(const LoginOptions& options, const SessionOptions& session) {
  if (!options.revoked) return;
  if (!session.isRevoked)
    refuse("revoked has no effect: set SessionOptions::isRevoked to revokedBy() of the same list");
  const MarkNames names;
  for (const std::string& claim : {names.sid, names.sub}) {
    if (std::find(options.claims.begin(), options.claims.end(), claim) == options.claims.end()) {
      refuse("claims must have `" + claim + "`, which logouts name");
    }
  }
}

void requireFitting(const LoginOptions& options, const SessionOptions& session) {
  const TokenNames& names = session.tokenNames;
  for (const std::string& claim : options.claims) {
    for (const std::string* taken :
         {&names.accessToken, &names.refreshToken, &names.expiresAt, &names.scope, &names.lifetime, &names.subject,
          &names.cookies, &names.extra, &names.dpopKey, &names.resources}) {
      if (claim == *taken) refuse("claims: `" + claim + "` is where the session keeps its tokens");
    }
  }
  // Browsers send no such cookie with a redirect that began at another site's page, so that the new session would seem
  // not to be there.
  if (session.cookie.sameSite == SameSite::strict) {
    refuse("the session's cookie must not be SameSite=Strict: set SessionOptions::cookie.sameSite to SameSite::lax");
  }
  // A browser sends no other cookies with a form that another site's page posts.
  const bool comesAlong = session.cookie.sameSite == SameSite::none && session.cookie.secure;
  if (options.formPost && !comesAlong) refuse("formPost needs a session cookie with SameSite=None and Secure");
}

LoginOptions checked(LoginOptions options, const SessionOptions& session) {
  if (options.client.clientId.empty()) refuse("client is missing");
  requireSafe(options);
  requireParameters(options);
  requireFitting(options, session);
  requireLogouts(options, session);
  if (options.tokenEndpoint.answer.idToken.empty()) refuse("tokenEndpoint.answer.idToken must name the ID token");
  options.tokenEndpoint.clientAuth = options.client;
  options.tokenEndpoint.allowHttpOnLoopback = options.allowHttpOnLoopback;
  detail::requireValidBesidesUrl(options.tokenEndpoint);
  return options;
}

}  // namespace

// The seals of one provider, client and callback do not open for another of them on the same site.
detail::LoginConfiguration::LoginConfiguration(const SessionJar& jar, LoginOptions given)
    : options(checked(std::move(given), jar.options())),
      attempts(jar.options(), options.issuer + '\n' + options.client.clientId + '\n' + options.redirectUri,
               options.formPost ? SameSite::none : SameSite::lax, attemptLifetime),
      now(jar.options().seal.now),
      storesTime(options.revoked && jar.options().seal.formats.front() == SealFormat::fe26) {}

}  // namespace ironjar
