// One history: browsers, processes, a provider and an API, and the network between them, played from a plan.
#pragma once

#include "sim/browser.hpp"
#include "sim/conduct.hpp"
#include "sim/diagram.hpp"
#include "sim/invariants.hpp"
#include "sim/plan.hpp"
#include "sim/provider.hpp"
#include "sim/schedule.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ironjar/http.hpp>
#include <ironjar/session.hpp>

namespace sim {

class Process;
class RedisServers;

// A request of a browser, for as long as it is served.
struct Serving {
  std::size_t number = 0;
  Action action;
  std::string cookies;
  std::stop_token stop;
  LifePointer life;
  MonotonicTime deadline{};
  MonotonicTime servedAt{};
  MonotonicTime heardAt{};  // since then it waits for nothing but its refresh: when it was opened, or the API answered
  ironjar::Session session;
  std::string login;  // as it was opened
  std::string token;
  std::string accessToken;
  ironjar::TimePoint begun{};
  bool isOut = false;  // it must not reach the API
  bool mustBeServed = false;
  bool wasRefused = false;   // the API has said 401 to a good token
  bool isThrottled = false;  // its login is refreshed too often
  bool isRationed = false;   // few may ask the endpoint at once, since it was in trouble
  bool wasSent = false;
  unsigned tries = 0;
  bool isAnswered = false;
  bool isCommitted = false;
  // Conduct's.
  bool wasBroken = false;   // its connection to the API, when it may have arrived
  bool mustSignIn = false;  // says the API
  std::string refused;      // the access token that the API refused last
  unsigned refusals = 0;    // how many different ones, each the login's newest, it has refused
  bool hadCompany = false;  // others of its login were served meanwhile
};
using ServingPointer = std::shared_ptr<Serving>;

struct Played {
  std::optional<Violation> violation;
  std::uint64_t requests = 0;
  std::map<std::string, std::uint64_t> causes;
  std::string diagram;
};

class World {
 public:
  explicit World(const Plan& plan, bool traces = false);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  [[nodiscard]] Played play();

  // For the processes.
  [[nodiscard]] ironjar::AsyncTransport transportOf(const LifePointer& life);
  [[nodiscard]] ironjar::TimePoint wallNow(unsigned process) const;
  // Notes of it, and of the others of its login that are being served, that they have company.
  void meet(Serving& serving);
  // The login has ended: which of its requests that are under way the logout does not concern.
  void passLogout(const Serving& logout);
  void answer(const ServingPointer& serving, int status, const std::vector<std::string>& setCookies);
  void trace(std::size_t from, std::size_t to, const std::string& text);
  [[nodiscard]] bool traces() const { return diagram_.has_value(); }
  [[nodiscard]] std::size_t columnOf(const Life& life) const { return plan_.settings.browsers + life.process; }

  [[nodiscard]] const Settings& settings() const { return plan_.settings; }
  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] Invariants& invariants() { return invariants_; }
  [[nodiscard]] Conduct& conduct() { return conduct_; }
  [[nodiscard]] Provider& provider() { return provider_; }
  [[nodiscard]] Browser& browser(unsigned number) { return browsers_[number]; }

 private:
  struct Message;

  void act(const Action& action);
  void beginRedis();
  void actOnRedis(const Action& action);
  void pause(unsigned process, Millis time);
  void letGo(const LifePointer& life);
  void send(const Action& action);
  void start(unsigned process);
  void crash(unsigned process);
  void restart(unsigned process);
  void heal();
  void checkEnd();

  void toApi(const LifePointer& life, const ironjar::Request& request, const std::shared_ptr<Message>& message);
  void toProvider(const LifePointer& life, const ironjar::Request& request, const std::shared_ptr<Message>& message);
  void revoke(const LifePointer& life, const ironjar::Request& request, const std::shared_ptr<Message>& message);
  void complete(const std::shared_ptr<Message>& message, MonotonicTime when, ironjar::Result<ironjar::Response> result,
                Outcome outcome, const std::string& fresh = {});
  // When a request gets there; one that does so too late is answered at its deadline.
  [[nodiscard]] MonotonicTime arrival(const std::shared_ptr<Message>& message, Random& random, bool isSlow);
  void arriveAtProvider(const std::shared_ptr<Message>& message, const std::string& token, Random random);
  [[nodiscard]] std::optional<ironjar::Response> inTrouble(const std::string& token, Random& random) const;
  [[nodiscard]] Millis delay(Random& random, bool isSlow) const;
  [[nodiscard]] bool has(Fault fault) const { return !isHealthy_ && plan_.mix.has(fault); }
  [[nodiscard]] bool isAskedToEnd(const std::string& login) const;
  [[nodiscard]] Process* processOf(const LifePointer& life) const;  // null: it is not there any more

  const Plan plan_;
  Schedule schedule_;
  Provider provider_;
  Invariants invariants_;
  Conduct conduct_;
  std::unique_ptr<RedisServers> redis_;  // null without
  std::vector<Browser> browsers_;
  std::vector<LifePointer> lives_;                   // all that there were
  std::vector<std::unique_ptr<Process>> processes_;  // by number
  std::vector<std::unique_ptr<Process>> leaving_;
  std::vector<Millis> clocks_;  // how far each machine's wall clock is from the truth
  std::vector<ServingPointer> servings_;
  std::map<std::string, unsigned> tries_;  // by token
  struct Trouble {
    MonotonicTime until{};
    std::uint64_t how = 0;
  };
  Trouble outage_;
  std::map<std::string, Trouble> poisoned_;  // by login
  MonotonicTime apiRefusesUntil_{};
  unsigned generation_ = 0;  // of the configuration
  bool isHealthy_ = false;
  std::optional<Diagram> diagram_;

 public:
  // Of the configuration that a process starts with.
  [[nodiscard]] unsigned generation() const { return generation_; }
};

}  // namespace sim
