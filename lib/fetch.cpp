#include "detail/http_field.hpp"
#include "detail/sodium.hpp"
#include "detail/url.hpp"
#include "token_asker.hpp"
#include "token_endpoint.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <thread>

#include <ironjar/fetch.hpp>

namespace ironjar {
namespace {

constexpr int unauthorized = 401;
constexpr Seconds longestAhead{2};         // waited for a refresh ahead of time
constexpr Seconds longest{1'000'000'000};  // some 30 years, and no sum overflows

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("ironjar: FetchOptions: " + why); }

Deadline in(Seconds time) { return std::chrono::steady_clock::now() + time; }

// Threads that found the same token due must not all come at the same moment: 0.8 to 1.2.
double spread() {
  std::array<unsigned char, 1> byte{};
  detail::random(byte);
  return 0.8 + 0.4 * byte[0] / 255;
}

// The browser may hold a newer cookie than the one that this request came with.
Error letGo(Session& session) {
  session.abandon();
  return fail(Errc::expired, "the login was ended or superseded");
}

// RFC 6750 section 3.1: another token of the same scope would be refused as well.
bool isAboutScope(const Response& response) {
  const auto challenge = findHeader(response.headers, "WWW-Authenticate");
  return challenge && challenge->find("insufficient_scope") != std::string_view::npos;
}

}  // namespace

class Fetcher::State {
 public:
  explicit State(FetchOptions options_)
      : options(std::move(options_)),
        client_(options.tokenEndpoint.url + '\n' + options.tokenEndpoint.clientAuth.clientId),
        ask_(detail::asker(options)),
        revoke_(detail::revoker(options)) {}

  const FetchOptions options;

  [[nodiscard]] Result<detail::Url> allowedUrl(const Request& request) const;
  // Whether a 401 to this request is about its token, and tokens may be refreshed for it.
  [[nodiscard]] bool mayRefresh(const Request& request, const detail::Url& url) const;
  // Puts the newest tokens of the login into the session. Errc::expired when it is over: the session is abandoned then.
  [[nodiscard]] Result<RefreshedBy> catchUp(Session& session) const;
  // Refreshes ahead of the end. An error only when there is no way on without new tokens.
  [[nodiscard]] Result<RefreshedBy> refreshAhead(Session& session, Deadline deadline) const;
  [[nodiscard]] Result<Response> send(Request request, const std::optional<TokenSet>& tokens, Deadline deadline) const;
  [[nodiscard]] Result<RefreshedBy> renew(Session& session, const TokenSet& rejected, Deadline deadline) const;
  // By its own expiry the access token is good.
  [[nodiscard]] bool isGood(const TokenSet& tokens) const;
  [[nodiscard]] std::optional<std::chrono::duration<double>> ahead(const TokenSet& tokens) const;
  [[nodiscard]] static Error giveUp(Session& session);
  void end(const std::optional<TokenSet>& tokens) const;
  void settle(Deadline deadline) const;
  [[nodiscard]] RefreshServiceOptions serviceOptions(TokenSet tokens) const;

 private:
  [[nodiscard]] bool isDue(const TokenSet& tokens) const;

