#include "base/ascii.hpp"
#include "base/url.hpp"
#include "json/json.hpp"
#include "oauth/jwt.hpp"
#include "oauth/policy.hpp"
#include "oauth/token_endpoint.hpp"
#include "web/login_plan.hpp"
#include "web/return_to.hpp"

#include <stdexcept>

#include <ironjar/web.hpp>

namespace ironjar::detail {
namespace {

constexpr char restartMark = '.';

void add(FormFields& fields, const char* name, const std::string& value) {
  if (!value.empty()) fields.emplace_back(name, value);
}

std::string_view pathOf(std::string_view target) { return target.substr(0, target.find_first_of("?#")); }

// Not back to the callback, which would be an answer of no attempt.
std::string returnToOf(const LoginConfiguration& login, const std::string& wanted) {
  const std::string safe = safeReturnTo(wanted, login.options.returnTo);
  return pathOf(safe) == parseUrl(login.options.redirectUri)->path() ? login.options.returnTo : safe;
}

bool isRefusal(int status) { return status >= 400 && status < 500 && status != 408 && status != 429; }

}  // namespace

LoginProblem::Kind kindOfMetadata(Errc code) {
  return code == Errc::malformed ? LoginProblem::Kind::refused : LoginProblem::Kind::unavailable;
}

bool isRestarted(std::string_view state) { return state.ends_with(restartMark); }

void requireValid(const LoginRequest& request) {
  for (const auto& [name, value] : request.parameters) {
    if (name.empty() || isReservedParameter(name)) {
      throw std::invalid_argument("ironjar: LoginRequest.parameters: `" + name + "` is not to be set there");
    }
  }
}

BeginPlan::BeginPlan(const LoginConfiguration& login, std::string cookieHeader, LoginRequest request, bool isRestart)
    : login_(login),
      cookieHeader_(std::move(cookieHeader)),
      request_((requireValid(request), std::move(request))),
      state_(freshJwtId() + (isRestart ? std::string(1, restartMark) : std::string())),
      attempt_{.nonce = freshJwtId(),
               .verifier = freshSecret(),
               .returnTo = returnToOf(login, request_.returnTo),
               .maxAge = request_.maxAge,
               .dpopKey = login.options.dpop ? generateDpopKey() : std::string(),
               .beganAt = login.now(),
               .request = request_} {}

FormFields BeginPlan::parameters() const {
  const LoginOptions& options = login_.options;
  FormFields fields = {{"response_type", "code"},        {"redirect_uri", options.redirectUri},
                       {"scope", options.scope},         {"state", state_},
                       {"nonce", attempt_.nonce},        {"code_challenge", codeChallenge(attempt_.verifier)},
                       {"code_challenge_method", "S256"}};
  if (options.formPost) fields.emplace_back("response_mode", "form_post");
  if (!attempt_.dpopKey.empty()) fields.emplace_back("dpop_jkt", dpopThumbprint(attempt_.dpopKey).value());
  add(fields, "prompt", request_.prompt);
  if (request_.maxAge) fields.emplace_back("max_age", std::to_string(request_.maxAge->count()));
  add(fields, "login_hint", request_.loginHint);
  add(fields, "acr_values", request_.acrValues);
  add(fields, "ui_locales", request_.uiLocales);
  add(fields, "resource", request_.resource);
  fields.insert(fields.end(), options.parameters.begin(), options.parameters.end());
  fields.insert(fields.end(), request_.parameters.begin(), request_.parameters.end());
  return fields;
}

LoginStep BeginPlan::metadata(const Result<ProviderMetadata>& known) {
  const LoginOptions& options = login_.options;
  if (!known) return LoginProblem{kindOfMetadata(known.error().code), known.error(), attempt_.returnTo};
  authorizationEndpoint_ = known->authorizationEndpoint;
  FormFields fields = parameters();
  const std::string& pushedTo = known->pushedAuthorizationRequestEndpoint;
  const bool isPushed = known->requiresPushedRequests || options.pushRequests;
  if (!isPushed || (pushedTo.empty() && !known->requiresPushedRequests)) {
    fields.emplace_back("client_id", options.client.clientId);
    return redirect(fields);
  }
  if (pushedTo.empty()) {
    return LoginProblem{LoginProblem::Kind::refused, fail(Errc::malformed, "metadata without the endpoint to push to"),
                        attempt_.returnTo};
  }
  // RFC 9126 section 2.1: the client authenticates as at the token endpoint, which adds client_id but for Basic.
  if (options.client.method == ClientAuth::Method::basic) fields.emplace_back("client_id", options.client.clientId);
  Result<Request> request =
      authenticated([&] { return tokenRequest({.url = pushedTo, .clientAuth = options.client}, fields); });
  if (!request) return LoginProblem{LoginProblem::Kind::refused, request.error(), attempt_.returnTo};
  return Send{*std::move(request)};
}

LoginStep BeginPlan::answered(const Result<Response>& pushed) {
  if (!pushed) return LoginProblem{LoginProblem::Kind::unavailable, pushed.error(), attempt_.returnTo};
  if (pushed->status != 201) {
    const auto kind = isRefusal(pushed->status) ? LoginProblem::Kind::refused : LoginProblem::Kind::unavailable;
    return LoginProblem{kind, fail(Errc::transport, "a pushed request got " + std::to_string(pushed->status)),
                        attempt_.returnTo};
  }
  const Result<Json> body =
      pushed->body.size() <= maxTokenSize ? parseJson(pushed->body) : Result<Json>(fail(Errc::tooLarge));
  const bool hasUri = body && body->is_object() && body->contains("request_uri") && body->at("request_uri").is_string();
  if (!hasUri) {
    return LoginProblem{LoginProblem::Kind::unavailable, fail(Errc::malformed, "a pushed request got no request_uri"),
                        attempt_.returnTo};
  }
  return redirect(
      {{"client_id", login_.options.client.clientId}, {"request_uri", body->at("request_uri").get<std::string>()}});
}

LoginStep BeginPlan::redirect(const FormFields& fields) const {
  auto cookies = login_.attempts.begin(cookieHeader_, state_, attempt_);
  if (!cookies) return LoginProblem{LoginProblem::Kind::unavailable, cookies.error(), attempt_.returnTo};
  Response response{.status = 303, .headers = {{"Location", withQuery(authorizationEndpoint_, fields)}}};
  putSetCookies(response.headers, *cookies);
  return response;
}

}  // namespace ironjar::detail
