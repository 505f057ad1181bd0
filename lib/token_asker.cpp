#include "token_asker.hpp"

#include "http_field.hpp"
#include "upstream_cookies.hpp"

namespace ironjar::detail {
namespace {

using Asked = RefreshCoordinator::Asked;

Deadline in(std::chrono::steady_clock::duration time) { return std::chrono::steady_clock::now() + time; }

// OpenID Connect Core section 12.2: the sub of a refresh is that of the login.
bool isSameUser(const TokenSet& fresh, const TokenSet& spent) {
  return fresh.subject.empty() || spent.subject.empty() || fresh.subject == spent.subject;
}
Asked anotherUsers() {
  return {.tokens = fail(Errc::expired, "the new tokens are another user's"), .endpointIsWell = true};
}

// The token POST is repeated only when the first provably never left, or when the provider takes it twice.
class Asking {
 public:
  Asking(const Transport& transport, const TokenEndpoint& endpoint, const Clock& now)
      : transport_(transport), endpoint_(endpoint), now_(now) {}

  Asked operator()(const TokenSet& tokens) const {
    const Request request = refreshRequest(endpoint_, tokens);
    if (!isSendable(request)) {
      return {.tokens = fail(Errc::refreshFailed, "the tokens cannot stand in a header"), .endpointIsWell = true};
    }
    const auto begin = std::chrono::steady_clock::now();
    const bool replays = endpoint_.replay.grace > Seconds{0};
    const std::chrono::steady_clock::duration whole = endpoint_.timeout;
    Result<Response> answer = transport_(request, begin + (replays ? whole / 2 : whole));
    if (!answer && mayRepeat(answer.error().code, begin)) answer = transport_(request, begin + whole);
    if (answer) return read(*answer, tokens);
    const std::string what = "token endpoint: " + std::string(describe(answer.error().code));
    const bool lost = answer.error().code != Errc::unreachable;
    if (lost && endpoint_.replay.strict)
      return {.tokens = fail(Errc::expired, what + ", and it must not be asked twice"), .endpointIsWell = false};
    return {.tokens = fail(Errc::refreshFailed, what)};
  }

 private:
  bool mayRepeat(Errc code, std::chrono::steady_clock::time_point begin) const {
    if (code == Errc::unreachable) return true;
    const bool lost = code == Errc::transport || code == Errc::timeout;
    return lost && std::chrono::steady_clock::now() - begin < endpoint_.replay.grace;
  }

  Asked read(const Response& answer, const TokenSet& spent) const {
    const TimePoint now = now_();
    Asked asked{.tokens = readTokenAnswer(answer, endpoint_, now)};
    if (asked.tokens && !isSameUser(*asked.tokens, spent)) return anotherUsers();
    if (asked.tokens) asked.tokens->cookies = withCookiesOf(answer, endpoint_.cookies, spent.cookies);
    if (!asked.tokens) asked.retryAfter = retryAfter(answer, now);
    // What it says of this request alone is no reason to leave it alone.
    const bool ownError = answer.status >= 400 && answer.status < 500 && answer.status != 408 && answer.status != 429;
    if (!asked.tokens && asked.tokens.error().code == Errc::refreshFailed && ownError) asked.endpointIsWell = true;
    return asked;
  }

  Transport transport_;
  TokenEndpoint endpoint_;
  Clock now_;
};

}  // namespace

RefreshCoordinator::Ask asker(const FetchOptions& options) {
  if (!options.refresh) {
    // Shared, since a copy is made for each call.
    const auto asking = std::make_shared<const Asking>(options.transport, options.tokenEndpoint, options.now);
    return [asking](const TokenSet& tokens) { return (*asking)(tokens); };
  }
  const TokenEndpoint& endpoint = options.tokenEndpoint;
  return [refresh = options.refresh, timeout = endpoint.timeout, resource = endpoint.resource](const TokenSet& tokens) {
    Asked asked{.tokens = refresh(tokens, in(timeout))};
    if (!asked.tokens) return asked;
    if (!isSameUser(*asked.tokens, tokens)) return anotherUsers();
    if (asked.tokens->cookies.empty()) asked.tokens->cookies = tokens.cookies;
    asked.tokens->resource = resource;
    return asked;
  };
}

RefreshCoordinator::Revoke revoker(const FetchOptions& options) {
  if (options.tokenEndpoint.revocationUrl.empty()) return nullptr;
  return [transport = options.transport, endpoint = options.tokenEndpoint](const TokenSet& tokens) {
    const Request request = revocationRequest(endpoint, tokens);
    for (int attempt = 0; attempt < 2; ++attempt) {  // revoking twice is harmless (RFC 7009 section 2.2)
      const Result<Response> answer = transport(request, in(endpoint.timeout));
      if (answer && answer->status < 500) return;
    }
  };
}

}  // namespace ironjar::detail
