#include "detail/ascii.hpp"
#include "detail/url.hpp"
#include "token_endpoint.hpp"

#include <algorithm>
#include <stdexcept>

#include <ironjar/fetch.hpp>

namespace ironjar {
namespace {

constexpr int unauthorized = 401;

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("ironjar: FetchOptions: " + why); }

Deadline in(Seconds time) { return std::chrono::steady_clock::now() + time; }

// RFC 9110: what may stand in a request without starting another header or another request.
bool isFieldValue(std::string_view text) {
  return detail::allOf(text, [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7f'); });
}
bool isFieldName(std::string_view text) {
  return !text.empty() && detail::allOf(text, [](char c) {
    return detail::isAlphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool isSendable(const Request& request) {
  return isFieldName(request.method) && std::all_of(request.headers.begin(), request.headers.end(), [](const auto& h) {
           return isFieldName(h.first) && isFieldValue(h.second);
         });
}

// RFC 6750 section 3.1: another token of the same scope would be refused as well.
bool isAboutScope(const Response& response) {
  const auto challenge = findHeader(response.headers, "WWW-Authenticate");
  return challenge && challenge->find("insufficient_scope") != std::string_view::npos;
}

// A call may outlive the request that started it and the Fetcher: it holds copies of what it needs, and never the
// coordinator on whose threads it runs.
RefreshCoordinator::Ask asker(const FetchOptions& options) {
  if (options.refresh) {
    return [refresh = options.refresh, timeout = options.tokenEndpoint.timeout](const TokenSet& tokens) {
      return refresh(tokens, in(timeout));
    };
  }
  return [transport = options.transport, endpoint = options.tokenEndpoint,
          now = options.now](const TokenSet& tokens) -> Result<TokenSet> {
    const Result<Response> answer = transport(refreshRequest(endpoint, tokens), in(endpoint.timeout));
    if (!answer) return fail(Errc::refreshFailed, "token endpoint: " + std::string(describe(answer.error().code)));
    return readTokenAnswer(*answer, endpoint, now());
  };
}

}  // namespace

struct Fetcher::State {
  FetchOptions options;
  std::string client;  // what sets this issuer and client apart at the coordinator
  RefreshCoordinator::Ask ask;

  [[nodiscard]] Result<detail::Url> allowedUrl(const Request& request) const;
  [[nodiscard]] bool isExcluded(const detail::Url& url) const;
  void catchUp(Session& session) const;
  [[nodiscard]] Result<Response> send(Request request, const std::optional<TokenSet>& tokens, Deadline deadline) const;
  [[nodiscard]] Result<RefreshedBy> renew(Session& session, const TokenSet& rejected, Deadline deadline) const;
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
  if (options.timeout <= Seconds{0}) refuse("timeout must be positive");
  if (!options.now) refuse("now is empty: leave it out for the system's clock");
  if (!options.refresh) detail::requireValid(options.tokenEndpoint);
  if (!options.coordinator) options.coordinator = std::make_shared<LocalCoordinator>();
  std::string client = options.tokenEndpoint.url + '\n' + options.tokenEndpoint.clientAuth.clientId;
  RefreshCoordinator::Ask ask = asker(options);
  state_ = std::make_shared<const State>(State{std::move(options), std::move(client), std::move(ask)});
}

const FetchOptions& Fetcher::options() const { return state_->options; }

Result<Response> Fetcher::performFetch(Session& session, Request request) const {
  const State& state = *state_;
  const Deadline deadline = in(state.options.timeout);
  const Result<detail::Url> url = state.allowedUrl(request);
  if (!url) return url.error();
  state.catchUp(session);
  Trace trace;
  while (true) {
    const std::optional<TokenSet> tokens = session.tokens();
    Result<Response> response = state.send(request, tokens, deadline);
    if (!response) return response;
    response->trace = {.attempts = ++trace.attempts, .refreshedBy = trace.refreshedBy};
    if (response->status != unauthorized || state.isExcluded(*url) || isAboutScope(*response)) return response;
    if (!tokens) return fail(Errc::loginRequired, "the API wants a token and the session has none");
    if (trace.attempts > state.options.maxRetries) return response;
    const Result<RefreshedBy> refreshed = state.renew(session, *tokens, deadline);
    if (!refreshed) return refreshed.error();
    trace.refreshedBy = *refreshed;
  }
}

Result<RefreshedBy> Fetcher::refresh(Session& session) const {
  state_->catchUp(session);
  const std::optional<TokenSet> tokens = session.tokens();
  if (!tokens) return fail(Errc::loginRequired, "the session has no tokens");
  return state_->renew(session, *tokens, in(state_->options.timeout));
}

Result<detail::Url> Fetcher::State::allowedUrl(const Request& request) const {
  Result<detail::Url> url = detail::parseUrl(request.url);
  if (!url) return url;
  const auto& origins = options.allowedOrigins;
  if (std::find(origins.begin(), origins.end(), url->origin) == origins.end()) {
    return fail(Errc::notAllowed, "the URL's origin is not among allowedOrigins");
  }
  if (!isSendable(request)) return fail(Errc::malformed, "the request's method or a header cannot be sent");
  return url;
}

bool Fetcher::State::isExcluded(const detail::Url& url) const {
  return std::any_of(options.excludedPaths.begin(), options.excludedPaths.end(), [&](const std::string& excluded) {
    const std::string_view path = url.path();
    return path.starts_with(excluded) &&
           (path.size() == excluded.size() || excluded.ends_with('/') || path[excluded.size()] == '/');
  });
}

// A request that comes late, with a cookie from before a refresh, goes on with the tokens that succeeded its own.
void Fetcher::State::catchUp(Session& session) const {
  const std::optional<TokenSet> tokens = session.tokens();
  if (!tokens || tokens->refreshToken.empty()) return;
  if (const auto newest = options.coordinator->newest(client, *tokens)) session.setTokens(*newest);
}

Result<Response> Fetcher::State::send(Request request, const std::optional<TokenSet>& tokens, Deadline deadline) const {
  for (const char* own : {"Authorization", "Proxy-Authorization", "Cookie"}) eraseHeader(request.headers, own);
  if (tokens && !tokens->accessToken.empty()) {
    if (!isFieldValue(tokens->accessToken)) return fail(Errc::malformed, "the access token cannot stand in a header");
    request.headers.emplace_back("Authorization", "Bearer " + tokens->accessToken);
  }
  return options.transport(request, deadline);
}

Result<RefreshedBy> Fetcher::State::renew(Session& session, const TokenSet& rejected, Deadline deadline) const {
  if (rejected.refreshToken.empty()) {
    session.destroy();
    return fail(Errc::expired, "the access token ended and there is no refresh token");
  }
  const Result<Refreshed> refreshed = options.coordinator->refresh(client, rejected, ask, deadline);
  if (refreshed) {
    session.setTokens(refreshed->tokens);
    return refreshed->by;
  }
  if (refreshed.error().code == Errc::expired) session.destroy();
  return refreshed.error();
}

}  // namespace ironjar
