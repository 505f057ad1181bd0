// One refresh at a token endpoint as a state machine, pure: no I/O, threads or monotonic clock. The first row that
// fits:
//
// | state  | event                                                | next                                               |
// | ------ | ---------------------------------------------------- | -------------------------------------------------- |
// | begun  | no request can be made                               | the answer: why                                    |
// |        | one can                                              | Send, within half the time where a second try may  |
// |        |                                                      | follow a lost answer                               |
// | sent   | the DPoP proof is refused, the next one differs, and | Send the same again, once for each try             |
// |        | this is the first request of the try                 |                                                    |
// |        | nothing was sent, and the endpoint can be reached as | Send a second try, within the whole time           |
// |        | far as is known; or within replay.grace the answer   |                                                    |
// |        | is lost or the token possibly used; time is left,    |                                                    |
// |        | and this is the first try                            |                                                    |
// |        | otherwise                                            | the answer: what the last one means; the first one |
// |        |                                                      | when a second try was lost or never sent           |
//
// A second try that could not be sent makes the endpoint known as unreachable, for all its calls, until one is sent: in
// an outage each call is one try, while a single connection that is lost is made up for.
#pragma once

#include "oauth/token_answer.hpp"
#include "oauth/token_request.hpp"

#include <atomic>
#include <variant>

namespace ironjar::detail {

// The answer in place of tokens that are another user's than the spent ones.
[[nodiscard]] std::optional<RefreshAnswer> anotherUsers(const TokenSet& fresh, const TokenSet& spent);

class TokenPlan {
 public:
  struct Send {
    const Request* request;  // the plan's; until the next event
    Deadline deadline;
  };
  using Step = std::variant<Send, RefreshAnswer>;

  // What it refers to must outlive it. `isUnreachable` is shared by the calls of one endpoint, false at first.
  TokenPlan(const TokenEndpoint& endpoint, const TokenSet& spent, DpopNonces& nonces, std::atomic<bool>& isUnreachable,
            const Clock& now);
  TokenPlan(const TokenPlan&) = delete;
  TokenPlan& operator=(const TokenPlan&) = delete;

  [[nodiscard]] Step begin(MonotonicTime now);
  // The outcome of the last Send.
  [[nodiscard]] Step answered(Result<Response> answer, MonotonicTime now);

 private:
  [[nodiscard]] Send send(Request request);
  [[nodiscard]] bool mayRepeat(AnswerMeaning meaning, MonotonicTime now) const;
  [[nodiscard]] RefreshAnswer concluded(TokenAnswer read, const Result<Response>& answer) const;

  const TokenEndpoint& endpoint_;
  std::atomic<bool>& isUnreachable_;
  const TokenSet spent_;
  const Clock& now_;
  const TokenRequest tried_;
  Request request_;
  MonotonicTime begin_{};
  Deadline deadline_{};
  std::optional<Result<Response>> refused_;  // the answer that has refused the proof; the next one is to the same try
  std::optional<TokenAnswer> first_;         // what the first try has brought, once there is a second
};

}  // namespace ironjar::detail
