// What Redis remembers of refresh tokens, as steps that either have an authentic outcome or none.
#pragma once

#include "redis/link.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
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
  bool mayBeOver = false;  // as RefreshAnswer's
};

// What the records of a refresh token are called, under each of the passwords: `<prefix>token:{xx}:<keyed hash>`. The
// hash tag, two characters of base64url, is a hash of 12 bits without a key, so that processes with other passwords
// choose the same: in a cluster all keys of a token are in one slot, and each script remains one atomic step. Whoever
// reads Redis learns 12 bits of the hash of a token that has 128 random ones or more (RFC 6749 section 10.10).
[[nodiscard]] RedisNames tokenNames(const RedisSealer& sealer, std::string_view client, std::string_view refreshToken);

// The records of one client's refresh token. Not thread-safe; link and texts must outlive it.
class RedisRecord {
 public:
  struct Times {
    std::chrono::milliseconds lease;
    Seconds keep;              // results and logouts
    Seconds keepInvalidGrant;  // refusals
    // Set when nobody waits for an answer any more; may be null.
    std::shared_ptr<const std::atomic<bool>> isGivenUp = nullptr;
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

  template <class T>
  using Told = Completion<Result<T>>;

  // These never block: each completes on the link's thread, later, and the record must live until then, one step at a
  // time. Only where it says so it may be another step's time, too.
  //
  // What is known, who is asking, how the call of `awaited` failed; or the lock is `owner`'s now. Errors as
  // RedisLink::start's.
  void claim(const std::string& owner, const std::string& awaited, Told<Claim> done);
  // False when another has taken over. May be under way beside another step.
  void renew(const std::string& owner, Told<bool> done);
  // Each gives up the lock and stores how the call has ended. A record of another process that is newer, or a logout,
  // is not overwritten: it is returned. When Redis fails, publish() has the tokens stored later, as soon as Redis takes
  // them. If a logout is found there then, or when they are stored again on another server, `late`, which may be empty,
  // is called with it, on the link's thread; the link may be all that is left then.
  void publish(const std::string& owner, const TokenSet& tokens, std::optional<TimePoint> endedAt, Told<Outcome> done,
               std::function<void(const Record&)> late = {});
  void endGrant(const std::string& owner, Told<Outcome> done);
  void release(const std::string& owner, const Failure& failure, Told<Outcome> done);
  // What is known, without a lock.
  void lookUp(Told<std::optional<Record>> done);
  // Stores that the login has ended: now, or as soon as Redis can be reached. The record that was there, if Redis can
  // be reached now. Changes nothing when a later logout is stored, or one that refuses this session already.
  void logOut(const Logout& logout, Told<std::optional<Record>> done);

  // The same for a thread that can wait. On the link's thread: Errc::overloaded.
  [[nodiscard]] Result<Claim> claim(const std::string& owner, const std::string& awaited);
  [[nodiscard]] Result<bool> renew(const std::string& owner);
  [[nodiscard]] Result<Outcome> publish(const std::string& owner, const TokenSet& tokens,
                                        std::optional<TimePoint> endedAt = std::nullopt);
  [[nodiscard]] Result<Outcome> release(const std::string& owner, const Failure& failure);
  [[nodiscard]] Result<std::optional<Record>> lookUp();
  [[nodiscard]] std::optional<Record> logOut(const Logout& logout);
  // The record that came last does not count from now on.
  void passOver();

  // The channels on which it is said that somebody has given the lock up.
  [[nodiscard]] const RedisNames& channels() const { return locks_; }

  // Orphaned tokens: a call brought them after another process had ended the login. That process finds them here and
  // revokes them. `mayCome`: such a call is still in flight. An error when Redis fails: they are stored later, then.
  void storeOrphaned(const TokenSet& tokens, Told<bool> done);
  struct Orphaned {
    std::optional<TokenSet> tokens;
    bool mayCome = false;
  };
  void orphaned(Told<Orphaned> done);

 private:
  // What a script is told beyond the names and times.
  struct Order {
    std::string owner = {};
    std::string what = {};
    std::string note = {};
    Seconds ttl{1};
    std::vector<std::string> values = {};
    std::function<void(const Reply&)> answered = nullptr;  // as RedisCall's
  };
  // A script's answer: a record, if it told one, or a word and a text.
  struct Answer {
    std::optional<Record> record = std::nullopt;
    std::string word = {};
    std::string text = {};
  };

  void run(const RedisScript& script, std::shared_ptr<const Order> order, Told<Answer> done, std::size_t tries = 0);
  void runPublish(Order order, Told<Outcome> done);
  [[nodiscard]] Result<std::vector<std::string>> sealed(char kind, const Json& data, Seconds ttl) const;
  [[nodiscard]] std::optional<Record> open(std::size_t index, std::string_view value) const;
  [[nodiscard]] std::string noteOf(const std::string& owner, const Failure& failure) const;
  [[nodiscard]] std::optional<Json> openedNote(const std::string& owner, std::string_view note) const;
  [[nodiscard]] Failure readNote(const std::string& owner, std::string_view note) const;
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
