#include "base/ascii.hpp"
#include "base/notify.hpp"
#include "base/url.hpp"
#include "base/url_path.hpp"
#include "crypto/sodium.hpp"
#include "fetch/session_tokens.hpp"
#include "http/field.hpp"
#include "http/upstream_cookies.hpp"
#include "oauth/token_endpoint.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <thread>

#include <ironjar/fetch.hpp>

namespace ironjar {
namespace {

constexpr int unauthorized = 401;
constexpr Seconds longest{1'000'000'000};  // some 30 years, and no sum overflows

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("ironjar: FetchOptions: " + why); }

Deadline in(Seconds time) { return std::chrono::steady_clock::now() + time; }

// Challenges that another token of the same login would not meet: RFC 6750 section 3.1, RFC 9470 section 3, and the
// claims challenges of Microsoft Entra.
constexpr std::array<std::string_view, 3> unmetByRefreshing = {"insufficient_scope", "insufficient_user_authentication",
                                                               "insufficient_claims"};
// A 401 leads from tokens to newer ones that are known, as often as requests may have refreshed meanwhile.
constexpr unsigned mostCatchingUp = 8;

bool wantsAnotherLogin(const Response& response) {
  return std::any_of(response.headers.begin(), response.headers.end(), [](const auto& field) {
    return detail::equalIgnoringCase(field.first, "WWW-Authenticate") &&
           std::any_of(unmetByRefreshing.begin(), unmetByRefreshing.end(),
                       [&](std::string_view error) { return field.second.find(error) != std::string::npos; });
  });
}

// The API wants a token. A visitor whose session has just ended is told so, once: its cookie is deleted.
Error nobody(const Session& session) {
  const bool ended = session.rejection() && session.rejection()->code == Errc::expired;
  return ended ? fail(Errc::expired, "the session is past its end") : fail(Errc::loginRequired, "there are no tokens");
}

// For whom a connection may be kept. By the tokens, since two users can be brought to one session id (a planted cookie,
// a login without Session::replace()); by the id, since an application may give one token to several users.
std::string connectionGroup(const Session& session, const std::optional<TokenSet>& tokens) {
  if (!tokens || (tokens->accessToken.empty() && tokens->cookies.empty())) return {};
  std::array<unsigned char, 16> digest{};
  const std::string login = session.id() + '\n' + tokens->accessToken + '\n' + tokens->cookies;
  detail::blake2b(digest, detail::bytes("ironjar connection group"), detail::bytes(login));
  return {digest.begin(), digest.end()};
}

using OpenBody = std::function<BodyReader()>;

// Has the transport read what is begun here. False when there is a stream and it is gone.
bool beginBody(Request& request, const OpenBody& openBody) {
  if (!openBody) return true;
  BodyReader reader = openBody();
  if (!reader) return false;
  request.openBody = [reader = std::move(reader)] { return reader; };
  return true;
}

void requireValid(FetchOptions& options) {
  if (!options.transport) refuse("transport is empty: httplibTransport() makes one");
  if (options.allowedOrigins.empty()) refuse("allowedOrigins is empty: list the origins that may see tokens");
  for (std::string& origin : options.allowedOrigins) {
    const auto url = detail::parseUrl(origin);
    if (!url || url->target != "/") {
      refuse("allowedOrigins: `" + origin + "` is not an origin such as https://api.example.com");
    }
    if (!url->https && !(options.allowHttpOnLoopback && url->isLoopback())) {
      refuse("allowedOrigins: `" + origin +
             "` must be https, as it sees access tokens; allowHttpOnLoopback permits http on this machine");
    }
    origin = url->origin;
  }
  if (options.timeout <= Seconds{0} || options.timeout > longest) refuse("timeout is out of range");
  if (options.settleDelay.count() < 0) refuse("settleDelay is negative");
  if (options.refreshThreshold < Seconds{0} || options.refreshThreshold > longest) {
    refuse("refreshThreshold is out of range");
  }
  for (const std::string& name : options.cookies) {
    const auto& others = options.tokenEndpoint.cookies;
    if (std::find(others.begin(), others.end(), name) != others.end()) {
      refuse("cookies and tokenEndpoint.cookies both name `" + name + "`: which one would count?");
    }
  }
  for (std::string& path : options.excludedPaths) {
    if (!path.starts_with('/')) refuse("excludedPaths: `" + path + "` does not start with `/`");
    path = detail::normalizedPath(path);
  }
  if (!options.now) refuse("now is empty: leave it out for the system's clock");
  if (!options.refresh && !options.refreshClient.empty()) refuse("refreshClient is for `refresh` only");
  if (options.refresh && options.refreshClient.empty()) {
    refuse("refreshClient is empty: name what `refresh` asks, since other Fetchers may share the coordinator");
  }
  options.refresh ? detail::requireValidBesidesUrl(options.tokenEndpoint) : detail::requireValid(options.tokenEndpoint);
}

FetchOptions prepared(FetchOptions options) {
  requireValid(options);
  if (!options.coordinator) options.coordinator = std::make_shared<LocalCoordinator>();
  return options;
}

}  // namespace

class Fetcher::State {
 public:
  explicit State(FetchOptions given) : options(prepared(std::move(given))), sessionTokens(options) {}

