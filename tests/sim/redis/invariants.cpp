// The rules over all processes that share a Redis, and what makes an exception unavoidable.
#include "sim/invariants.hpp"

#include <algorithm>

namespace sim {
namespace {

// After a trouble Redis is given up for so long, and looked for: RedisOptions::pause, and what comes after it.
constexpr Millis effect{8'000};
// Within which a process has said what it knows, where nothing is in its way.
constexpr Millis prompt{2'000};

}  // namespace

void Invariants::troubled(RedisTrouble trouble) { troubles_.push_back(std::move(trouble)); }
void Invariants::diedServing(const std::string& login) { diedServing_[login] = now(); }

std::string Invariants::troubleOf(std::initializer_list<unsigned> processes, MonotonicTime from,
                                  MonotonicTime to) const {
  for (const RedisTrouble& trouble : troubles_) {
    const bool isTheirs = trouble.process == RedisTrouble::everybody ||
                          std::find(processes.begin(), processes.end(), trouble.process) != processes.end();
    if (isTheirs && trouble.to >= from && trouble.from <= to) return trouble.what;
  }
  return {};
}

const Invariants::Record* Invariants::lastAnywhere(const std::string& token) const {
  const auto found =
      std::find_if(calls_.rbegin(), calls_.rend(), [&](const Record& call) { return call.token == token; });
  return found == calls_.rend() ? nullptr : &*found;
}

// What another process, or the same one after a new start, needs to know of a call: that it is under way, and what it
// came to.
std::string Invariants::causeAmongProcesses(const Record& before, const LifePointer& life) const {
  const bool isAnswered = before.outcome != Outcome::underWay;
  if (!before.life->isAlive) {
    const bool hadTime = isAnswered && before.life->endedAt - before.answeredAt > prompt;
    if (!hadTime) return "again: the process that had asked died";
  }
  const unsigned other = before.life->process;
  const auto askedAgain = 2 * settings_.tokenTimeout;  // within one call, where the provider lets it
  const std::string then =
      troubleOf({other}, before.sentAt - effect - askedAgain, isAnswered ? before.answeredAt + prompt : now());
  // Tokens that Redis did not take then, it has as soon as it takes anything, while that process lives.
  const bool isStored = before.outcome == Outcome::tokens && before.life->isAlive &&
                        now() - before.answeredAt > effect && troubleOf({other}, now() - effect, now()).empty();
  if (!then.empty() && !isStored) return "again: when it was asked before, " + then;
  if (passedLogouts_.contains(provider_.loginOf(before.token))) return "again: after a logout that did not concern it";
  // A call that was begun without Redis is tried once more when Redis is back.
  const Record* const own = last(life, before.token);
  const bool isSameCall = own != nullptr && now() - own->sentAt <= settings_.tokenTimeout;
  const std::string here = troubleOf({life->process}, (isSameCall ? own->sentAt : now()) - effect, now());
  if (!here.empty()) return "again: " + here;
  const std::string lost = troubleOf({}, before.sentAt, now());
  return lost.empty() ? std::string() : "again: " + lost;
}

// Whether Redis may not know what has become of it.
bool Invariants::isDoubtful(const Record& call) const {
  const auto askedAgain = 2 * settings_.tokenTimeout;
  const bool isAnswered = call.outcome != Outcome::underWay;
  if (!call.life->isAlive && !(isAnswered && call.life->endedAt - call.answeredAt > prompt)) return true;
  return !troubleOf({call.life->process}, call.sentAt - effect - askedAgain,
                    isAnswered ? call.answeredAt + prompt : now())
              .empty() ||
         !troubleOf({}, call.sentAt, now()).empty();
}

void Invariants::logoutBegins(const std::string& login) { begunLogouts_.insert(login); }

// Whether what had come of the tokens may have been on its way to Redis, and to other processes, when they were ended.
bool Invariants::wasOnItsWay(const LifePointer& life, MonotonicTime loggedOutAt) {
  if (!settings_.redis.isUsed) return false;
  const std::string cause = troubleOf({life->process}, loggedOutAt - effect, loggedOutAt + prompt);
  if (!cause.empty()) ++causes_["in: when it was logged out, " + cause];
  return !cause.empty();
}

// And is remembered: another logout changes nothing then, and is not remembered for longer.
bool Invariants::wasLoggedOutElsewhere(const std::string& login) const {
  const auto isRemembered = [&](const auto& logout) {
    return logout.first.second == login && now() - logout.second.at < settings_.keepUnconfirmed;
  };
  return settings_.redis.isUsed && std::any_of(logouts_.begin(), logouts_.end(), isRemembered);
}

void Invariants::came(const std::string& login, ironjar::TimePoint begun) {
  const auto isEarlier = [&](const auto& logout) {
    return logout.first.second == login &&
           std::chrono::floor<ironjar::Seconds>(logout.second.wallAt) < std::chrono::floor<ironjar::Seconds>(begun);
  };
  if (std::any_of(logouts_.begin(), logouts_.end(), isEarlier)) passedLogouts_.insert(login);
}

// Who waits for another process' call learns what it has shown of the endpoint: its failures are everybody's.
void Invariants::answeredAnywhere(Outcome outcome, const std::string& token) {
  Endpoint& everybody = endpoints_[nullptr];
  if (outcome == Outcome::tokens || outcome == Outcome::ended) {
    ++everybody.good;
    return;
  }
  everybody.failed[token] = now();
  if (everybody.failed.size() < tokensThatOpen) return;
  everybody.troubled = now();
  everybody.good = 0;
}

void Invariants::loggedOutEverywhere(const LifePointer& life, const std::string& login, const std::string& token,
                                     ironjar::TimePoint wallAt, MonotonicTime begunAt) {
  const bool isDoubtful = !troubleOf({life->process}, begunAt - effect, now()).empty();
  const auto before = sharedLogouts_.find(login);
  if (before != sharedLogouts_.end() && !before->second.isDoubtful) return;
  sharedLogouts_.insert_or_assign(login, SharedLogout{now(), token, wallAt, isDoubtful});
}

bool Invariants::isOutEverywhere(const LifePointer& life, const std::string& login, ironjar::TimePoint begun,
                                 MonotonicTime since) {
  const auto found = sharedLogouts_.find(login);
  if (found == sharedLogouts_.end() || found->second.at >= since) return false;
  const SharedLogout& logout = found->second;
  if (std::chrono::floor<ironjar::Seconds>(begun) > std::chrono::floor<ironjar::Seconds>(logout.wallAt)) return false;
  std::string cause;
  if (logout.isDoubtful) cause = "when it was logged out, Redis was in trouble";
  if (cause.empty()) cause = troubleOf({}, logout.at - effect, now());
  if (cause.empty()) cause = troubleOf({life->process}, since - effect, now());
  if (!cause.empty()) ++causes_["in: " + cause];
  return cause.empty();
}

// No process asks the provider about a login that another has ended.
void Invariants::checkLogout(const LifePointer& life, const std::string& token) {
  const std::string login = provider_.loginOf(token);
  const auto found = sharedLogouts_.find(login);
  if (found == sharedLogouts_.end() || found->second.isDoubtful || !settings_.redis.list) return;
  const SharedLogout& logout = found->second;
  // One that was under way asks again, where the provider lets it.
  const Record* const before = last(life, token);
  if (before != nullptr && before->sentAt <= logout.at && now() - before->sentAt < 3 * settings_.tokenTimeout) {
    return;
  }
  // A call may have been about to be made.
  if (now() - logout.at < prompt || now() - logout.at >= settings_.keepUnconfirmed) return;
  std::string next = logout.token;
  for (std::size_t links = 0; links < longestChain; ++links) {
    if (next == token) break;
    const Record* const call = lastAnywhere(next);
    if (call == nullptr || call->outcome != Outcome::tokens || call->answeredAt > logout.at || isDoubtful(*call))
      return;
    next = call->fresh;
  }
  if (next != token || !troubleOf({life->process}, logout.at - effect, now()).empty()) return;
  if (!troubleOf({}, logout.at - effect, now()).empty()) return;
  violated("what was logged out stays out", token + " of " + login + " is sent to the provider");
}

// A request that is told to come later, or that its token was spent, because of what was wrong with Redis: another
// process may ask, or may have asked.
std::string Invariants::causeOfLateEnd(const LifePointer& life, const std::string& login) const {
  const MonotonicTime from = now() - 2 * settings_.redis.lease - ironjar::Seconds{60};
  const std::string own = troubleOf({life->process}, from, now());
  if (!own.empty()) return "later: " + own;
  // One that does not know that it has the lock keeps it for a lease.
  const auto isLate = [&](const RedisTrouble& trouble) { return now() - trouble.to < settings_.redis.lease + prompt; };
  if (std::any_of(troubles_.begin(), troubles_.end(), isLate)) return "later: another process was in trouble";
  const auto died = diedServing_.find(login);
  if (died != diedServing_.end() && now() - died->second < settings_.redis.lease + prompt) {
    return "later: the process that had the lock died";
  }
  for (const Record& call : calls_) {
    if (provider_.loginOf(call.token) != login || now() - call.sentAt > settings_.keepUnconfirmed) continue;
    if (isDoubtful(call)) return "later: another process' call was not heard of";
  }
  return {};
}

// Redis is asked by some commands before a call is made, and before what a call has brought is known. A
// deadline may pass in between.
std::string Invariants::causeAtDeadline(const std::string& login, const Waited& waited) const {
  // A refresh takes no longer than its call may.
  if (now() < std::min<MonotonicTime>(waited.deadline, waited.from + settings_.tokenTimeout)) return {};
  if (now() - waited.from < prompt) return "later: its deadline came when it had hardly asked Redis";
  const auto hasJustCome = [&](const Record& call) {
    return call.outcome == Outcome::tokens && now() - call.answeredAt < prompt &&
           provider_.loginOf(call.token) == login;
  };
  const bool isOnItsWay = std::any_of(calls_.begin(), calls_.end(), hasJustCome);
  return isOnItsWay ? "later: at the deadline the tokens were on their way" : std::string();
}

// The provider refused it while Redis could not say whether another process had spent it: it is taken for spent, for
// as long as that is remembered.
bool Invariants::isRetired(const LifePointer& life, const std::string& token) const {
  return settings_.redis.isUsed && std::any_of(calls_.begin(), calls_.end(), [&](const Record& call) {
           const bool isRefused =
               call.outcome == Outcome::ended || (settings_.strictClient && call.outcome == Outcome::lost);
           return call.life == life && call.token == token && isRefused &&
                  now() - call.answeredAt < settings_.keepUnconfirmed + prompt &&
                  !troubleOf({life->process}, call.answeredAt - effect, call.answeredAt + prompt).empty();
         });
}

bool Invariants::mustServeOverRedis(const LifePointer& life, const std::string& login, const std::string& token,
                                    const std::string& accessToken) const {
  if (begunLogouts_.contains(login)) return false;
  if (!troubleOf({life->process}, now() - effect, now()).empty()) return false;
  const auto ofLogin = [&](const Record& call) { return provider_.loginOf(call.token) == login; };
  if (std::any_of(calls_.begin(), calls_.end(),
                  [&](const Record& call) { return ofLogin(call) && isDoubtful(call); })) {
    return false;
  }
  // A late request is asking with a token whose successor is forgotten: it is told that the login is over, and so is
  // the list.
  const auto endsIt = [&](const Record& call) {
    const bool isNews =
        call.outcome == Outcome::underWay || (call.outcome == Outcome::ended && now() - call.answeredAt < prompt);
    return isNews && ofLogin(call) && provider_.wasSpent(call.token);
  };
  if (settings_.redis.list && std::any_of(calls_.begin(), calls_.end(), endsIt)) return false;
  std::string newest = token;
  bool isFirst = true;
  for (std::size_t links = 0; links < longestChain; ++links, isFirst = false) {
    const Record* const call = lastAnywhere(newest);
    if (call == nullptr || call->outcome != Outcome::tokens || call->fresh == newest) break;
    if (now() - call->answeredAt >= settings_.keepUnconfirmed) break;
    newest = call->fresh;
    const auto isOld = [&](const auto& seen) {
      return seen.first.second == newest && now() - seen.second >= settings_.keep;
    };
    if (std::any_of(seen_.begin(), seen_.end(), isOld)) return false;
  }
  const Record* const call = lastAnywhere(newest);
  if (call != nullptr && call->outcome != Outcome::tokens) return false;
  if (provider_.wasSpent(newest)) return false;
  return provider_.takes(newest, now()) || (isFirst && provider_.isGood(accessToken, now()));
}

}  // namespace sim
