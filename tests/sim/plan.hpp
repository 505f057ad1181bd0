// What a seed stands for: the faults that its history may contain, the settings, and what happens when.
#pragma once

#include "sim/random.hpp"
#include "sim/schedule.hpp"

#include <array>
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
  count
};
[[nodiscard]] std::string_view nameOf(Fault fault);

class Mix {
 public:
  [[nodiscard]] bool has(Fault fault) const { return (bits_ >> static_cast<unsigned>(fault) & 1U) != 0; }
  void set(Fault fault) { bits_ |= 1U << static_cast<unsigned>(fault); }
  void clear(Fault fault) { bits_ &= ~(1U << static_cast<unsigned>(fault)); }

 private:
  unsigned bits_ = 0;
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
};
[[nodiscard]] std::string_view nameOf(Kind kind);

struct Action {
  Millis at{};
  Kind kind = Kind::fetch;
  unsigned browser = 0;
  unsigned process = 0;
  std::uint64_t seed = 0;
};

struct Settings {
  ironjar::profiles::Name profile{};
  bool isPlain = false;  // no profile: a rotation of its own
  ironjar::testing::Rotation rotation = ironjar::testing::Rotation::strict;
  ironjar::Seconds grace{0};
  bool gracedClient = false;  // the endpoint's replay.grace is the provider's
  bool strictClient = false;
  bool revokes = false;
  bool tellsSubject = false;
  ironjar::Seconds lifetime{60};
  ironjar::Seconds keep{60};
  ironjar::Seconds keepUnconfirmed{600};
  std::size_t maxEntries = 1000;
  unsigned maxRetries = 1;
  Millis settleDelay{0};
  ironjar::Seconds threshold{600};
  ironjar::Seconds tokenTimeout{10};
  ironjar::Seconds fetchTimeout{30};
  bool rolling = false;
  bool chunk = false;
  unsigned browsers = 1;
  unsigned processes = 1;
};

struct Plan {
  std::uint64_t seed = 0;
  Mix mix;
  Settings settings;
  std::vector<Action> actions;
};

[[nodiscard]] Plan draw(std::uint64_t seed);
[[nodiscard]] std::string describe(const Plan& plan);

}  // namespace sim
