#include "base/ascii.hpp"
#include "base/url.hpp"
#include "json/simdjson.hpp"
#include "oauth/token_call.hpp"
#include "oauth/token_endpoint.hpp"
#include "web/answer.hpp"
#include "web/fields.hpp"
#include "web/login_plan.hpp"

#include <algorithm>
#include <stdexcept>

namespace ironjar {
namespace {

using detail::LoginStep;
using Kind = LoginProblem::Kind;

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
  if (options.tokenEndpoint.answer.idToken.empty()) refuse("tokenEndpoint.answer.idToken must name the ID token");
  options.tokenEndpoint.clientAuth = options.client;
  options.tokenEndpoint.allowHttpOnLoopback = options.allowHttpOnLoopback;
  detail::requireValidBesidesUrl(options.tokenEndpoint);
  return options;
}

int statusOf(Kind kind) {
  switch (kind) {
    case Kind::accessDenied:
      return 403;
    case Kind::interactionRequired:
      return 401;
    case Kind::unavailable:
      return 503;
    case Kind::refused:
      return 502;
    default:
      return 400;
  }
}

}  // namespace

std::string_view nameOf(Kind kind) noexcept {
  switch (kind) {
    case Kind::accessDenied:
      return "access_denied";
    case Kind::interactionRequired:
      return "interaction_required";
    case Kind::unavailable:
      return "temporarily_unavailable";
    case Kind::refused:
      return "login_refused";
    case Kind::unknownAttempt:
      return "unknown_attempt";
    case Kind::invalidAnswer:
      return "invalid_answer";
  }
  return "unknown";
}

// The seals of one provider, client and callback do not open for another of them on the same site.
detail::LoginConfiguration::LoginConfiguration(const SessionJar& jar, LoginOptions checkedOptions)
    : options(std::move(checkedOptions)),
      attempts(jar.options(), options.issuer + '\n' + options.client.clientId + '\n' + options.redirectUri,
               options.formPost ? SameSite::none : SameSite::lax, attemptLifetime),
      now(jar.options().seal.now) {}

struct Login::State {
  State(SessionJar sessions, LoginOptions options)
      : jar(std::move(sessions)),
        login(jar, checked(std::move(options), jar.options())),
        provider({.issuer = login.options.issuer,
                  .transport = login.options.transport,
                  .asyncTransport = login.options.asyncTransport,
                  .timeout = login.options.tokenEndpoint.timeout,
                  .allowHttpOnLoopback = login.options.allowHttpOnLoopback}),
        transport(login.options.transport ? login.options.transport : blocking(login.options.asyncTransport)),
        revoke(detail::revokeCall({.transport = transport,
                                   .asyncTransport = login.options.asyncTransport,
                                   .endpoint = login.options.tokenEndpoint})) {}

  [[nodiscard]] Result<Response> send(const Request& request) const {
    return transport(request, std::chrono::steady_clock::now() + login.options.tokenEndpoint.timeout);
  }

  const SessionJar jar;
  const detail::LoginConfiguration login;
  const OpenIdProvider provider;
  const Transport transport;
  const RevokeCall revoke;  // empty: the endpoint has no revocationUrl
};

Login::Login(SessionJar jar, LoginOptions options)
    : state_(std::make_shared<const State>(std::move(jar), std::move(options))) {}

const SessionJar& Login::jar() const { return state_->jar; }
const LoginOptions& Login::options() const { return state_->login.options; }
const OpenIdProvider& Login::provider() const { return state_->provider; }

Response Login::answer(const LoginProblem& problem) const {
  const LoginOptions& options = state_->login.options;
  Response response =
      options.onProblem ? options.onProblem(problem) : detail::answer(statusOf(problem.kind), nameOf(problem.kind));
  eraseHeader(response.headers, "Cache-Control");
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

Response Login::begin(const WebRequest& request, const LoginRequest& attempt) const {
  return begin(cookieHeader(request), attempt, false);
}

Response Login::begin(std::string_view cookies, const LoginRequest& attempt, bool isRestart) const {
  detail::BeginPlan plan(state_->login, cookies, attempt, isRestart);
  LoginStep step = plan.metadata(state_->provider.metadata());
  if (const auto* send = std::get_if<detail::Send>(&step)) step = plan.answered(state_->send(send->request));
  if (auto* response = std::get_if<Response>(&step)) return std::move(*response);
  return answer(std::get<LoginProblem>(step));
}

Response Login::callback(const WebRequest& request, Session& session, const LoginRequest& anew) const {
  const bool isPost = request.method == "POST";
  const std::string_view type = detail::singleField(request, "Content-Type").value.value_or("");
  const bool isForm = detail::startsWithIgnoringCase(type, "application/x-www-form-urlencoded");
  if (isPost && (!state_->login.options.formPost || !isForm)) {
    return answer({Kind::invalidAnswer, fail(Errc::notAllowed, "an answer in a form that was not asked for")});
  }
  const std::size_t query = std::min(request.target.find('?'), request.target.size() - 1);
  const std::string_view form = isPost ? request.body : request.target.substr(query + 1);
  const std::string cookies = cookieHeader(request);
  detail::CallbackPlan plan(state_->login, cookies, form, session);
  LoginStep step = plan.begin();
  if (std::holds_alternative<detail::WantMetadata>(step)) step = plan.metadata(state_->provider.metadata());
  if (std::holds_alternative<detail::WantKeys>(step)) step = plan.keys(state_->provider.keys());
  if (const auto* send = std::get_if<detail::Send>(&step)) step = plan.answered(state_->send(send->request));
  if (const auto* verify = std::get_if<detail::Verify>(&step)) {
    step = plan.verified(state_->provider.verify(verify->token, verify->rules, state_->login.now()));
  }
  if (plan.discarded() != nullptr && state_->revoke) state_->revoke(*plan.discarded());
  Response response;
  if (const auto* restart = std::get_if<detail::Restart>(&step)) {
    response = begin(cookies, restart->request.value_or(anew), true);
  } else if (const auto* problem = std::get_if<LoginProblem>(&step)) {
    response = answer(*problem);
  } else {
    response = std::get<Response>(std::move(step));
  }
  putSetCookies(response.headers, plan.cookies());
  return response;
}

Response Login::logout(const WebRequest& request, Session& session, const Fetcher& fetcher,
                       const std::string& returnTo) const {
  if (!isSameOrigin(request, state_->login.options.origins)) return crossSiteAnswer();
  fetcher.signOut(session);
  Response response{.status = 303, .headers = {{"Location", returnTo}, {"Cache-Control", "no-store"}}};
  const auto known = state_->provider.metadata();  // one that cannot be reached keeps nobody signed in here
  if (!known || known->endSessionEndpoint.empty()) return response;
  detail::FormFields fields = {{"client_id", state_->login.options.client.clientId}};
  if (detail::parseUrl(returnTo)) fields.emplace_back("post_logout_redirect_uri", returnTo);
  response.headers.front().second = detail::withQuery(known->endSessionEndpoint, fields);
  return response;
}

}  // namespace ironjar
