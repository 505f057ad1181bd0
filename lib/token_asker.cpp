#include "token_asker.hpp"

#include "http_field.hpp"
#include "token_answer.hpp"
#include "upstream_cookies.hpp"

namespace ironjar::detail {
namespace {

using Asked = RefreshCoordinator::Asked;
using Endpoint = RefreshCoordinator::Endpoint;

Deadline in(std::chrono::steady_clock::duration time) { return std::chrono::steady_clock::now() + time; }

// OpenID Connect Core section 12.2: the sub of a refresh is that of the login.
bool isSameUser(const TokenSet& fresh, const TokenSet& spent) {
  return fresh.subject.empty() || spent.subject.empty() || fresh.subject == spent.subject;
}
Asked anotherUsers() {
  return {.tokens = fail(Errc::expired, "the new tokens are another user's"), .endpoint = Endpoint::well};
}

// The token POST is repeated only when the first provably never left, or when the provider takes it twice.
class Asking {
 public:
  Asking(const Transport& transport, const TokenEndpoint& endpoint, const Clock& now)
      : transport_(transport), endpoint_(endpoint), now_(now) {}

  Asked operator()(const TokenSet& tokens) const {
    const Request request = refreshRequest(endpoint_, tokens);
    if (!isSendable(request)) {
      return {.tokens = fail(Errc::refreshFailed, "the tokens cannot stand in a header"), .endpoint = Endpoint::well};
    }
    const Deadline begin = std::chrono::steady_clock::now();
    const bool replays = endpoint_.replay.grace > Seconds{0};
    const std::chrono::steady_clock::duration whole = endpoint_.timeout;
    Result<Response> answer = transport_(request, begin + (replays ? whole / 2 : whole));
    TokenAnswer read = meaningOf(answer, endpoint_, now_());
    if (mayRepeat(read.meaning, begin) && std::chrono::steady_clock::now() < begin + whole) {
      answer = transport_(request, begin + whole);
      TokenAnswer second = meaningOf(answer, endpoint_, now_());
      if (saysMore(second)) read = std::move(second);
    }
    return asked(std::move(read), answer, tokens);
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

  Asked asked(TokenAnswer read, const Result<Response>& answer, const TokenSet& spent) const {
    if (read.tokens && !isSameUser(*read.tokens, spent)) return anotherUsers();
    Asked asked{.tokens = std::move(read.tokens), .endpoint = read.endpoint};
    if (asked.tokens) {
      asked.tokens->cookies = withCookiesOf(*answer, endpoint_.cookies, spent.cookies);
    } else if (answer) {
      asked.retryAfter = retryAfter(*answer, now_());
    }
    if (read.meaning == AnswerMeaning::lost && endpoint_.replay.strict) {
      asked.tokens = fail(Errc::expired, asked.tokens.error().detail + ", and it must not be asked twice");
    }
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
