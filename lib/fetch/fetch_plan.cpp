#include "fetch/fetch_plan.hpp"

#include "base/ascii.hpp"
#include "base/url.hpp"
#include "base/url_path.hpp"
#include "crypto/sodium.hpp"
#include "fetch/policy.hpp"
#include "http/field.hpp"
#include "http/upstream_cookies.hpp"
#include "oauth/dpop.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include <ironjar/challenges.hpp>

namespace ironjar::detail {
namespace {

constexpr int unauthorized = 401;

// Challenges that another token of the same login would not meet: RFC 6750 section 3.1, RFC 9470 section 3, and the
// claims challenges of Microsoft Entra.
constexpr std::array<std::string_view, 3> unmetByRefreshing = {"insufficient_scope", "insufficient_user_authentication",
                                                               "insufficient_claims"};

bool wantsAnotherLogin(const Response& response) {
  const std::vector<Challenge> challenges = challengesIn(response);
  return std::any_of(challenges.begin(), challenges.end(), [](const Challenge& challenge) {
    const auto error = findHeader(challenge.parameters, "error");
    return error && std::find(unmetByRefreshing.begin(), unmetByRefreshing.end(), *error) != unmetByRefreshing.end();
  });
}

// Whether a 401 to this request is about its token, and tokens may be refreshed for it.
bool mayRefresh(const Request& request, const FetchOptions& options) {
  if (request.method == "OPTIONS") return false;  // a preflight carries no login
  const auto& paths = options.excludedPaths;
  if (paths.empty()) return true;
  const Result<Url> url = parseUrl(request.url);
  const std::string path = url ? normalizedPath(url->path()) : std::string();
  return std::none_of(paths.begin(), paths.end(), [&](const std::string& excluded) {
    return path.starts_with(excluded) &&
           (path.size() == excluded.size() || excluded.ends_with('/') || path[excluded.size()] == '/');
  });
}

// For whom a connection may be kept. By the tokens, since two users can be brought to one session id (a planted cookie,
// a login without Session::replace()); by the id, since an application may give one token to several users.
std::string connectionGroup(const SessionFacts& session) {
  const auto& tokens = session.tokens;
  if (!tokens || (tokens->accessToken.empty() && tokens->cookies.empty())) return {};
  std::array<unsigned char, 16> digest{};
  std::string login;
  login.reserve(session.id.size() + tokens->accessToken.size() + tokens->cookies.size() + 2);
  login.append(session.id).append("\n").append(tokens->accessToken).append("\n").append(tokens->cookies);
  blake2b(digest, bytes("ironjar connection group"), bytes(login));
  return {digest.begin(), digest.end()};
}

}  // namespace

std::optional<Error> refusalOf(const Request& request, const FetchOptions& options) {
  const Result<Url> url = parseUrl(request.url);
  if (!url) return url.error();
  const auto& origins = options.allowedOrigins;
  if (std::find(origins.begin(), origins.end(), url->origin) == origins.end()) {
    return fail(Errc::notAllowed, "the URL's origin is not among allowedOrigins");
  }
  if (!isSendable(request)) return fail(Errc::malformed, "the request's method or a header cannot be sent");
  return std::nullopt;
}

FetchPlan::FetchPlan(std::shared_ptr<const FetchOptions> options, Request request)
    : options_(std::move(options)), request_(std::move(request)) {}

FetchPlan::Step FetchPlan::begin(const SessionFacts& session) {
  expect(State::begun);
  trace_.refreshedBy = session.caughtUp;
  openBody_ = std::exchange(request_.openBody, nullptr);
  openAsyncBody_ = std::exchange(request_.openAsyncBody, nullptr);
  if (!session.isDue || !mayRefresh(request_, *options_)) return send(session);
  state_ = State::ahead;
  isShort_ = session.isGood;
  return Refresh{RefreshTrigger::expiry, !session.isGood};
}

FetchPlan::Step FetchPlan::refreshed(const Result<RefreshedBy>& by, const SessionFacts& session) {
  if (state_ == State::ahead) {
    const bool hasEndedMeanwhile = !by && !by.error().end && by.error().code == Errc::refreshFailed && !session.isGood;
    if (hasEndedMeanwhile && std::exchange(isShort_, false)) return Refresh{RefreshTrigger::expiry, true};
    if (!by && (by.error().end || !session.isGood)) return finish(by.error());
    if (by && *by != RefreshedBy::none) trace_.refreshedBy = *by;
    return send(session);
  }
  expect(State::refreshing);
  if (!by && by.error().code == Errc::throttled) return finishWithResponse();
  if (!by) return finish(by.error());
  trace_.refreshedBy = *by;
  // Tokens that were there already cost nobody a call, and may have ended too: they are no retry.
  hasRefreshed_ = *by != RefreshedBy::chain || ++caughtUp_ >= mostCatchingUp;
  return sendAgain(session);
}

FetchPlan::Step FetchPlan::answered(Result<Response> response, const SessionFacts& session) {
  expect(State::sending);
  letBodyGo();  // its reader may hold what the next one needs, such as a file's lock
  if (!response && !mayRepeat(response.error())) return finish(std::move(response));
  ++trace_.attempts;
  if (!response) {
    hasRepeated_ = request_.freshConnection = true;
    return send(session);
  }
  response_ = std::make_unique<Response>(*std::move(response));
  response_->trace = trace_;
  const bool wasForNonce = std::exchange(isForNonce_, false);
  if (session.prove && refusesProof(*response_)) {
    if (wasForNonce || !session.hasNewNonce || !beginBodyAgain()) return finishWithResponse();
    isForNonce_ = true;
    return send(session);
  }
  const auto& refusesToken = options_->refusesToken;
  const bool isRefused = refusesToken ? refusesToken(*response_) : response_->status == unauthorized;
  const bool isAboutTokens = isRefused && !wantsAnotherLogin(*response_);
  if (!isAboutTokens || !mayRefresh(request_, *options_)) return finishWithResponse();
  if (!session.tokens) {
    // A visitor whose session has just ended is told so, once: its cookie is deleted.
    return finish(session.hasEnded ? fail(Errc::expired, "the session is past its end")
                                   : fail(Errc::loginRequired, "there are no tokens"));
  }
  if (retries_ >= options_->maxRetries) return finishWithResponse();
  if (session.tokens->refreshToken.empty()) {
    // The 401 may be this API's own affair, as long as the access token is good by the clock.
    if (session.isGood) return finishWithResponse();
    return finish(loginOver(RefreshEnd::noRefreshToken, "the access token ended"), true);
  }
  if (hasRefreshed_) return sendAgain(session);
  state_ = State::refreshing;
  return Refresh{RefreshTrigger::unauthorized, true};
}

bool FetchPlan::isFinal(const Result<Response>& response) const {
  return response && response->status != unauthorized && !options_->refusesToken && !isProved_;
}

// RFC 9112 section 9.3.1: a server may close a kept connection at any moment, also while a request is on its way. What
// is safe may be sent again (RFC 9110 section 9.2.2).
bool FetchPlan::mayRepeat(const Error& error) const {
  const bool isSafe = request_.method == "GET" || request_.method == "HEAD";
  const bool mayHaveBeenKept = !request_.freshConnection && !request_.connectionGroup.empty();
  return error.code == Errc::transport && isSafe && mayHaveBeenKept && !isStreamed() && !hasRepeated_;
}

FetchPlan::Step FetchPlan::waited(const SessionFacts& session) {
  expect(State::waiting);
  return send(session);
}

// Opens the body anew for another Send. False when it cannot be sent again: the response is then marked retryable.
bool FetchPlan::beginBodyAgain() {
  if (isStreamed() ? !beginStream() : request_.body.size() > options_->maxReplayBody) {
    response_->trace = {.attempts = trace_.attempts, .refreshedBy = trace_.refreshedBy, .retryable = true};
    return false;
  }
  apiCookies_ = withCookiesOf(*response_, options_->cookies, apiCookies_);
  return true;
}

// Opens a streamed body for the next Send. False when it is gone.
bool FetchPlan::beginStream() {
  BodyReader reader = openBody_ ? openBody_() : nullptr;
  AsyncBodyReader asyncReader = openAsyncBody_ ? openAsyncBody_() : nullptr;
  if (reader) request_.openBody = [reader = std::move(reader)] { return reader; };
  if (asyncReader) request_.openAsyncBody = [reader = std::move(asyncReader)] { return reader; };
  return hasStreamedBody(request_);
}

void FetchPlan::letBodyGo() {
  request_.openBody = nullptr;
  request_.openAsyncBody = nullptr;
}

FetchPlan::Step FetchPlan::sendAgain(const SessionFacts& session) {
  if (hasRefreshed_) ++retries_;
  if (!beginBodyAgain()) return finishWithResponse();
  if (options_->settleDelay.count() == 0) return send(session);
  state_ = State::waiting;
  return Wait{options_->settleDelay};
}

FetchPlan::Step FetchPlan::send(const SessionFacts& session) {
  const bool mustBegin = isStreamed() && !hasStreamedBody(request_);
  if (mustBegin && !beginStream()) return finish(fail(Errc::malformed, "the body's function gave no reader"));
  if (auto problem = putCredentials(session)) return finish(*std::move(problem));
  state_ = State::sending;
  return Send{&request_, trace_.attempts + 1, trace_.attempts > 0 && !isForNonce_};
}

// In place of any that are there; and takes off what is the transport's.
std::optional<Error> FetchPlan::putCredentials(const SessionFacts& session) {
  Headers& headers = request_.headers;
  std::erase_if(headers, [](const auto& field) { return isTransportField(field.first); });
  request_.connectionGroup = connectionGroup(session);
  for (const char* own : {"Authorization", "Proxy-Authorization", "Cookie"}) eraseHeader(headers, own);
  eraseHeader(headers, options_->tokenHeader);
  const auto& tokens = session.tokens;
  isProved_ = bool(session.prove);
  if (tokens && !tokens->accessToken.empty()) {
    if (!isFieldValue(tokens->accessToken)) return fail(Errc::malformed, "the access token cannot stand in a header");
    std::string credentials = session.prove ? "DPoP" : options_->tokenScheme;
    credentials.reserve(credentials.size() + 1 + tokens->accessToken.size());
    credentials.append(credentials.empty() ? "" : " ").append(tokens->accessToken);
    headers.emplace_back(options_->tokenHeader, std::move(credentials));
    if (session.prove) {
      if (auto problem = session.prove(request_)) return problem;
    }
  }
  const std::string cookies = joinedCookies(tokens ? std::string_view(tokens->cookies) : "", apiCookies_);
  if (!cookies.empty() && isFieldValue(cookies)) headers.emplace_back("Cookie", cookies);
  return std::nullopt;
}

FetchPlan::Step FetchPlan::finish(Result<Response> result, bool endsSession) {
  state_ = State::returned;
  letBodyGo();
  return Return{std::move(result), endsSession};
}

FetchPlan::Step FetchPlan::finishWithResponse() { return finish(std::move(*std::exchange(response_, nullptr))); }

void FetchPlan::expectRefresh() const {
  if (state_ != State::ahead) expect(State::refreshing);
}

void FetchPlan::expect(State state) const {
  if (state_ != state) throw std::logic_error("ironjar: a fetch was told of something that it did not ask for");
}

}  // namespace ironjar::detail
