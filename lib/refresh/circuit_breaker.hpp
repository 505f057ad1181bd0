// When the token endpoint of one client may be asked: a circuit breaker. Decides only: times are passed in, and its
// owner guards it.
//
// | state     | may a call start?           | a call has shown the endpoint well | a call has failed                |
// | --------- | --------------------------- | ---------------------------------- | -------------------------------- |
// | closed    | yes                         | failed tokens are forgotten        | the third different token since  |
// |           |                             |                                    | then, or one that says it of all |
// |           |                             |                                    | tokens: open                     |
// | open      | no, until its pause is over | (begun before it opened: ignored)  | (begun before it opened: ignored)|
// | half-open | 1, then 2, 4 … at once, of  | twice as many from now on; after   | as closed, and one that looks    |
// |           | tokens that have not failed | 32: closed                         | like the endpoint's own: open    |
#pragma once

#include "refresh/token_key.hpp"

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
  [[nodiscard]] Permit begin();
  // Whether it has not opened since: a call that was put off until then need not be made.
  [[nodiscard]] bool isValid(Permit permit) const { return permit == opened_; }

  // How a call has ended; `retryAfter` is what the endpoint asked for.
  void ended(Permit permit, const TokenKey& token, EndpointState endpoint, std::optional<Seconds> retryAfter,
             MonotonicTime now);
  void withdrawn(Permit permit);  // it was not made, or says nothing

  [[nodiscard]] bool isOpen(MonotonicTime now) const { return allowed_ > 0 && now < until_; }
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
  std::vector<TokenKey> failed_;  // different ones, since the endpoint was well
  std::optional<Seconds> asked_;  // the longest Retry-After of theirs
  unsigned allowed_ = 0;          // half-open: calls at once; 0: closed
  unsigned probes_ = 0;           // half-open: under way
  Duration pause_{};
  MonotonicTime until_{};
  std::optional<MonotonicTime> lastSuccess_;
  std::optional<MonotonicTime> recoveredAt_;
};

}  // namespace ironjar::detail
