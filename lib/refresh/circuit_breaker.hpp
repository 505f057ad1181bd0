// When the token endpoint of one client may be asked: a circuit breaker. Decides only: times are passed in, and its
// owner guards it.
//
// | state     | may a call start?           | a call has shown the endpoint well | a call has failed                |
// | --------- | --------------------------- | ---------------------------------- | -------------------------------- |
// | closed    | yes                         | failed tokens are forgotten        | the third different token since  |
// |           |                             |                                    | then, or one that says it of all |
// |           |                             |                                    | tokens: open                     |
// | open      | no, until its pause is over;| (begun before it opened: ignored)  | (begun before it opened: ignored)|
// |           | of tokens that have not     |                                    |                                  |
// |           | failed one every few seconds|                                    |                                  |
// | half-open | 1, then 2, 4 … at once, of  | twice as many from now on; after   | as closed; one that looks like   |
// |           | tokens that have not failed | 32: closed                         | the endpoint's own: open; another|
// |           |                             |                                    | first probe: a short pause; three|
// |           |                             |                                    | in a row: one for those that have|
// |           |                             |                                    | failed, after each               |
//
// An error of a token's own shows the endpoint well; but the fourth different token in a row that gets one and nothing
// else: open. A token that fails while others succeed is its own affair, and says nothing.
#pragma once

#include "refresh/token_key.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <ironjar/coordinator.hpp>

namespace ironjar::detail {

class CircuitBreaker {
 public:
  using Duration = MonotonicTime::duration;
  using Permit = unsigned;                  // how often it had opened when the call began
  enum class Token { unknown, hasFailed };  // what is known of the one that wants a call

  // For how long no call may start; nothing when one may. A token whose own calls have failed waits a little longer, so
  // that another token probes the endpoint first, if one comes.
  [[nodiscard]] std::optional<Duration> refusal(MonotonicTime now, Token token) const;
  // A call starts, which refusal() has let pass.
  [[nodiscard]] Permit begin(Token token, MonotonicTime now);
  // Whether it has not opened since: a call that was put off until then need not be made.
  [[nodiscard]] bool isValid(Permit permit) const { return permit == opened_; }

  // How a call has ended; `retryAfter` is what the endpoint asked for.
  void ended(Permit permit, const TokenKey& token, EndpointState endpoint, std::optional<Seconds> retryAfter,
             MonotonicTime now);
  // It has ended with an error of the token's own.
  void refusedToken(Permit permit, const TokenKey& token, MonotonicTime now);
  void withdrawn(Permit permit);  // it was not made, or says nothing
  // It has failed, and says nothing of the endpoint: the next probe is not made at once, whatever the trouble is. Of
  // several in a row one cannot tell.
  void probedInVain(Permit permit, MonotonicTime now);

  [[nodiscard]] bool isOpen(MonotonicTime now) const { return allowed_ > 0 && now < until_; }
  // Whether calls about other tokens have failed since the endpoint was well.
  [[nodiscard]] bool hasFailedOthers(const TokenKey& token) const {
    return isUnproven() || std::any_of(failed_.begin(), failed_.end(), [&](const TokenKey& t) { return t != token; });
  }
  // Whether it has opened, and no call has shown the endpoint well since.
  [[nodiscard]] bool isUnproven() const { return allowed_ == 1; }
  // A call has brought tokens.
  void succeeded(MonotonicTime now) { lastSuccess_ = now; }
  [[nodiscard]] std::optional<MonotonicTime> lastSuccess() const { return lastSuccess_; }
  // When a call first showed the endpoint well after the breaker had opened.
  [[nodiscard]] std::optional<MonotonicTime> recoveredAt() const { return recoveredAt_; }

 private:
  void wasWell(Permit permit, MonotonicTime now);
  void open(EndpointState why, std::optional<Seconds> asked, MonotonicTime now);

  Permit opened_ = 0;
  std::vector<TokenKey> failed_;   // different ones, since the endpoint was well
  std::vector<TokenKey> refused_;  // different ones in a row, with errors of their own
  std::optional<Seconds> asked_;   // the longest Retry-After of theirs
  unsigned allowed_ = 0;           // half-open: calls at once; 0: closed
  unsigned probes_ = 0;            // half-open: under way
  std::size_t inVain_ = 0;         // calls that failed and say nothing, since the endpoint was well
  Duration pause_{};
  MonotonicTime until_{};
  bool wasAsked_ = false;        // the pause, by a Retry-After
  MonotonicTime nextUnknown_{};  // when a token that has not failed may probe, though the pause is not over
  MonotonicTime nextFailed_{};   // half-open, and proven: when one that has failed may call again
  std::optional<MonotonicTime> lastSuccess_;
  std::optional<MonotonicTime> recoveredAt_;
};

}  // namespace ironjar::detail
