#include "base/ascii.hpp"
#include "base/time.hpp"
#include "oauth/answer_body.hpp"
#include "oauth/token_answer.hpp"
#include "oauth/token_endpoint.hpp"
#include "web/login_plan.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <ironjar/revocation.hpp>
#include <ironjar/session_registry.hpp>
#include <ironjar/tokens.hpp>

namespace ironjar::detail {
namespace {

using Kind = LoginProblem::Kind;

// OpenID Connect Core 1.0 section 3.1.2.6, RFC 6749 section 4.1.2.1. All others are the client's fault.
constexpr std::array<std::pair<std::string_view, Kind>, 8> errors = {
    {{"access_denied", Kind::accessDenied},
     {"login_required", Kind::interactionRequired},
     {"interaction_required", Kind::interactionRequired},
     {"consent_required", Kind::interactionRequired},
     {"account_selection_required", Kind::interactionRequired},
     {"unmet_authentication_requirements", Kind::interactionRequired},
     {"temporarily_unavailable", Kind::unavailable},
     {"server_error", Kind::unavailable}}};

// RFC 6749 section 5.2, beside those that AnswerMeaning::client has.
constexpr std::array<std::string_view, 3> errorsOfTheRequest = {"unauthorized_client", "invalid_request",
                                                                "invalid_scope"};

bool refusesRequest(const Response& answer, const Json& body, const AnswerPointers& pointers) {
  const Json* error = body.is_object() ? memberAt(body, pointers.error) : nullptr;
  if (answer.status >= 500 || answer.status == 408 || answer.status == 429) return false;
  return error != nullptr && std::any_of(errorsOfTheRequest.begin(), errorsOfTheRequest.end(),
                                         [&](std::string_view known) { return *error == known; });
}

Errc codeOf(Kind kind) {
  switch (kind) {
    case Kind::interactionRequired:
      return Errc::loginRequired;
    case Kind::unavailable:
      return Errc::transport;
    default:
      return Errc::notAllowed;
  }
}

bool isOfTheNetwork(Errc code) {
  return code == Errc::unreachable || code == Errc::transport || code == Errc::timeout || code == Errc::overloaded;
}

LoginStep to(const std::string& place) {
  return Response{.status = 303,
                  .headers = {{"Location", place}, {"Cache-Control", "no-store"}, {"Referrer-Policy", "no-referrer"}}};
}

}  // namespace

LoginProblem CallbackPlan::problem(Kind kind, Error error) const {
  return {kind, std::move(error), attempt_ ? attempt_->returnTo : std::string()};
}

std::vector<std::string> CallbackPlan::cookies() const {
  if (!isConsumed_) return {};
  return {login_.attempts.deletion(answer_.state)};
}

LoginStep CallbackPlan::unmatched() const {
  if (session_.tokens() && !session_.rejection()) return to(login_.options.returnTo);
  if (!isRestarted(answer_.state)) return Restart{};
  return problem(Kind::unknownAttempt, fail(Errc::notAllowed, "an answer of no attempt of this browser's"));
}

// A session that is older than the attempt is not what it asked for: another account, or a newer login.
LoginStep CallbackPlan::spent() const {
  const bool isSignedIn = session_.tokens() && !session_.rejection() && session_.startedAt() > attempt_->beganAt;
  if (isSignedIn) return to(attempt_->returnTo);
  if (isRestarted(answer_.state) || !attempt_->request) {
    return problem(Kind::refused, fail(Errc::notAllowed, "the provider refuses the code that it has given"));
  }
  LoginRequest request = *attempt_->request;
  request.returnTo = attempt_->returnTo;
  request.maxAge = attempt_->maxAge;
  return Restart{std::move(request)};
}

LoginStep CallbackPlan::begin() {
  Result<AuthorizationAnswer> answer = readAuthorizationAnswer(received_.form);
  if (!answer) return problem(Kind::invalidAnswer, answer.error());
  answer_ = *std::move(answer);
  attempt_ = login_.attempts.find(received_.cookieHeader, answer_.state);
  if (!attempt_) return unmatched();
  // Who came cannot be told now: the code is kept for when it can.
  if (session_.detached()) return problem(Kind::unavailable, fail(Errc::overloaded, "the session cannot be written"));
  return WantMetadata{};
}

LoginProblem CallbackPlan::refusal() const {
  Kind kind = Kind::refused;
  std::string_view name = "another error";
  for (const auto& [known, meaning] : errors) {
    if (answer_.error != known) continue;
    kind = meaning;
    name = known;
  }
  return problem(kind, fail(codeOf(kind), "the provider answered " + std::string(name)));
}

LoginStep CallbackPlan::metadata(const Result<ProviderMetadata>& known) {
  if (!known) return problem(kindOfMetadata(known.error().code), known.error());
  // Before anything is done for it: it may be another provider's (RFC 9207 section 2.4).
  if (!isFromIssuer(answer_, known->issuer, known->namesItself)) {
    return problem(Kind::invalidAnswer, fail(Errc::notAllowed, "an answer of another issuer"));
  }
  if (!answer_.error.empty()) {
    isConsumed_ = true;
    return refusal();
  }
  endpoint_ = login_.options.tokenEndpoint;
  endpoint_.url = known->tokenEndpoint;
  exchange_.emplace(
      TokenRequest{endpoint_, [this] { return tokenRequest(); }, attempt_->dpopKey, *login_.nonces, login_.now});
  Result<Request> request = exchange_->made();
  if (!request) return problem(Kind::refused, request.error());
  firstRequest_ = *std::move(request);
  return WantKeys{};
}

Request CallbackPlan::tokenRequest() const {
  return detail::tokenRequest(endpoint_, {{"grant_type", "authorization_code"},
                                          {"code", answer_.code},
                                          {"redirect_uri", login_.options.redirectUri},
                                          {"code_verifier", attempt_->verifier}});
}

// Before the code is spent: without keys what comes for it could not be used.
LoginStep CallbackPlan::keys(const Result<KeySet>& known) {
  if (!known) return problem(Kind::unavailable, known.error());
  return Send{std::move(firstRequest_)};
}

LoginStep CallbackPlan::answered(const Result<Response>& exchanged) {
  if (refused_) return concluded(exchange_->counting(*std::move(refused_), exchanged));
  std::optional<Request> second = exchange_->again(exchanged);
  if (!second) return concluded(exchanged);
  refused_ = exchanged;
  return Send{*std::move(second)};
}

LoginStep CallbackPlan::concluded(const Result<Response>& exchanged) {
  TokenAnswer read = meaningOf(exchanged, endpoint_, login_.now(), attempt_->dpopKey);
  if (read.meaning == AnswerMeaning::loginOver) {
    isConsumed_ = true;
    return spent();
  }
  const Result<Json> body = exchanged ? answerBody(*exchanged, endpoint_.answer) : Result<Json>(exchanged.error());
  if (!read.tokens) {
    // notAllowed: tokens of another type, too (RFC 9449 section 5).
    const bool isRefused = read.meaning == AnswerMeaning::client || read.tokens.error().code == Errc::notAllowed ||
                           (body && refusesRequest(*exchanged, *body, endpoint_.answer));
    return problem(isRefused ? Kind::refused : Kind::unavailable, read.tokens.error());
  }
  tokens_ = *std::move(read.tokens);
  isDiscarded_ = true;  // unless all goes well
  const Json* idToken = body ? memberAt(*body, endpoint_.answer.idToken) : nullptr;
  if (idToken == nullptr || !idToken->is_string()) {
    isConsumed_ = true;
    return problem(Kind::invalidAnswer, fail(Errc::malformed, "tokens without an ID token"));
  }
  IdTokenRules rules;
  rules.clientId = login_.options.client.clientId;
  rules.nonce = attempt_->nonce;
  rules.accessToken = tokens_.accessToken;
  rules.maxAge = attempt_->maxAge;
  rules.algorithms = login_.options.algorithms;
  return Verify{idToken->get<std::string>(), std::move(rules)};
}

LoginStep CallbackPlan::verified(const Result<IdToken>& token) {
  isConsumed_ = true;  // the code is spent
  if (!token) {
    const Errc code = token.error().code;
    const Kind kind = isOfTheNetwork(code)          ? Kind::unavailable
                      : code == Errc::loginRequired ? Kind::interactionRequired
                                                    : Kind::invalidAnswer;
    return problem(kind, token.error());
  }
  isDiscarded_ = false;
  signIn(*token);
  return to(attempt_->returnTo);
}

void CallbackPlan::signIn(const IdToken& token) {
  const LoginOptions& options = login_.options;
  if (options.sessions) forgetSession(*options.sessions, session_);
  session_.replace();
  if (received_.members.is_object()) {
    for (const auto& [name, value] : received_.members.items()) session_.set(name, value);
  }
  tokens_.subject = token.subject;
  session_.setTokens(tokens_);
  for (const std::string& name : options.claims) {
    const auto claim = token.claims.find(name);
    claim != token.claims.end() ? session_.set(name, *claim) : session_.erase(name);
  }
  if (login_.storesTime) session_.set(MarkNames().signedInAt, unixSeconds(login_.now()));
}

}  // namespace ironjar::detail
