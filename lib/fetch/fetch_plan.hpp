// One performFetch as a state machine, pure: no I/O, threads or clocks. The first row that fits:
//
// | state      | event                                           | next                                              |
// | ---------- | ----------------------------------------------- | ------------------------------------------------- |
// | begun      | tokens about to end, and may be refreshed       | Refresh, expiry; patient only when they have ended|
// |            | otherwise                                       | Send                                              |
// | ahead      | newer tokens                                    | Send                                              |
// |            | the login is over                               | Return: the error                                 |
// |            | another error, the access token still good      | Send                                              |
// |            | refreshFailed, the access token ended meanwhile | Refresh, expiry, patient: once                    |
// |            | another error                                   | Return: the error                                 |
// | sending    | the connection broke and may have been a kept   | Send, on a new connection                         |
// |            | one; GET or HEAD without a stream, first time   |                                                   |
// |            | another error                                   | Return: the error                                 |
// |            | 401 that refuses the DPoP proof, the next one   | Send at once, which is no retry                   |
// |            | has another nonce, the body can be sent again   |                                                   |
// |            | 401 that refuses it otherwise, or twice in a row| Return: the response                              |
// |            | no 401, or one that newer tokens would not meet | Return: the response                              |
// |            | 401, no tokens                                  | Return: Errc::loginRequired; Errc::expired when   |
// |            |                                                 | the session that came was past its end            |
// |            | 401, maxRetries spent                           | Return: the response                              |
// |            | 401, no refresh token                           | Return: the response while the access token is    |
// |            |                                                 | good by the clock, else RefreshEnd::noRefreshToken|
// |            | 401, no call has brought these tokens           | Refresh, unauthorized                             |
// |            | 401, one has                                    | Wait settleDelay, or Send at once                 |
// | refreshing | throttled                                       | Return: the response                              |
// | (after a   | another error                                   | Return: the error                                 |
// | 401)       | newer tokens, and the body can be sent again    | Wait settleDelay, or Send at once                 |
// |            | newer tokens, and it cannot                     | Return: the response, retryable                   |
// | waiting    | waited                                          | Send                                              |
// | any        | the tokens' DPoP key is no key                  | in place of Send, Return: Errc::loginRequired     |
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <ironjar/fetch.hpp>

namespace ironjar::detail {

// Why a request may not be sent at all: its URL, method or fields.
[[nodiscard]] std::optional<Error> refusalOf(const Request& request, const FetchOptions& options);

// What is to be known of a session at an event.
struct SessionFacts {
  std::optional<TokenSet> tokens = std::nullopt;
  std::string id = {};
  bool isGood = false;    // the access token has not ended, by the clock
  bool isDue = false;     // it is to be refreshed ahead of its end
  bool hasEnded = false;  // the cookie that came was past its end
  // Puts a DPoP proof into a request, for tokens that have a key (detail::prove); empty for others.
  std::function<std::optional<Error>(Request&)> prove = {};
  RefreshedBy caughtUp = RefreshedBy::none;  // who has brought them, when they are not those that came
  bool hasNewNonce = false;                  // the answer has brought a nonce, or ended one: the next proof differs
};

class FetchPlan {
 public:
  struct Send {
    const Request* request;  // the plan's; until the next event
    unsigned attempt;        // from 1
    bool isRetry;
  };
  struct Refresh {
    RefreshTrigger trigger;
    bool isPatient;  // there is no way on without new tokens
  };
  struct Wait {
    std::chrono::milliseconds time;
  };
  struct Return {
    Result<Response> result;
    bool endsSession = false;  // which is to be destroyed
  };
  using Step = std::variant<Send, Refresh, Wait, Return>;

  FetchPlan(std::shared_ptr<const FetchOptions> options, Request request);

  [[nodiscard]] const Request& request() const { return request_; }

  // Each an event; what is to be done next. One that the last step did not ask for throws std::logic_error.
  [[nodiscard]] Step begin(const SessionFacts& session);
  [[nodiscard]] Step answered(Result<Response> response, const SessionFacts& session);
  [[nodiscard]] Step refreshed(const Result<RefreshedBy>& by, const SessionFacts& session);
  [[nodiscard]] Step waited(const SessionFacts& session);

  // Whether answered() returns this response whatever is known of the session, which need not be looked at then.
  [[nodiscard]] bool isFinal(const Result<Response>& response) const;

  // Throws std::logic_error when the last step was no Refresh.
  void expectRefresh() const;

 private:
  enum class State { begun, ahead, sending, refreshing, waiting, returned };

  [[nodiscard]] Step send(const SessionFacts& session);
  [[nodiscard]] Step sendAgain(const SessionFacts& session);
  [[nodiscard]] bool isStreamed() const { return openBody_ || openAsyncBody_; }
  [[nodiscard]] bool beginBodyAgain();
  [[nodiscard]] bool beginStream();
  void letBodyGo();
  [[nodiscard]] Step finish(Result<Response> result, bool endsSession = false);
  [[nodiscard]] Step finishWithResponse();
  [[nodiscard]] std::optional<Error> putCredentials(const SessionFacts& session);
  [[nodiscard]] bool mayRepeat(const Error& error) const;
  void expect(State state) const;

  std::shared_ptr<const FetchOptions> options_;
  Request request_;
  std::function<BodyReader()> openBody_;
  std::function<AsyncBodyReader()> openAsyncBody_;
  State state_ = State::begun;
  Trace trace_;
  std::unique_ptr<Response> response_;  // a 401
  std::string apiCookies_;              // those that the API has set on the way
  unsigned retries_ = 0;
  unsigned caughtUp_ = 0;
  bool isShort_ = false;       // the refresh ahead is waited for shortly, since the access token was good
  bool hasRepeated_ = false;   // it was sent again because the connection broke
  bool isProved_ = false;      // the request in flight has a DPoP proof
  bool isForNonce_ = false;    // the request in flight was sent again because its proof was refused
  bool hasRefreshed_ = false;  // a call has brought these tokens: one request spends no more than one refresh token
};

}  // namespace ironjar::detail
