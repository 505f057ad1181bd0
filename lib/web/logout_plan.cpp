#include "web/logout_plan.hpp"

#include "base/ascii.hpp"
#include "base/form.hpp"
#include "base/url.hpp"
#include "web/answer.hpp"
#include "web/fields.hpp"

#include <algorithm>

#include <ironjar/revocation.hpp>
#include <ironjar/web.hpp>

namespace ironjar::detail {
namespace {

using Mark = RevocationList::Mark;

constexpr std::size_t largestForm = std::size_t{64} * 1024;
constexpr std::size_t longestSid = 255;
constexpr double mostAtOnce = 100;  // front-channel logouts
constexpr Seconds frontChannelPause{1};

// The field's value if it is there exactly once.
std::optional<std::string> onlyOne(const FormFields& fields, std::string_view name) {
  std::optional<std::string> found;
  for (const auto& [field, value] : fields) {
    if (field != name) continue;
    if (found) return std::nullopt;
    found = value;
  }
  return found;
}

// Section 2.8: a logout that failed is 400, whatever the reason; the body as RFC 6749 section 5.2.
Response refused(std::string_view error, std::string_view why) {
  const Json body = {{"error", error}, {"error_description", why}};
  return {.status = 400,
          .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
          .body = body.dump()};
}

bool isUnavailable(Errc code) {
  return code == Errc::unreachable || code == Errc::transport || code == Errc::timeout || code == Errc::overloaded;
}

bool isSid(const std::optional<std::string>& text) {
  return text && !text->empty() && text->size() <= longestSid && allOf(*text, isVisible);
}

}  // namespace

LoginStep LogoutPlan::metadata(const Result<ProviderMetadata>& known) const {
  Response response{.status = 303, .headers = {{"Location", returnTo_}, {"Cache-Control", "no-store"}}};
  if (!known || known->endSessionEndpoint.empty()) return response;
  FormFields fields = {{"client_id", login_.options.client.clientId}};
  if (parseUrl(returnTo_)) fields.emplace_back("post_logout_redirect_uri", returnTo_);
  response.headers.front().second = withQuery(known->endSessionEndpoint, fields);
  return response;
}

BackChannelPlan::BackChannelPlan(const LoginConfiguration& login, const WebRequest& request) : login_(login) {
  if (isForm(request) && request.body.size() <= largestForm) token_ = onlyOne(parseForm(request.body), "logout_token");
}

LoginStep BackChannelPlan::begin() {
  if (!token_ || token_->empty()) return refused("invalid_request", "no form with one logout_token");
  LogoutTokenRules rules;
  rules.clientId = login_.options.client.clientId;
  rules.algorithms = login_.options.algorithms;
  return VerifyLogout{*std::move(token_), std::move(rules)};
}

LoginStep BackChannelPlan::verifiedLogout(const Result<LogoutToken>& token) {
  if (token) return DenySessions{*token};
  const bool isLater = isUnavailable(token.error().code);
  return refused(isLater ? "temporarily_unavailable" : "invalid_request", token.error().detail);
}

LoginStep BackChannelPlan::denied(const Result<bool>& isFirst) {
  if (!isFirst) return refused("temporarily_unavailable", "the list of what is denied has not answered");
  if (!*isFirst) return refused("invalid_request", "it was used before");
  return Response{.status = 200, .headers = {{"Cache-Control", "no-store"}}};
}

bool FrontChannelMeter::admits(TimePoint now) {
  const std::lock_guard lock(mutex_);
  const double passed = std::chrono::duration<double>(now - last_).count();
  if (passed > 0) used_ = std::max(0.0, used_ - passed);
  last_ = now;
  if (used_ > mostAtOnce - 1) return false;
  used_ += 1;
  return true;
}

FrontChannelPlan::FrontChannelPlan(const LoginConfiguration& login, FrontChannelMeter& meter, const WebRequest& request)
    : login_(login), meter_(meter) {
  const std::size_t query = std::min(request.target.find('?'), request.target.size());
  const FormFields fields = parseForm(request.target.substr(std::min(query + 1, request.target.size())));
  auto sid = onlyOne(fields, "sid");
  if (onlyOne(fields, "iss") == login.options.issuer && isSid(sid)) sid_ = *std::move(sid);
}

LoginStep FrontChannelPlan::begin() const {
  if (sid_.empty()) return answer(400);
  return CheckDenied{{Mark::Kind::sid, sid_, login_.options.issuer}};
}

LoginStep FrontChannelPlan::checked(const Result<Revoked>& known) {
  if (!known) return answer(503);
  if (*known == Revoked::yes) return answer(200);
  if (!meter_.admits(login_.now())) return answer(503);
  return DenySessions{{.issuer = login_.options.issuer, .sid = sid_}};
}

// Nothing is used up here: what is not the first of its kind has failed.
LoginStep FrontChannelPlan::denied(const Result<bool>& isFirst) const {
  return answer(isFirst && *isFirst ? 200 : 503);
}

bool FrontChannelPlan::names(const Session& session) const {
  return !sid_.empty() && session.tokens() && session.get<std::string>(MarkNames().sid) == sid_;
}

// Shown in the provider's page alone, and nothing runs in it.
Response FrontChannelPlan::answer(int status) const {
  const std::string frames = "default-src 'none'; frame-ancestors " + parseUrl(login_.options.issuer)->origin;
  Response response{.status = status, .headers = {{"Cache-Control", "no-store"}, {"Content-Security-Policy", frames}}};
  if (status == 503) response.headers.emplace_back("Retry-After", std::to_string(frontChannelPause.count()));
  return response;
}

}  // namespace ironjar::detail
