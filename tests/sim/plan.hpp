// What a seed stands for: the faults that its history may contain, the settings, and what happens when.
#pragma once

#include "sim/random.hpp"
#include "sim/schedule.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/profiles.hpp>
#include <ironjar/seal.hpp>
#include <ironjar/testing/behaviour.hpp>

namespace sim {

// Each seed has some of them.
enum class Fault : unsigned {
  lostAnswers,   // of the site's, on the way to a browser
  slowBrowsers,  // answers take seconds, and come in another order
  lostApi,       // requests to the API break, or its answers do
  slowApi,
  refusingApi,    // it says 401 to good tokens for a while
  lostTokens,     // the provider's answers are lost after the tokens were spent
  unreachable,    // requests to the provider are not sent, or lost before it has spent the token
  slowProvider,   // answers come late, or after the deadline
  garbledTokens,  // they come as something else
  doubledTokens,  // they come twice
  outage,         // the provider is down for a while, in one of several ways
  poisoned,       // one login's tokens get an error of their own
  killedGrants,   // the provider ends logins by itself
  crash,
  restart,  // with other passwords and formats, while requests are under way
  clocks,   // wall clocks drift and jump
  restored,
  evicted,
  leaving,      // browsers close connections
  severalTabs,  // many requests at once
  longPauses,   // minutes and hours pass
  smallTable,
  shortKeep,
  twoProcesses,  // that share nothing
  longChains,
  // Of Redis, in histories over it (redis/plan.cpp).
  lostCommands,     // before Redis has executed them
  lostReplies,      // after
  slowRedis,        // commands and answers come when nobody waits for them any more
  doubledCommands,  // a connection broke, and the command was sent on the next one
  lostMessages,
  redisDown,
  redisStalls,    // it takes commands, and executes them later
  failovers,      // that may lose the latest writes
  cutOff,         // one process is, from Redis
  pausedProcess,  // nothing happens in it for a while
  // For the rules of conduct.hpp.
  stepUp,       // the API wants another login of some requests
  mixedUp,      // the provider gives another user's tokens
  proofs,       // it gives tokens that need a proof of possession
  oddErrors,    // it says invalid_grant, and means that it was asked too often
  impatient,    // browsers send many requests in a row, whatever they are answered
  bigNotes,     // sessions of several cookies, and of one again
  tightBounds,  // few requests may wait
  count
};
inline constexpr Fault firstOfRedis = Fault::lostCommands;
inline constexpr Fault firstOfConduct = Fault::stepUp;
[[nodiscard]] std::string_view nameOf(Fault fault);

class Mix {
 public:
  [[nodiscard]] bool has(Fault fault) const { return (bits_ >> static_cast<unsigned>(fault) & std::uint64_t{1}) != 0; }
  void set(Fault fault) { bits_ |= std::uint64_t{1} << static_cast<unsigned>(fault); }
  void clear(Fault fault) { bits_ &= ~(std::uint64_t{1} << static_cast<unsigned>(fault)); }

 private:
  std::uint64_t bits_ = 0;
};

enum class Kind {
  // A browser's requests.
  fetch,
  post,
  write,
  login,
  logout,
  status,
  refresh,
  probe,  // a fetch when all is well again
  // What happens to browsers.
  restore,
  evict,
  leave,
  // To the provider and the API.
  outage,
  poison,
  refuseApi,
  endAccess,  // every access token so far
  kill,
  // To the processes.
  crash,
  restart,
  clock,
  // To Redis, and to the way there.
  redisDown,
  redisStall,
  failOver,
  cutOff,
  pause,  // of a process
};
[[nodiscard]] std::string_view nameOf(Kind kind);

struct Action {
  Millis at{};
  Kind kind = Kind::fetch;
  unsigned browser = 0;
  unsigned process = 0;
  std::uint64_t seed = 0;
  unsigned triedBefore = 0;  // a probe that was told to come again
};

struct RedisSettings {
  bool isUsed = false;
  bool sentinel = false;
  bool list = false;          // of logouts, as a RedisRevocationList
  bool failsWithout = false;  // WithoutRedis::fail
  Millis lease{12'000};
};

struct Settings {
  ironjar::profiles::Name profile{};
  bool isPlain = false;  // no profile: a rotation of its own
  ironjar::testing::Rotation rotation = ironjar::testing::Rotation::strict;
  ironjar::Seconds grace{0};
  bool gracedClient = false;  // the endpoint's replay.grace is the provider's
  bool strictClient = false;
  bool refusalMayEnd = false;  // TokenEndpoint::endsGrant, of 403, where there is no profile
  bool revokes = false;
  bool tellsSubject = false;
  bool tellsSubjectOnce = false;  // at login alone
  ironjar::Seconds lifetime{60};
  ironjar::Seconds keep{60};
  ironjar::Seconds keepUnconfirmed{600};
  std::size_t maxEntries = 1000;
  std::size_t maxCalls = 256;
  unsigned maxRetries = 1;
  Millis settleDelay{0};
  ironjar::Seconds threshold{600};
  ironjar::Seconds tokenTimeout{10};
  ironjar::Seconds fetchTimeout{30};
  ironjar::Seconds absoluteTtl{0};
  bool rolling = false;
  bool chunk = false;
  unsigned browsers = 1;
  unsigned processes = 1;
  RedisSettings redis;
};

struct Plan {
  std::uint64_t seed = 0;
  Mix mix;
  Settings settings;
  std::vector<Action> actions;
};

void sortByTime(Plan& plan);  // its actions; those of one time stay in their order
[[nodiscard]] Plan draw(std::uint64_t seed);
// The same history over Redis, with more processes and what may befall these (redis/plan.cpp).
[[nodiscard]] Plan drawOverRedis(std::uint64_t seed);
[[nodiscard]] Plan overRedis(Plan plan, Random random);
// From a fuzzer's bytes: the first says whether it is over Redis, each other one is a draw. When they are used up,
// draws go on as from seed 0.
[[nodiscard]] Plan drawFrom(std::span<const std::uint8_t> bytes);
[[nodiscard]] std::string describe(const Plan& plan);

}  // namespace sim