  std::string client_;  // what sets this issuer and client apart at the coordinator
  RefreshCoordinator::Ask ask_;
  RefreshCoordinator::Revoke revoke_;
};

Fetcher::Fetcher(FetchOptions options) {
  if (!options.transport) refuse("transport is empty: httplibTransport() makes one");
  if (options.allowedOrigins.empty()) refuse("allowedOrigins is empty: list the origins that may see tokens");
  for (std::string& origin : options.allowedOrigins) {
    const auto url = detail::parseUrl(origin);
    if (!url || url->target != "/") {
      refuse("allowedOrigins: `" + origin + "` is not an origin such as https://api.example.com");
    }
    origin = url->origin;
  }
  if (options.timeout <= Seconds{0} || options.timeout > longest) refuse("timeout is out of range");
  if (options.refreshThreshold < Seconds{0} || options.refreshThreshold > longest) {
    refuse("refreshThreshold is out of range");
  }
  for (const std::string& path : options.excludedPaths) {
    if (!path.starts_with('/')) refuse("excludedPaths: `" + path + "` does not start with `/`");
  }
  if (!options.now) refuse("now is empty: leave it out for the system's clock");
  if (!options.refresh) detail::requireValid(options.tokenEndpoint);
  if (!options.coordinator) options.coordinator = std::make_shared<LocalCoordinator>();
  state_ = std::make_shared<const State>(std::move(options));
}

const FetchOptions& Fetcher::options() const { return state_->options; }

Result<Response> Fetcher::performFetch(Session& session, Request request) const {
  const State& state = *state_;
  const Deadline deadline = in(state.options.timeout);
  const Result<detail::Url> url = state.allowedUrl(request);
  if (!url) return url.error();
  const Result<RefreshedBy> caughtUp = state.catchUp(session);
  if (!caughtUp) return caughtUp.error();
  Trace trace{.refreshedBy = *caughtUp};
  const bool mayRefresh = state.mayRefresh(request, *url);
  if (mayRefresh) {
    const Result<RefreshedBy> ahead = state.refreshAhead(session, deadline);
    if (!ahead) return ahead.error();
    if (*ahead != RefreshedBy::none) trace.refreshedBy = *ahead;
  }
  while (true) {
    const std::optional<TokenSet> tokens = session.tokens();
    Result<Response> response = state.send(request, tokens, deadline);
    if (!response) return response;
    ++trace.attempts;
    response->trace = trace;
    if (response->status != unauthorized || !mayRefresh || isAboutScope(*response)) return response;
    if (!tokens) return fail(Errc::loginRequired, "the API wants a token and the session has none");
    if (trace.attempts > state.options.maxRetries) return response;
    if (tokens->refreshToken.empty()) return state.isGood(*tokens) ? response : state.giveUp(session);
    const Result<RefreshedBy> refreshed = state.renew(session, *tokens, deadline);
    if (!refreshed) return refreshed.error();
    trace.refreshedBy = *refreshed;
    if (request.body.size() > state.options.maxReplayBody) {
      response->trace = {.attempts = trace.attempts, .refreshedBy = trace.refreshedBy, .worthRepeating = true};
      return response;
    }
    state.settle(deadline);
  }
}

Result<RefreshedBy> Fetcher::refresh(Session& session) const {
  const std::optional<TokenSet> before = session.tokens();
  if (!before) return fail(Errc::loginRequired, "the session has no tokens");
  const Result<RefreshedBy> caughtUp = state_->catchUp(session);
  if (!caughtUp || *caughtUp == RefreshedBy::chain) return caughtUp;
  if (before->refreshToken.empty()) return fail(Errc::loginRequired, "the session has no refresh token");
  return state_->renew(session, *session.tokens(), in(state_->options.timeout));
}

std::optional<TimePoint> Fetcher::refreshAt(const Session& session) const {
  const std::optional<TokenSet> tokens = session.tokens();
  const auto margin = tokens ? state_->ahead(*tokens) : std::nullopt;
  if (!margin) return std::nullopt;
  return *tokens->expiresAt - std::chrono::duration_cast<TimePoint::duration>(*margin);
}

std::function<void(Session&)> Fetcher::beforeCommit() const {
  return [state = state_](Session& session) {
    if (session.destroyed()) return state->end(session.formerTokens());
    const auto caughtUp = state->catchUp(session);
    static_cast<void>(caughtUp);  // whatever it was, the session knows
  };
}

void Fetcher::signOut(Session& session) const {
  state_->end(session.tokens());
  session.destroy();
}

RefreshServiceOptions Fetcher::serviceOptions(TokenSet tokens) const {
  return state_->serviceOptions(std::move(tokens));
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
  return std::none_of(paths.begin(), paths.end(), [&](const std::string& excluded) {
    const std::string_view path = url.path();
    return path.starts_with(excluded) &&
           (path.size() == excluded.size() || excluded.ends_with('/') || path[excluded.size()] == '/');
  });
}

Result<RefreshedBy> Fetcher::State::catchUp(Session& session) const {
  const std::optional<TokenSet> tokens = session.tokens();
  if (!tokens || tokens->refreshToken.empty()) return RefreshedBy::none;
  using From = RefreshCoordinator::From;
  const From from = session.tokensAreFromCookie() ? From::cookie : From::memory;
  const auto newest = options.coordinator->newest(client_, *tokens, from);
  if (!newest) return letGo(session);
  if (!*newest) return RefreshedBy::none;
  session.setTokens(**newest);
  return RefreshedBy::chain;
}

// How long before its end a token is refreshed; nothing for one that cannot be, or whose end is unknown.
std::optional<std::chrono::duration<double>> Fetcher::State::ahead(const TokenSet& tokens) const {
  if (!tokens.expiresAt || tokens.refreshToken.empty()) return std::nullopt;
  if (!tokens.lifetime) return std::chrono::duration<double>(0);
  return std::min<std::chrono::duration<double>>(options.refreshThreshold, *tokens.lifetime * 0.2);
}

bool Fetcher::State::isDue(const TokenSet& tokens) const {
  const auto margin = ahead(tokens);
  return margin && *tokens.expiresAt - options.now() <= *margin * spread();
}

bool Fetcher::State::isGood(const TokenSet& tokens) const {
  return tokens.expiresAt && options.now() < *tokens.expiresAt;
}

Error Fetcher::State::giveUp(Session& session) {
  session.destroy();
  return fail(Errc::expired, "the access token ended and there is no refresh token");
}

Result<RefreshedBy> Fetcher::State::refreshAhead(Session& session, Deadline deadline) const {
  const std::optional<TokenSet> tokens = session.tokens();
  if (!tokens || !isDue(*tokens)) return RefreshedBy::none;
  // While the token is good, the request must not wait for a slow provider: the call goes on for the next one.
  const Deadline patience = isGood(*tokens) ? std::min(deadline, in(longestAhead)) : deadline;
  Result<RefreshedBy> refreshed = renew(session, *tokens, patience);
  const bool isOver = !refreshed && refreshed.error().code == Errc::expired;
  if (refreshed || isOver) return refreshed;
  return isGood(*tokens) ? Result<RefreshedBy>(RefreshedBy::none) : refreshed;
}

Result<Response> Fetcher::State::send(Request request, const std::optional<TokenSet>& tokens, Deadline deadline) const {
  for (const char* own : {"Authorization", "Proxy-Authorization", "Cookie"}) eraseHeader(request.headers, own);
  if (tokens && !tokens->accessToken.empty()) {
    if (!detail::isFieldValue(tokens->accessToken))
      return fail(Errc::malformed, "the access token cannot stand in a header");
    request.headers.emplace_back("Authorization", "Bearer " + tokens->accessToken);
  }
  return options.transport(request, deadline);
}

Result<RefreshedBy> Fetcher::State::renew(Session& session, const TokenSet& rejected, Deadline deadline) const {
  const Result<Refreshed> refreshed = options.coordinator->refresh(client_, rejected, ask_, deadline);
  if (refreshed) {
    session.setTokens(refreshed->tokens);
    return refreshed->by;
  }
  if (refreshed.error().code == Errc::expired) session.destroy();
  return refreshed.error().code == Errc::loginRequired ? letGo(session) : refreshed.error();
}

void Fetcher::State::end(const std::optional<TokenSet>& tokens) const {
  if (tokens && !tokens->refreshToken.empty()) return options.coordinator->end(client_, *tokens, revoke_);
}

void Fetcher::State::settle(Deadline deadline) const {
  const auto left = deadline - std::chrono::steady_clock::now();
  if (options.settleDelay.count() > 0) std::this_thread::sleep_for(std::min<decltype(left)>(left, options.settleDelay));
}

RefreshServiceOptions Fetcher::State::serviceOptions(TokenSet tokens) const {
  return {.tokens = std::move(tokens),
          .coordinator = options.coordinator,
          .client = client_,
          .ask = ask_,
          .now = options.now};
}

}  // namespace ironjar
