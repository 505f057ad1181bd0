// What must hold of single requests, calls and cookies: how often one is sent, when, and for whom. A rule that
// something in the history suspends says nothing; none has an excuse that is counted (those are in invariants.hpp).
#pragma once

#include "sim/invariants.hpp"
#include "sim/plan.hpp"

#include <deque>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ironjar/http.hpp>
#include <ironjar/observer.hpp>

namespace sim {

struct Serving;

class Conduct {
 public:
  Conduct(const Plan& plan, const Provider& provider, Invariants& invariants)
      : plan_(plan), provider_(provider), invariants_(invariants) {}

  // Requests to the API.
  void apiTry(const Serving& serving, const std::string& accessToken);
  // It said 401 to an access token that was good.
  void apiRefused(Serving& serving, const std::string& accessToken);
  // The provider gave it as one that needs a proof of possession; as a Bearer token.
  void needsProof(const std::string& accessToken) { withProof_.insert(accessToken); }
  void needsNoProof(const std::string& accessToken) { withoutProof_.insert(accessToken); }

  // Calls to the token endpoint, as their process saw them.
  void tokenCall(const LifePointer& life, const std::string& token, std::size_t evicted);
  void tokenAnswered(const LifePointer& life, const std::string& token, const std::string& fresh,
                     const ironjar::Result<ironjar::Response>& answer);
  // Calls as a whole, of a try or two.
  void callBegins(const LifePointer& life, const std::string& session, ironjar::RefreshTrigger trigger);
  void callEnds(const LifePointer& life, const std::string& session, bool isWell);
  void waiting(std::size_t waiters, std::size_t mostAtOnce);

  // Sessions and cookies.
  void opened(const Serving& serving);
  // A fetch brings its cookie's token: what led to it is confirmed from now on.
  void confirms(const Serving& serving);
  void served(const Serving& serving, std::size_t evicted);
  void written(const Serving& serving, const std::vector<std::string>& setCookies, ironjar::TimePoint wallNow);
  void signedIn(const Serving& serving, const std::string& tagBefore);
  // A login has ended.
  void loggedOut(const std::string& login) {
    if (!endedOtherwise_.contains(login)) loggedOut_.insert(login);  // what has ended already is not revoked again
  }
  // By the browser's next login, or since the library has destroyed its session.
  void endedOtherwise(const std::string& login) { endedOtherwise_.insert(login); }
  // When nothing is under way any more.
  void checkEnd();

 private:
  using InLife = std::pair<const Life*, std::string>;
  struct Breaker {
    std::set<std::string> failed;      // sessions, since the last call that went well
    std::set<std::string> ofTheirOwn;  // that failed before it, too: which is no trouble of the endpoint's
    std::set<std::string> underWay;    // sessions whose calls began after it opened
    bool isOpen = false;
    std::size_t good = 0;  // of those calls, how many went well

    void close() {
      failed.clear();
      underWay.clear();
      isOpen = false;
      good = 0;
    }
  };
  struct Rotated {
    std::string fresh;
    MonotonicTime at{};
  };

  void checkTries(const LifePointer& life, const std::string& token);
  void refreshedForRefusal(const LifePointer& life, const std::string& token);

  void require(bool holds, const char* rule, const std::string& what);
  [[nodiscard]] bool hasNone(std::initializer_list<Fault> faults) const;

  const Plan& plan_;
  const Provider& provider_;
  Invariants& invariants_;
  std::map<const Life*, Breaker> breakers_;
  std::map<InLife, Rotated> rotated_;
  std::map<InLife, MonotonicTime> issued_;              // by a call about another token, last
  std::map<InLife, MonotonicTime> confirmed_;           // by a request that came with it, first
  std::map<InLife, MonotonicTime> asked_;               // until when the endpoint wants to be left alone
  std::map<InLife, std::deque<MonotonicTime>> failed_;  // calls, since the last that did not
  // By the newest token of a chain: when none of the refreshes for a refusal counts any more.
  std::map<InLife, MonotonicTime> metered_;
  bool isForRefusal_ = false;  // the call that has just begun
  bool isFirstTry_ = false;    // it is
  struct Tried {
    MonotonicTime begun{};
    bool mayBeUsed = false;
  };
  std::map<InLife, Tried> tried_;  // of the call under way
  std::set<std::string> withProof_;
  std::set<std::string> withoutProof_;
  std::set<std::string> loggedOut_;  // logins
  std::set<std::string> endedOtherwise_;
};

}  // namespace sim
