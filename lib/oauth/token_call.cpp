#include "oauth/token_call.hpp"

#include "base/ascii.hpp"
#include "base/time.hpp"
#include "http/sending.hpp"
#include "oauth/token_endpoint.hpp"
#include "oauth/token_plan.hpp"

#include <atomic>

namespace ironjar::detail {
namespace {

// What the calls of one endpoint share.
struct Calls {
  explicit Calls(const TokenCallOptions& options)
      : transport(options.transport),
        asyncTransport(options.asyncTransport),
        endpoint(options.endpoint),
        now(options.now) {}

  [[nodiscard]] RefreshAnswer ask(const TokenSet& tokens) const {
    TokenPlan plan(endpoint, tokens, nonces, isUnreachable, now);
    for (TokenPlan::Step step = plan.begin(monotonicNow());;) {
      if (auto* answer = std::get_if<RefreshAnswer>(&step)) return std::move(*answer);
      const auto& [request, deadline] = std::get<TokenPlan::Send>(step);
      Result<Response> response = transport(*request, deadline);
      step = plan.answered(std::move(response), monotonicNow());
    }
  }

  [[nodiscard]] Result<Request> revocation(const TokenSet& tokens) const {
    return authenticated([&] { return revocationRequest(endpoint, tokens); });
  }
  [[nodiscard]] Deadline deadline() const { return monotonicNow() + endpoint.timeout; }

  const Transport transport;
  const AsyncTransport asyncTransport;
  const TokenEndpoint endpoint;
  const Clock now;
  mutable DpopNonces nonces;
  mutable std::atomic<bool> isUnreachable = false;
};

// One call without a thread. Holds itself while it is on its way.
class Asking : public std::enable_shared_from_this<Asking> {
 public:
  Asking(std::shared_ptr<const Calls> calls, const TokenSet& tokens, std::function<void(RefreshAnswer)> done)
      : calls_(std::move(calls)),
        plan_(calls_->endpoint, tokens, calls_->nonces, calls_->isUnreachable, calls_->now),
        done_(std::move(done)) {}

  void begin() { go(plan_.begin(monotonicNow())); }

 private:
  void go(TokenPlan::Step step) {
    if (auto* answer = std::get_if<RefreshAnswer>(&step)) return done_(std::move(*answer));
    const auto& [request, deadline] = std::get<TokenPlan::Send>(step);
    send(calls_->asyncTransport, *request, deadline, {}, [self = shared_from_this()](Result<Response> response) {
      self->go(self->plan_.answered(std::move(response), monotonicNow()));
    });
  }

  const std::shared_ptr<const Calls> calls_;
  TokenPlan plan_;
  const std::function<void(RefreshAnswer)> done_;
};

constexpr int mostRevocations = 2;  // twice is harmless (RFC 7009 section 2.2)

bool isRevoked(const Result<Response>& answer) { return answer && answer->status < 500; }

// A revocation without a thread. Nobody waits for it.
class Revoking : public std::enable_shared_from_this<Revoking> {
 public:
  Revoking(std::shared_ptr<const Calls> calls, TokenSet tokens)
      : calls_(std::move(calls)), tokens_(std::move(tokens)) {}

  void begin() {
    Result<Request> request = calls_->revocation(tokens_);
    if (!request) return;
    request_ = *std::move(request);
    ++attempts_;
    send(calls_->asyncTransport, request_, calls_->deadline(), {},
         [self = shared_from_this()](const Result<Response>& answer) {
           if (!isRevoked(answer) && self->attempts_ < mostRevocations) self->begin();
         });
  }

 private:
  const std::shared_ptr<const Calls> calls_;
  const TokenSet tokens_;
  Request request_;
  int attempts_ = 0;
};

// By the application's function in place of the endpoint.
RefreshCall customCall(const TokenCallOptions& options) {
  const TokenEndpoint& endpoint = options.endpoint;
  return [refresh = options.refresh, timeout = endpoint.timeout,
          resource = endpoint.resource](const TokenSet& tokens) -> RefreshAnswer {
    RefreshAnswer answer{.tokens = refresh(tokens, monotonicNow() + timeout)};
    if (!answer.tokens) return answer;
    if (answer.tokens->accessToken.empty() || !allOf(answer.tokens->accessToken, isVisible)) {
      return {.tokens = fail(Errc::refreshFailed, "the function gave no access token that can stand in a header")};
    }
    if (auto others = anotherUsers(*answer.tokens, tokens)) return *std::move(others);
    if (answer.tokens->cookies.empty()) answer.tokens->cookies = tokens.cookies;
    answer.tokens->resource = resource;
    return answer;
  };
}

}  // namespace

RefreshCall refreshCall(const TokenCallOptions& options) {
  if (options.refresh) return customCall(options);
  const auto calls = std::make_shared<const Calls>(options);
  if (!options.asyncTransport) return [calls](const TokenSet& tokens) { return calls->ask(tokens); };
  return [calls](const TokenSet& tokens, std::function<void(RefreshAnswer)> done) {
    std::make_shared<Asking>(calls, tokens, std::move(done))->begin();
  };
}

RevokeCall revokeCall(const TokenCallOptions& options) {
  if (options.endpoint.revocationUrl.empty()) return nullptr;
  const auto calls = std::make_shared<const Calls>(options);
  if (calls->asyncTransport) {
    return [calls](const TokenSet& tokens) { std::make_shared<Revoking>(calls, tokens)->begin(); };
  }
  return [calls](const TokenSet& tokens) {
    for (int attempt = 0; attempt < mostRevocations; ++attempt) {
      const auto request = calls->revocation(tokens);
      if (!request) return;
      if (isRevoked(calls->transport(*request, calls->deadline()))) return;
    }
  };
}

}  // namespace ironjar::detail
