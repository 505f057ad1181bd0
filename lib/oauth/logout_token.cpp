#include "oauth/claims.hpp"
#include "oauth/jws.hpp"
#include "oauth/policy.hpp"

#include <algorithm>

#include <ironjar/logout_token.hpp>

namespace ironjar {
namespace {

using Problem = std::optional<Error>;

constexpr const char* logoutEvent = "http://schemas.openid.net/event/backchannel-logout";  // section 2.4

Problem timeProblem(const Json& claims, const LogoutTokenRules& rules, TimePoint now) {
  const auto end = detail::timeIn(claims, "exp");
  const auto issued = detail::timeIn(claims, "iat");
  const auto notBefore = detail::timeIn(claims, "nbf");
  for (const auto* time : {&end, &issued, &notBefore}) {
    if (!*time) return time->error();
  }
  if (!*issued) return fail(Errc::malformed, "iat is missing");
  const double clock = detail::unixTimeOf(now);
  const auto skew = static_cast<double>(rules.clockSkew.count());
  if (std::max(**issued, notBefore->value_or(0)) > clock + skew) return fail(Errc::notYetValid, "not valid yet");
  const double without = **issued + Seconds(detail::logoutTokenLifetime).count();
  const double latest = **issued + Seconds(detail::longestLogoutToken).count();
  if (clock >= std::min(end->value_or(without), latest) + skew) return fail(Errc::expired, "the token has ended");
  return std::nullopt;
}

// The member's value should be an empty object; others' are let be.
bool isLogout(const Json& events) { return events.contains(logoutEvent) && events.at(logoutEvent).is_object(); }

Problem eventProblem(const Json& claims) {
  const auto events = claims.find("events");
  if (events == claims.end() || !events->is_object()) return fail(Errc::malformed, "no events");
  if (!isLogout(*events)) return fail(Errc::notAllowed, "events that are no logout");
  // Or an ID token could be taken for one, and this one for an ID token (section 4.1).
  if (claims.contains("nonce")) return fail(Errc::notAllowed, "a nonce, which only ID tokens have");
  return std::nullopt;
}

}  // namespace

Result<LogoutToken> verifyLogoutToken(std::string_view token, const KeySet& keys, const LogoutTokenRules& rules,
                                      TimePoint now) {
  const Result<detail::VerifiedJwt> jwt = detail::verifiedJwt(token, keys, rules.algorithms, {"logout+jwt", "jwt"});
  if (!jwt) return jwt.error();
  const Json& claims = jwt->claims;
  if (!detail::isClaim(claims, "iss", rules.issuer)) return fail(Errc::notAllowed, "of another issuer");
  const Result<std::size_t> audiences = detail::audiencesIn(claims, rules.clientId, rules.audiences);
  if (!audiences) return audiences.error();
  if (auto problem = timeProblem(claims, rules, now)) return *std::move(problem);
  if (auto problem = eventProblem(claims)) return *std::move(problem);
  LogoutToken verified{.issuer = rules.issuer};
  for (const auto& [name, member] :
       {std::pair{"sid", &LogoutToken::sid}, {"sub", &LogoutToken::sub}, {"jti", &LogoutToken::id}}) {
    Result<std::string> text = detail::identifierIn(claims, name);
    if (!text) return text.error();
    verified.*member = *std::move(text);
  }
  if (verified.id.empty()) return fail(Errc::malformed, "jti is missing");
  if (verified.sid.empty() && verified.sub.empty()) return fail(Errc::malformed, "neither sub nor sid");
  return verified;
}

}  // namespace ironjar
