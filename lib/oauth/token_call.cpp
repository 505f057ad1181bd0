#include "oauth/token_call.hpp"

#include "base/ascii.hpp"
#include "http/upstream_cookies.hpp"
#include "oauth/token_answer.hpp"
#include "oauth/token_endpoint.hpp"
#include "oauth/token_request.hpp"

namespace ironjar::detail {
namespace {

Deadline in(std::chrono::steady_clock::duration time) { return std::chrono::steady_clock::now() + time; }

// OpenID Connect Core section 12.2: the sub of a refresh is that of the login.
bool isSameUser(const TokenSet& fresh, const TokenSet& spent) {
  return fresh.subject.empty() || spent.subject.empty() || fresh.subject == spent.subject;
}
RefreshAnswer anotherUsers() {
  return {.tokens = loginOver(RefreshEnd::otherUser, "the new tokens are another user's"),
          .endpoint = EndpointState::well};
}

// What it says of the endpoint that no request could be made.
EndpointState withoutRequest(Errc why) {
  if (why == Errc::loginRequired) return EndpointState::notAsked;  // the DPoP key is no key: another try would not help
  return why == Errc::notAllowed ? EndpointState::refusesClient : EndpointState::well;
}

// The token POST is repeated only when the first provably never left, or when the provider takes it twice.
class EndpointCall {
 public:
  EndpointCall(const Transport& transport, const TokenEndpoint& endpoint, const Clock& now)
      : transport_(transport), endpoint_(endpoint), now_(now) {}

  RefreshAnswer operator()(const TokenSet& tokens) const {
    const std::function<Request()> write = [&] { return refreshRequest(endpoint_, tokens); };
    const TokenRequest tried{transport_, endpoint_, write, tokens.dpopKey, nonces_, now_};
    Result<Request> request = tried.made();
    if (!request) return {.tokens = request.error(), .endpoint = withoutRequest(request.error().code)};
    const Deadline begin = std::chrono::steady_clock::now();
    const bool replays = endpoint_.replay.grace > Seconds{0};
    const std::chrono::steady_clock::duration whole = endpoint_.timeout;
    Result<Response> answer = tried.sent(*request, begin + (replays ? whole / 2 : whole));
    TokenAnswer read = meaningOf(answer, endpoint_, now_(), tokens.dpopKey);
    if (mayRepeat(read.meaning, begin) && std::chrono::steady_clock::now() < begin + whole) {
      request = tried.made();  // an assertion is good for one request (RFC 7523 section 3, `jti`)
      if (request) answer = tried.sent(*request, begin + whole);
      TokenAnswer second = meaningOf(answer, endpoint_, now_(), tokens.dpopKey);
      if (saysMore(second)) read = std::move(second);
    }
    return answerFor(std::move(read), answer, tokens);
  }

 private:
  bool mayRepeat(AnswerMeaning meaning, Deadline begin) const {
    if (meaning == AnswerMeaning::unreachable) return true;
    const bool mayBeSpent = meaning == AnswerMeaning::lost || meaning == AnswerMeaning::possiblyUsed;
    return mayBeSpent && std::chrono::steady_clock::now() - begin < endpoint_.replay.grace;
  }

  // Whether a second try says more than the first: not when it could not be sent, nor when it found no time left.
  static bool saysMore(const TokenAnswer& second) {
    return second.meaning != AnswerMeaning::unreachable && second.meaning != AnswerMeaning::lost;
  }

  RefreshAnswer answerFor(TokenAnswer read, const Result<Response>& response, const TokenSet& spent) const {
    if (read.tokens && !isSameUser(*read.tokens, spent)) return anotherUsers();
    RefreshAnswer answer{.tokens = std::move(read.tokens), .mayBeOver = read.mayBeOver, .endpoint = read.endpoint};
    if (answer.tokens) {
      answer.tokens->cookies = withCookiesOf(*response, endpoint_.cookies, spent.cookies);
    } else if (response) {
      answer.retryAfter = retryAfter(*response, now_());
    }
    if (read.meaning == AnswerMeaning::lost && endpoint_.replay.strict) {
      answer.tokens = loginOver(RefreshEnd::lost, answer.tokens.error().detail + ", and it must not be asked twice");
    }
    return answer;
  }

  Transport transport_;
  TokenEndpoint endpoint_;
  Clock now_;
  mutable DpopNonces nonces_;
};

}  // namespace

RefreshCall refreshCall(const TokenCallOptions& options) {
  if (!options.refresh) {
    // Shared, since a copy is made for each call.
    const auto call = std::make_shared<const EndpointCall>(options.transport, options.endpoint, options.now);
    return [call](const TokenSet& tokens) { return (*call)(tokens); };
  }
  const TokenEndpoint& endpoint = options.endpoint;
  return [refresh = options.refresh, timeout = endpoint.timeout, resource = endpoint.resource](const TokenSet& tokens) {
    RefreshAnswer answer{.tokens = refresh(tokens, in(timeout))};
    if (!answer.tokens) return answer;
    if (answer.tokens->accessToken.empty() || !allOf(answer.tokens->accessToken, isVisible)) {
      return RefreshAnswer{
          .tokens = fail(Errc::refreshFailed, "the function gave no access token that can stand in a header")};
    }
    if (!isSameUser(*answer.tokens, tokens)) return anotherUsers();
    if (answer.tokens->cookies.empty()) answer.tokens->cookies = tokens.cookies;
    answer.tokens->resource = resource;
    return answer;
  };
}

RevokeCall revokeCall(const TokenCallOptions& options) {
  if (options.endpoint.revocationUrl.empty()) return nullptr;
  return [transport = options.transport, endpoint = options.endpoint](const TokenSet& tokens) {
    for (int attempt = 0; attempt < 2; ++attempt) {  // revoking twice is harmless (RFC 7009 section 2.2)
      const Result<Request> request = authenticated([&] { return revocationRequest(endpoint, tokens); });
      if (!request) return;
      const Result<Response> answer = transport(*request, in(endpoint.timeout));
      if (answer && answer->status < 500) return;
    }
  };
}

}  // namespace ironjar::detail