  const FetchOptions options;
  const detail::SessionTokens sessionTokens;

  [[nodiscard]] Result<detail::Url> allowedUrl(const Request& request) const;
  // Whether a 401 to this request is about its token, and tokens may be refreshed for it.
  [[nodiscard]] bool mayRefresh(const Request& request, const detail::Url& url) const;
  // Puts the credentials into the request, in place of any that are there, and takes off what is the transport's.
  [[nodiscard]] Result<Response> send(Request& request, const Session& session, const std::optional<TokenSet>& tokens,
                                      std::string_view apiCookies, Deadline deadline) const;
  [[nodiscard]] Result<Response> withoutRefreshToken(Session& session, const TokenSet& tokens,
                                                     Result<Response> response) const;
  void settle(Deadline deadline) const;
};

Fetcher::Fetcher(FetchOptions options) : state_(std::make_shared<const State>(std::move(options))) {}

const FetchOptions& Fetcher::options() const { return state_->options; }

Result<Response> Fetcher::performFetch(Session& session, Request request) const {
  const State& state = *state_;
  const Deadline deadline = in(state.options.timeout);
  const Result<detail::Url> url = state.allowedUrl(request);
  if (!url) return url.error();
  std::optional<TokenSet> tokens = state.sessionTokens.tokens(session);
  const Result<RefreshedBy> caughtUp = state.sessionTokens.catchUp(session, tokens);
  if (!caughtUp) return caughtUp.error();
  Trace trace{.refreshedBy = *caughtUp};
  const bool mayRefresh = state.mayRefresh(request, *url);
  if (mayRefresh) {
    const Result<RefreshedBy> ahead = state.sessionTokens.refreshAhead(session, tokens, deadline);
    if (!ahead) return ahead.error();
    if (*ahead != RefreshedBy::none) trace.refreshedBy = *ahead;
  }
  const OpenBody openBody = std::exchange(request.openBody, nullptr);
  if (!beginBody(request, openBody)) return fail(Errc::malformed, "openBody gave no reader");
  std::string apiCookies;  // those that the API has set on the way
  unsigned retries = 0;
  bool hasRefreshed = false;  // a call has brought these tokens: one request spends no more than one refresh token
  for (unsigned caught = 0;;) {
    Result<Response> response = state.send(request, session, tokens, apiCookies, deadline);
    request.openBody = nullptr;  // its reader may hold what the next one needs, such as a file's lock
    if (!response) return response;
    ++trace.attempts;
    response->trace = trace;
    if (response->status != unauthorized || !mayRefresh || wantsAnotherLogin(*response)) return response;
    if (!tokens) return nobody(session);
    if (retries >= state.options.maxRetries) return response;
    if (tokens->refreshToken.empty()) return state.withoutRefreshToken(session, *tokens, std::move(response));
    if (!hasRefreshed) {
      const Result<RefreshedBy> refreshed =
          state.sessionTokens.renew(session, *tokens, RefreshTrigger::unauthorized, deadline);
      if (!refreshed && refreshed.error().code == Errc::throttled) return response;
      if (!refreshed) return refreshed.error();
      trace.refreshedBy = *refreshed;
      tokens = state.sessionTokens.tokens(session);
      // Tokens that were there already cost nobody a call, and may have ended too: they are no retry.
      hasRefreshed = *refreshed != RefreshedBy::chain || ++caught >= mostCatchingUp;
    }
    if (hasRefreshed) ++retries;
    if (openBody ? !beginBody(request, openBody) : request.body.size() > state.options.maxReplayBody) {
      response->trace = {.attempts = trace.attempts, .refreshedBy = trace.refreshedBy, .retryable = true};
      return response;
    }
    apiCookies = detail::withCookiesOf(*response, state.options.cookies, apiCookies);
    state.settle(deadline);
    detail::notify(state.options.observer, [&] { return event::FetchRetried{session.tag(), trace.attempts + 1}; });
  }
}

Result<RefreshedBy> Fetcher::refresh(Session& session) const {
  const detail::SessionTokens& sessionTokens = state_->sessionTokens;
  std::optional<TokenSet> tokens = sessionTokens.tokens(session);
  if (!tokens) return fail(Errc::loginRequired, "the session has no tokens");
  Result<RefreshedBy> caughtUp = sessionTokens.catchUp(session, tokens);
  if (!caughtUp || *caughtUp == RefreshedBy::chain) return caughtUp;
  if (tokens->refreshToken.empty()) return fail(Errc::loginRequired, "the session has no refresh token");
  return sessionTokens.renew(session, *tokens, RefreshTrigger::request, in(state_->options.timeout));
}

std::optional<TimePoint> Fetcher::refreshAt(const Session& session) const {
  const std::optional<TokenSet> tokens = state_->sessionTokens.tokens(session);
  const auto margin = tokens ? state_->sessionTokens.ahead(*tokens) : std::nullopt;
  if (!margin) return std::nullopt;
  return *tokens->expiresAt - std::chrono::duration_cast<TimePoint::duration>(*margin);
}

std::function<std::function<void()>(Session&)> Fetcher::beforeCommit() const {
  return [state = state_](Session& session) -> std::function<void()> {
    const detail::SessionTokens& sessionTokens = state->sessionTokens;
    if (session.destroyed()) {
      sessionTokens.end(session);
      return nullptr;
    }
    std::vector<TokenSet> former = session.formerTokens();
    sessionTokens.catchUpQuietly(session);
    const std::optional<TokenSet> current = session.tokens();
    if (former.empty() || session.detached()) return nullptr;
    return [state, former = std::move(former), current] { state->sessionTokens.endReplaced(former, current); };
  };
}

void Fetcher::signOut(Session& session) const {
  session.destroy();
  state_->sessionTokens.end(session);
}

RefreshServiceOptions Fetcher::serviceOptions(TokenSet tokens) const {
  return state_->sessionTokens.serviceOptions(std::move(tokens));
}

Result<detail::Url> Fetcher::State::allowedUrl(const Request& request) const {
  Result<detail::Url> url = detail::parseUrl(request.url);
  if (!url) return url;
  const auto& origins = options.allowedOrigins;
  if (std::find(origins.begin(), origins.end(), url->origin) == origins.end()) {
    return fail(Errc::notAllowed, "the URL's origin is not among allowedOrigins");
  }
  if (!detail::isSendable(request)) return fail(Errc::malformed, "the request's method or a header cannot be sent");
  return url;
}

bool Fetcher::State::mayRefresh(const Request& request, const detail::Url& url) const {
  if (request.method == "OPTIONS") return false;  // a preflight carries no login
  const auto& paths = options.excludedPaths;
  if (paths.empty()) return true;
  const std::string path = detail::normalizedPath(url.path());
  return std::none_of(paths.begin(), paths.end(), [&](const std::string& excluded) {
    return path.starts_with(excluded) &&
           (path.size() == excluded.size() || excluded.ends_with('/') || path[excluded.size()] == '/');
  });
}

Result<Response> Fetcher::State::send(Request& request, const Session& session, const std::optional<TokenSet>& tokens,
                                      std::string_view apiCookies, Deadline deadline) const {
  std::erase_if(request.headers, [](const auto& field) { return isTransportField(field.first); });
  request.connectionGroup = connectionGroup(session, tokens);
  for (const char* own : {"Authorization", "Proxy-Authorization", "Cookie"}) eraseHeader(request.headers, own);
  if (tokens && !tokens->accessToken.empty()) {
    if (!detail::isFieldValue(tokens->accessToken))
      return fail(Errc::malformed, "the access token cannot stand in a header");
    request.headers.emplace_back("Authorization", "Bearer " + tokens->accessToken);
  }
  const std::string cookies = detail::joinedCookies(tokens ? tokens->cookies : std::string(), apiCookies);
  if (!cookies.empty() && detail::isFieldValue(cookies)) request.headers.emplace_back("Cookie", cookies);
  return options.transport(request, deadline);
}

// The 401 may be this API's own affair, as long as the access token is good by the clock.
Result<Response> Fetcher::State::withoutRefreshToken(Session& session, const TokenSet& tokens,
                                                     Result<Response> response) const {
  if (sessionTokens.isGood(tokens)) return response;
  session.destroy();
  return fail(Errc::expired, "the access token ended and there is no refresh token");
}

void Fetcher::State::settle(Deadline deadline) const {
  const auto left = deadline - std::chrono::steady_clock::now();
  if (options.settleDelay.count() > 0) std::this_thread::sleep_for(std::min<decltype(left)>(left, options.settleDelay));
}

}  // namespace ironjar
