#include "oauth/token_plan.hpp"

#include "http/upstream_cookies.hpp"
#include "oauth/token_endpoint.hpp"

namespace ironjar::detail {
namespace {

// What it says of the endpoint that no request could be made.
EndpointState withoutRequest(Errc why) {
  if (why == Errc::loginRequired) return EndpointState::notAsked;  // the DPoP key is no key: another try would not help
  return why == Errc::notAllowed ? EndpointState::refusesClient : EndpointState::well;
}

// Whether a second try says more than the first: not when it could not be sent, nor when it found no time left.
bool saysMore(const TokenAnswer& second) {
  return second.meaning != AnswerMeaning::unreachable && second.meaning != AnswerMeaning::lost;
}

}  // namespace

// OpenID Connect Core section 12.2: the sub of a refresh is that of the login.
std::optional<RefreshAnswer> anotherUsers(const TokenSet& fresh, const TokenSet& spent) {
  if (fresh.subject.empty() || spent.subject.empty() || fresh.subject == spent.subject) return std::nullopt;
  return RefreshAnswer{.tokens = loginOver(RefreshEnd::otherUser, "the new tokens are another user's"),
                       .endpoint = EndpointState::well};
}

TokenPlan::TokenPlan(const TokenEndpoint& endpoint, const TokenSet& spent, DpopNonces& nonces,
                     std::atomic<bool>& isUnreachable, const Clock& now)
    : endpoint_(endpoint),
      isUnreachable_(isUnreachable),
      spent_(spent),
      now_(now),
      tried_{endpoint, [this] { return refreshRequest(endpoint_, spent_); }, spent.dpopKey, nonces, now} {}

TokenPlan::Step TokenPlan::begin(MonotonicTime now) {
  Result<Request> request = tried_.made();
  if (!request) return RefreshAnswer{.tokens = request.error(), .endpoint = withoutRequest(request.error().code)};
  const bool replays = endpoint_.replay.grace > Seconds{0};
  const MonotonicTime::duration whole = endpoint_.timeout;
  begin_ = now;
  deadline_ = now + (replays ? whole / 2 : whole);
  return send(*std::move(request));
}

TokenPlan::Step TokenPlan::answered(Result<Response> answer, MonotonicTime now) {
  const bool isSent = answer || answer.error().code != Errc::unreachable;
  if (isSent || first_) isUnreachable_ = !isSent;
  if (refused_) {
    answer = tried_.counting(*std::exchange(refused_, std::nullopt), std::move(answer));
  } else if (auto again = tried_.again(answer)) {
    refused_ = std::move(answer);
    return send(*std::move(again));
  }
  TokenAnswer read = meaningOf(answer, endpoint_, now_(), spent_.dpopKey);
  if (first_) return concluded(saysMore(read) ? std::move(read) : *std::move(first_), answer);
  const Deadline whole = begin_ + endpoint_.timeout;
  if (mayRepeat(read.meaning, now) && now < whole) {
    if (Result<Request> second = tried_.made()) {  // an assertion is good for one request (RFC 7523 section 3, `jti`)
      first_ = std::move(read);
      deadline_ = whole;
      return send(*std::move(second));
    }
  }
  return concluded(std::move(read), answer);
}

TokenPlan::Send TokenPlan::send(Request request) {
  request_ = std::move(request);
  return {&request_, deadline_};
}

bool TokenPlan::mayRepeat(AnswerMeaning meaning, MonotonicTime now) const {
  if (meaning == AnswerMeaning::unreachable) return !isUnreachable_;
  const bool mayBeSpent = meaning == AnswerMeaning::lost || meaning == AnswerMeaning::possiblyUsed;
  return mayBeSpent && now - begin_ < endpoint_.replay.grace;
}

RefreshAnswer TokenPlan::concluded(TokenAnswer read, const Result<Response>& response) const {
  if (read.tokens) {
    if (auto others = anotherUsers(*read.tokens, spent_)) return *std::move(others);
  }
  RefreshAnswer answer{.tokens = std::move(read.tokens), .mayBeOver = read.mayBeOver, .endpoint = read.endpoint};
  if (answer.tokens) {
    answer.tokens->cookies = withCookiesOf(*response, endpoint_.cookies, spent_.cookies);
  } else if (response) {
    answer.retryAfter = retryAfter(*response, now_());
  }
  if (read.meaning == AnswerMeaning::lost && endpoint_.replay.strict) {
    answer.tokens = loginOver(RefreshEnd::lost, answer.tokens.error().detail + ", and it must not be asked twice");
  }
  return answer;
}

}  // namespace ironjar::detail
