// What must hold after every step, whatever happened. Each thing that cannot be otherwise has a name, is counted, and
// lets through nothing else.
#pragma once

#include "sim/provider.hpp"
#include "sim/schedule.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ironjar/error.hpp>

namespace sim {

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
  void tokenAnswered(Call call, Outcome outcome, const std::string& fresh);

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
  // A request's cookie has brought this token: what led to it is forgotten soon.
  void seen(const LifePointer& life, const std::string& token);
  // What a healthy site must do for a session with these tokens.
  [[nodiscard]] bool mustServe(const LifePointer& life, const std::string& login, const std::string& token,
                               const std::string& accessToken, std::size_t evicted) const;
  // Nobody waits because of another's failures alone.
  void refusedForNow(const LifePointer& life, const std::string& login);

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
  };
  struct Logout {
    MonotonicTime at{};
    std::string token;
    ironjar::TimePoint wallAt{};
    bool wasPassed = false;  // by a session that counts as begun after it
  };
  // What has been seen of the endpoint in one life.
  struct Endpoint {
    std::set<std::string> failed;           // tokens, since the last success
    std::optional<MonotonicTime> troubled;  // when it last looked like more than single tokens' affair
    std::size_t good = 0;                   // answers since then: its breaker closes gradually
  };

  [[nodiscard]] const Record* last(const LifePointer& life, const std::string& token) const;
  [[nodiscard]] std::string causeOf(const Record& before, std::size_t evicted) const;
  [[nodiscard]] bool wasIssuedAgain(const Record& before) const;
  [[nodiscard]] std::optional<std::string> successorOf(const LifePointer& life, const std::string& token,
                                                       MonotonicTime by) const;

  const Settings& settings_;
  const Provider& provider_;
  std::vector<Record> calls_;
  std::map<std::pair<const Life*, std::string>, std::vector<std::size_t>> byToken_;
  std::map<std::pair<const Life*, std::string>, Logout> logouts_;      // by login
  std::map<std::pair<const Life*, std::string>, MonotonicTime> seen_;  // first, by token
  std::map<const Life*, Endpoint> endpoints_;
  std::map<std::string, std::uint64_t> causes_;
  std::optional<Violation> violation_;
};

}  // namespace sim
