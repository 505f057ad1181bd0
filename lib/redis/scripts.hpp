// The scripts that Redis runs: each is one atomic step.
//
// In a cluster all keys of one refresh token are in one slot, under whichever passwords (records.hpp).
//
// A refresh token has three keys, times the number of passwords: its value (what became of it: `o` logged out, with the
// time in 16 digits, `r` tokens, `d` the provider ended the login; then a seal), its lock (who asks), and the last
// owner of that lock (the fence: who has lost the lock to another is told apart from who has merely let it expire).
//
// Nothing of what Redis holds is trusted: what is of another type or too large is removed, a lock that would never
// expire is none, and a value that does not open is passed over by its exact text the next time.
#pragma once

#include "redis/reply.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <ironjar/types.hpp>

namespace ironjar::detail {

struct RedisScript {
  std::string text;
  std::vector<std::string_view> words;  // one of which its answer begins with; none: it answers with a value per key
  // Where each key is a step of its own, which is true of keys in several slots of a cluster: so many arguments are for
  // all of them, and of the others, if there are any, there is one per key. 0: all keys are one step.
  std::size_t commonArguments = 0;

  // Whether it can have given this answer. What is in a value is for others to judge.
  [[nodiscard]] bool canAnswer(const Reply& reply, std::size_t keys) const;
  // Whether such an answer says that something was stored.
  [[nodiscard]] bool hasWritten(const Reply& reply) const;
};

// KEYS = values, locks, lasts. ARGV = size, owner, lease, keep, the longest time that a lock can have left, what, note,
// ttl, the values to pass over, the values to store; times are milliseconds. `what` is for
// - claim: the owner that has been waited for. {value, i, v} | {locked, owner} | {failed, note} | {mine}
// - publish: `r`, `d`, or `f` for neither, with a note for those that wait. {value, i, v} | {stored} | {refused}
// - renew: {renewed} | {lost}
// - logOut: nothing, and its note is when the session began. {value, i, v}, what was there, | {none}
inline constexpr std::size_t whatArgument = 5;  // counted from 0
inline constexpr std::size_t noteArgument = 6;
inline constexpr std::size_t tokenArguments = 8;  // in front of the values
[[nodiscard]] const RedisScript& claimScript();
[[nodiscard]] const RedisScript& publishScript();
[[nodiscard]] const RedisScript& renewScript();
[[nodiscard]] const RedisScript& logOutScript();
// KEYS = any; ARGV = size. Their values, nil where there is none.
[[nodiscard]] const RedisScript& lookUpScript();
// KEYS = any; ARGV = size, ttl, the values. {stored}
[[nodiscard]] const RedisScript& storeScript();
// The same, but a value stays that sorts after the new one.
[[nodiscard]] const RedisScript& storeLatestScript();

// A log, one stream. KEYS = it; ARGV = size, keep, the most entries, what the entry is about, the entry. {stored}. What
// is older than `keep` is removed, and whoever listens to the log's name as a channel is woken.
inline constexpr std::size_t subjectArgument = 3;
[[nodiscard]] const RedisScript& appendScript();
// KEYS = a log; ARGV = size, the first id (`-`: of all), the most entries. {entries, id, entry, id, entry, ...}
[[nodiscard]] const RedisScript& readLogScript();

// A time as scripts compare it, in front of a value: milliseconds in 16 digits. It is not to be trusted, what was
// sealed is.
// What waits to be sent compares as the scripts do (pending.cpp).
inline constexpr std::size_t sortableSize = 16;
[[nodiscard]] std::string sortable(TimePoint time);

}  // namespace ironjar::detail
