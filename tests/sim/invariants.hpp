// What must hold after every step, whatever happened. Each thing that cannot be otherwise has a name, is counted, and
// lets through nothing else.
#pragma once

#include "sim/provider.hpp"
#include "sim/redis/trouble.hpp"
#include "sim/schedule.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ironjar/error.hpp>

namespace sim {

// As the library has them.
inline constexpr std::size_t tokensThatOpen = 3;
inline constexpr std::size_t longestChain = 16;

struct Violation {
  std::string rule;
  std::string what;
  Millis at{};
};

// What a call to the token endpoint came to, as its process saw it.
enum class Outcome {
  underWay,
  tokens,
  ended,    // the grant, says the provider
  lost,     // no answer that can be read, though the token may be spent
  refused,  // an error, of the token's or of the endpoint's
  notSent,
};

// What is told of one process's start, by whoever it happens to.
class Invariants {
 public:
  Invariants(const Settings& settings, const Provider& provider) : settings_(settings), provider_(provider) {}

  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& causes() const { return causes_; }
  void violated(std::string rule, std::string what);

  // A refresh token is spent once.
  using Call = std::size_t;
  [[nodiscard]] Call tokenCall(const LifePointer& life, const std::string& token, std::size_t evicted);
  // It is on its way to the provider, whoever waits; it gets there.
  void tokenSent(Call call);
  void tokenArrived(Call call);
  void tokenAnswered(Call call, Outcome outcome, const std::string& fresh);
  // With 403.
  void tokenForbidden(Call call) { calls_[call].isForbidden = true; }

  // Nobody holds another's tokens.
  void shown(const std::string& login, const std::string& accessToken, const std::optional<std::string>& user);

  // What was logged out stays out.
  // `wallAt` is the latest beginning of a session that it ends.
  void loggedOut(const LifePointer& life, const std::string& login, const std::string& token,
                 ironjar::TimePoint wallAt);
  // Whether a logout is remembered that a later session of the login has passed.
  [[nodiscard]] bool isPassed(const LifePointer& life, const std::string& login) const {
    const auto found = logouts_.find({life.get(), login});
    return found != logouts_.end() && found->second.wasPassed;
  }
  // Whether a session with this token cannot be one that is in, in this life.
  [[nodiscard]] bool isOut(const LifePointer& life, const std::string& login, const std::string& token,
                           std::size_t evicted, ironjar::TimePoint begun);

  // A login lives while its provider would let it live.
  void ended(const LifePointer& life, const std::string& login, const std::string& token, ironjar::RefreshEnd end);
  // An answer tells of the whole endpoint that it is not well.
  void showsTrouble(const LifePointer& life) {
    endpoints_[life.get()].troubled = Schedule::current().now();
    endpoints_[life.get()].good = 0;
  }
  // The provider has answered with another user's tokens.
  void mixedUp(const std::string& login) { mixedUp_.insert_or_assign(login, now()); }
  // A request's cookie has brought this token: what led to it is forgotten soon.
  void seen(const LifePointer& life, const std::string& token);
  // What a healthy site must do for a session with these tokens.
  [[nodiscard]] bool mustServe(const LifePointer& life, const std::string& login, const std::string& token,
                               const std::string& accessToken, std::size_t evicted) const;
  // Whether a process that shares nothing with this one has spent, or tried to, a token of the login since then.
  [[nodiscard]] bool wasAskedElsewhere(const LifePointer& life, const std::string& login, MonotonicTime since) const;
  // Or this one has, with a token whose successor it has forgotten or another process has got: the provider may end
  // others for that.
  [[nodiscard]] bool wasSpentAgain(const LifePointer& life, const std::string& login, MonotonicTime since) const;
  // Nobody waits because of another's failures alone. `waited` is of the request: since when for its refresh alone, its
  // deadline, and whether another call could begin now.
  // Whether the endpoint is to blame.
  struct Waited {
    MonotonicTime from{};
    MonotonicTime deadline{};
    bool isPlaceFree = true;
  };
  bool refusedForNow(const LifePointer& life, const std::string& login, const Waited& waited);

  // Over Redis the rules are for all processes together (redis/invariants.cpp).
  void troubled(RedisTrouble trouble);
  // A process that was serving a request of it: it may have had the lock.
  void diedServing(const std::string& login);
  void logoutBegins(const std::string& login);
  // A session of it came that began then: after a logout, maybe, that does not concern it.
  void came(const std::string& login, ironjar::TimePoint begun);
  // The browser has its answer: from now on every process refuses the login's sessions that began up to then.
  void loggedOutEverywhere(const LifePointer& life, const std::string& login, const std::string& token,
                           ironjar::TimePoint wallAt, MonotonicTime begunAt);
  // Whether a session of it cannot be one that is in, on any process, for a request that came then.
  [[nodiscard]] bool isOutEverywhere(const LifePointer& life, const std::string& login, ironjar::TimePoint begun,
                                     MonotonicTime since);

