// What Redis remembers of refresh tokens, as steps that either have an authentic outcome or none.
#pragma once

#include "redis/link.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <ironjar/coordinator.hpp>

namespace ironjar::detail {

// What has become of a refresh token.
struct Record {
  enum class Kind { loggedOut, rotated, invalidGrant };
  Kind kind = Kind::loggedOut;
  TokenSet tokens = {};  // rotated: to these
  // loggedOut: when; rotated: when an earlier login with the same refresh token was. Sessions that began up to then
  // are refused.
  std::optional<TimePoint> endedAt = std::nullopt;

  // Whether a logout that is known here refuses a session that began then; one whose beginning is not known, always.
  [[nodiscard]] bool refuses(const std::optional<TimePoint>& begun) const;

  friend bool operator==(const Record&, const Record&) = default;
};

struct Failure {  // of a call that another process has made
  Error error;
  std::optional<Seconds> retryAfter = std::nullopt;
  std::optional<EndpointState> endpoint = std::nullopt;
};

// The records of one client's refresh token. Not thread-safe; link and texts must outlive it.
class RedisRecord {
 public:
  struct Times {
    std::chrono::milliseconds lease;
    Seconds keep;              // results and logouts
    Seconds keepInvalidGrant;  // refusals
  };

  RedisRecord(RedisLink& link, std::string_view client, std::string_view refreshToken, Times times);

  struct Locked {
    std::string by;
  };
  struct Claimed {};
  struct Stored {};
  struct Refused {};
  using Claim = std::variant<Record, Locked, Failure, Claimed>;
  using Outcome = std::variant<Record, Stored, Refused>;

  // What is known, who is asking, how the call of `awaited` failed; or the lock is `owner`'s now. Errors as
  // RedisLink::run's.
  [[nodiscard]] Result<Claim> claim(const std::string& owner, const std::string& awaited);
  // False when another has taken over.
  [[nodiscard]] Result<bool> renew(const std::string& owner);
  // Gives up the lock and stores the outcome, unless another's is known that is newer or says more. With an error,
  // publish() goes on until Redis has taken it.
  [[nodiscard]] Result<Outcome> publish(const std::string& owner, const TokenSet& tokens,
                                        std::optional<TimePoint> endedAt = std::nullopt);
  [[nodiscard]] Result<Outcome> endGrant(const std::string& owner);
  [[nodiscard]] Result<Outcome> release(const std::string& owner, const Failure& failure);
  // Marks the login as ended, whenever Redis can be reached; what was known before, if it can be now. An earlier logout
  // takes nothing back, nor does that of a session which has ended already.
  [[nodiscard]] std::optional<Record> logOut(const Logout& logout);
  // What is known, without a lock.
  [[nodiscard]] Result<std::optional<Record>> lookUp();
  // The record that came last does not count from now on.
  void passOver();

  // Tokens that came when the login had been ended, for whoever ended it to revoke. Nothing yet while somebody asks.
  void storeOrphaned(const TokenSet& tokens);
  struct Orphaned {
    std::optional<TokenSet> tokens;
    bool mayCome = false;
  };
  [[nodiscard]] Orphaned orphaned();

 private:
  // What a script is told beyond the names and times.
  struct Order {
    std::string owner = {};
    std::string what = {};
    std::string note = {};
    Seconds ttl{1};
    std::vector<std::string> values = {};
  };
  // A script's answer: a record, if it told one, or a word and a text.
  struct Answer {
    std::optional<Record> record = std::nullopt;
    std::string word = {};
    std::string text = {};
  };

  [[nodiscard]] Result<Answer> run(const RedisScript& script, const Order& order);
  [[nodiscard]] Result<Outcome> runPublish(const Order& order);
  [[nodiscard]] Result<std::vector<std::string>> sealed(char kind, const Json& data, Seconds ttl) const;
  [[nodiscard]] std::optional<Record> open(std::size_t index, std::string_view value) const;
  [[nodiscard]] Answer read(const Reply& reply);
  [[nodiscard]] RedisCall callOf(const RedisScript& script, const Order& order) const;

  RedisLink& link_;
  std::string secret_;
  Times times_;
  RedisNames values_;
  RedisNames locks_;
  RedisNames lasts_;
  RedisNames orphaned_;
  std::vector<std::string> passedOver_;  // by name
  std::size_t lastIndex_ = 0;
  std::string lastValue_;
};

// Tokens as they are sealed. A lifetime of less than 1 s or more than 100 years is lost.
[[nodiscard]] Json writeTokens(const TokenSet& tokens);
[[nodiscard]] std::optional<TokenSet> readTokens(const Json& data);

}  // namespace ironjar::detail