  [[nodiscard]] std::uint64_t tokensBrought(const LifePointer& life) const;
  [[nodiscard]] std::uint64_t callsUnderWay(const LifePointer& life) const;

 private:
  struct Record {
    LifePointer life;
    std::string token;
    MonotonicTime sentAt{};
    MonotonicTime answeredAt{};
    Outcome outcome = Outcome::underWay;
    std::string fresh;
    bool isOnItsWay = false;  // to the provider
    bool isForbidden = false;
  };
  struct Logout {
    MonotonicTime at{};
    std::string token;
    ironjar::TimePoint wallAt{};
    ironjar::TimePoint firstWallAt{};  // that of the first, with another token maybe, which this one did not concern
    bool wasPassed = false;            // by a session that counts as begun after it
    bool wasFirstPassed = false;       // after the first, at least
  };
  // What has been seen of the endpoint in one life.
  struct Endpoint {
    std::map<std::string, MonotonicTime> failed;  // tokens, lately or since the last success
    MonotonicTime goodAt{};
    std::optional<MonotonicTime> troubled;  // when it last looked like more than single tokens' affair
    std::size_t good = 0;                   // answers since then: its breaker closes gradually
  };

  [[nodiscard]] const Record* last(const LifePointer& life, const std::string& token) const;
  [[nodiscard]] const Record* lastAnywhere(const std::string& token) const;
  [[nodiscard]] bool isOf(const Record& call, const LifePointer& life) const {
    return settings_.redis.isUsed || call.life == life;
  }
  [[nodiscard]] std::string causeAmongProcesses(const Record& before, const LifePointer& life) const;
  [[nodiscard]] bool logoutsFit(const LifePointer& life) const;
  void checkLogout(const LifePointer& life, const std::string& token);
  void checkOwnLogout(const LifePointer& life, const std::string& token, std::size_t evicted);
  [[nodiscard]] MonotonicTime rememberedFrom(const LifePointer& life, const Logout& logout,
                                             const std::string& token) const;
  [[nodiscard]] std::string causeOfLateEnd(const LifePointer& life, const std::string& login) const;
  [[nodiscard]] std::string causeWithoutPlace(const LifePointer& life, const std::string& login,
                                              const Waited& waited) const;
  [[nodiscard]] std::string causeAtDeadline(const std::string& login, const Waited& waited) const;
  [[nodiscard]] bool mayBeOver(const LifePointer& life, const std::string& login) const;
  [[nodiscard]] bool isRetired(const LifePointer& life, const std::string& token) const;
  [[nodiscard]] bool mustServeOverRedis(const LifePointer& life, const std::string& login, const std::string& token,
                                        const std::string& accessToken) const;
  // What was wrong for one of these processes, or for all, between these times; empty: nothing.
  [[nodiscard]] std::string troubleOf(std::initializer_list<unsigned> processes, MonotonicTime from,
                                      MonotonicTime to) const;
  [[nodiscard]] bool isDoubtful(const Record& call) const;
  [[nodiscard]] bool wasOnItsWay(const LifePointer& life, MonotonicTime loggedOutAt);
  [[nodiscard]] bool wasLoggedOutElsewhere(const std::string& login) const;
  void answeredAnywhere(Outcome outcome, const std::string& token);
  [[nodiscard]] std::string causeOf(const Record& before, std::size_t evicted) const;
  [[nodiscard]] bool wasIssuedAgain(const Record& before) const;
  [[nodiscard]] std::optional<std::string> successorOf(const LifePointer& life, const std::string& token,
                                                       MonotonicTime by) const;

  const Settings& settings_;
  const Provider& provider_;
  std::vector<Record> calls_;
  std::map<std::pair<const Life*, std::string>, std::vector<std::size_t>> byToken_;
  std::map<std::pair<const Life*, std::string>, Logout> logouts_;      // by login
  std::map<const Life*, std::size_t> loggedOutTokens_;                 // at most so many
  std::map<std::pair<const Life*, std::string>, MonotonicTime> seen_;  // first, by token
  std::map<const Life*, Endpoint> endpoints_;
  std::map<std::string, std::uint64_t> causes_;
  std::optional<Violation> violation_;
  std::map<std::string, MonotonicTime> mixedUp_;  // logins, when last

  struct SharedLogout {
    MonotonicTime at{};
    std::string token;
    ironjar::TimePoint wallAt{};
    bool isDoubtful = false;  // Redis may not have it
  };
  std::vector<RedisTrouble> troubles_;                 // in their order
  std::map<std::string, MonotonicTime> diedServing_;   // last, by login
  std::set<std::string> begunLogouts_;                 // logins
  std::set<std::string> passedLogouts_;                // logins whose logout a later session has passed
  std::map<std::string, SharedLogout> sharedLogouts_;  // by login
};

}  // namespace sim
