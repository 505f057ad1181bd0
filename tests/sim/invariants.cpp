#include "sim/invariants.hpp"

#include <algorithm>

namespace sim {
namespace {

constexpr ironjar::Seconds longestTrouble{660};  // a pause of ten minutes, and what comes after it
constexpr ironjar::Seconds longestFailing{600};
constexpr ironjar::Seconds longestCall{20};
constexpr std::size_t answersThatEnd = 4;    // beside others' successes
constexpr ironjar::Seconds sameTrouble{60};  // in which they fail
// 1, 2, 4 … 32 calls at once; those that began before it opened do not count.
constexpr std::size_t answersThatClose = 12;

}  // namespace

void Invariants::violated(std::string rule, std::string what) {
  if (!violation_) violation_ = {std::move(rule), std::move(what), Schedule::current().elapsed()};
}

const Invariants::Record* Invariants::last(const LifePointer& life, const std::string& token) const {
  const auto found = byToken_.find({life.get(), token});
  return found == byToken_.end() ? nullptr : &calls_[found->second.back()];
}

Invariants::Call Invariants::tokenCall(const LifePointer& life, const std::string& token, std::size_t evicted) {
  settings_.redis.isUsed ? checkLogout(life, token) : checkOwnLogout(life, token, evicted);
  if (const Record* before = settings_.redis.isUsed ? lastAnywhere(token) : last(life, token)) {
    std::string cause = causeOf(*before, evicted);
    if (cause.empty() && settings_.redis.isUsed) cause = causeAmongProcesses(*before, life);
    if (cause.empty()) {
      violated("a refresh token is spent once", token + " is sent again, and nothing makes that unavoidable");
    } else {
      ++causes_[cause];
    }
  }
  calls_.push_back({life, token, now(), {}, Outcome::underWay, {}, false, false});
  byToken_[{life.get(), token}].push_back(calls_.size() - 1);
  return calls_.size() - 1;
}

// What makes another call about a token unavoidable.
std::string Invariants::causeOf(const Record& before, std::size_t evicted) const {
  const auto since = now() - before.answeredAt;
  switch (before.outcome) {
    case Outcome::underWay:
      return {};
    case Outcome::lost:
      return "again: the answer was lost";
    case Outcome::refused:
      return "again: the provider refused for now";
    case Outcome::notSent:
      return "again: nothing was sent";
    case Outcome::ended:
      if (since >= settings_.keep) return "again: the end is forgotten";
      break;
    case Outcome::tokens:
      if (before.fresh == before.token) return "again: the token does not rotate";
      if (since >= settings_.keepUnconfirmed) return "again: the successor is forgotten";
      break;
  }
  const auto logout = logouts_.find({before.life.get(), provider_.loginOf(before.token)});
  if (logout != logouts_.end() && (logout->second.wasPassed || logout->second.wasFirstPassed)) {
    return "again: after a logout that did not concern it";
  }
  if (evicted > 0) return "again: the table was too small";
  return wasIssuedAgain(before) ? "again: the provider gave it once more" : std::string();
}

bool Invariants::wasIssuedAgain(const Record& before) const {
  return std::any_of(calls_.begin(), calls_.end(), [&](const Record& call) {
    return isOf(call, before.life) && call.outcome == Outcome::tokens && call.fresh == before.token &&
           call.token != before.token && call.answeredAt >= before.answeredAt;
  });
}

void Invariants::tokenSent(Call call) { calls_[call].isOnItsWay = true; }
void Invariants::tokenArrived(Call call) { calls_[call].isOnItsWay = false; }

void Invariants::tokenAnswered(Call call, Outcome outcome, const std::string& fresh) {
  Record& record = calls_[call];
  record.outcome = outcome;
  record.answeredAt = now();
  record.fresh = fresh;
  Endpoint& endpoint = endpoints_[record.life.get()];
  if (settings_.redis.isUsed) answeredAnywhere(outcome, record.token);
  if (outcome == Outcome::tokens || outcome == Outcome::ended) {
    ++endpoint.good;
    endpoint.goodAt = now();
    return;
  }
  // By answers, where the library counts calls, of two tries each: so in which order they came says little.
  std::erase_if(endpoint.failed,
                [&](const auto& one) { return one.second <= endpoint.goodAt && now() - one.second >= sameTrouble; });
  endpoint.failed[record.token] = now();
  const bool isInTrouble = endpoint.troubled && endpoint.good < answersThatClose;
  const bool opens = outcome == Outcome::notSent || endpoint.failed.size() >= tokensThatOpen;
  if (opens) endpoint.troubled = now();
  if (opens || isInTrouble) endpoint.good = 0;
}

void Invariants::shown(const std::string& login, const std::string& accessToken,
                       const std::optional<std::string>& user) {
  if (!user || *user == login) return;
  violated("nobody holds another's tokens", "a request of " + login + " came with " + accessToken + " of " + *user);
}

void Invariants::loggedOut(const LifePointer& life, const std::string& login, const std::string& token,
                           ironjar::TimePoint wallAt) {
  loggedOutTokens_[life.get()] += 1 + provider_.spentOf(login);
  // One that is remembered, and refuses this session, stays as it is. It is from the end of the call that was under
  // way.
  const auto before = logouts_.find({life.get(), login});
  const bool isRemembered =
      before != logouts_.end() && now() - before->second.at < settings_.keepUnconfirmed + longestCall;
  if (isRemembered && !before->second.wasPassed) return;
  if (wasLoggedOutElsewhere(login)) return;
  const ironjar::TimePoint first = before == logouts_.end() ? wallAt : before->second.firstWallAt;
  logouts_.insert_or_assign({life.get(), login}, Logout{now(), token, wallAt, first});
}

// That was known then.
std::optional<std::string> Invariants::successorOf(const LifePointer& life, const std::string& token,
                                                   MonotonicTime by) const {
  const Record* call = last(life, token);
  if (call != nullptr && call->answeredAt > by) return std::nullopt;
  if (call == nullptr || call->outcome != Outcome::tokens || call->fresh == token) return std::nullopt;
  if (by - call->answeredAt >= settings_.keepUnconfirmed) return std::nullopt;
  return call->fresh;
}

// A logout is; of the login's newest token, from the end of the call that was under way about it.
MonotonicTime Invariants::rememberedFrom(const LifePointer& life, const Logout& logout,
                                         const std::string& token) const {
  std::string newest = logout.token;
  for (std::size_t links = 0; links < longestChain; ++links) {
    const auto next = successorOf(life, newest, logout.at);
    if (!next) break;
    newest = *next;
  }
  const Record* const call = last(life, newest);
  const bool wasUnderWay = call != nullptr && call->sentAt <= logout.at && call->answeredAt > logout.at;
  return wasUnderWay && newest == token && !settings_.redis.isUsed ? call->answeredAt : logout.at;
}

// No call begins for a login that was logged out here; one that was under way may have a second try.
void Invariants::checkOwnLogout(const LifePointer& life, const std::string& token, std::size_t evicted) {
  const std::string login = provider_.loginOf(token);
  const auto found = logouts_.find({life.get(), login});
  if (found == logouts_.end() || found->second.wasPassed) return;
  const Record* const before = last(life, token);
  const bool isSecondTry =
      before != nullptr && before->sentAt <= found->second.at && now() - before->sentAt < 3 * settings_.tokenTimeout;
  if (isSecondTry || !isOut(life, login, token, evicted, {})) return;
  violated("what was logged out stays out", token + " of " + login + " is sent to the provider");
}

// Logouts go for later ones alone, of which there is room for as many as fill half of the table.
bool Invariants::logoutsFit(const LifePointer& life) const {
  const auto count = loggedOutTokens_.find(life.get());
  return !settings_.redis.isUsed && count != loggedOutTokens_.end() &&
         count->second <= std::max<std::size_t>(1, settings_.maxEntries / 2);
}

bool Invariants::isOut(const LifePointer& life, const std::string& login, const std::string& token, std::size_t evicted,
                       ironjar::TimePoint begun) {
  const auto found = logouts_.find({life.get(), login});
  if (found == logouts_.end()) return false;
  // Of what has led there nothing may be known.
  const bool isFence = token == found->second.token && logoutsFit(life);
  if (evicted > 0 && !isFence) return false;
  // A Fe26.2 cookie counts as begun when it was sealed last, be it by a process that did not know of the logout, or by
  // a clock that is ahead.
  const auto isAfter = [begun](ironjar::TimePoint logout) {
    return std::chrono::floor<ironjar::Seconds>(begun) > std::chrono::floor<ironjar::Seconds>(logout);
  };
  if (isAfter(found->second.firstWallAt)) found->second.wasFirstPassed = true;
  if (isAfter(found->second.wallAt)) {
    ++causes_["in: the session counts as begun after the logout"];
    found->second.wasPassed = true;
    return false;
  }
  const MonotonicTime from = evicted > 0 ? found->second.at : rememberedFrom(life, found->second, token);
  if (now() - from >= settings_.keepUnconfirmed) return false;
  if (token != found->second.token && wasOnItsWay(life, found->second.at)) return false;
  std::optional<std::string> next = token;
  for (std::size_t links = 0; next && links < longestChain; ++links) {
    if (*next == found->second.token) return true;
    next = successorOf(life, *next, found->second.at);  // what comes later is discarded
  }
  // Or the logout came with an older one.
  next = found->second.token;
  for (std::size_t links = 0; next && links < longestChain; ++links) {
    if (*next == token) return true;
    next = successorOf(life, *next, found->second.at);  // what comes later is discarded
  }
  return false;
}

// By so many answers that may mean the end, where the client takes 403 for that.
bool Invariants::mayBeOver(const LifePointer& life, const std::string& login) const {
  const auto ofLogin = [&](const Record& call) {
    return call.life == life && call.isForbidden && provider_.loginOf(call.token) == login;
  };
  return settings_.refusalMayEnd &&
         std::count_if(calls_.begin(), calls_.end(), ofLogin) >= static_cast<std::ptrdiff_t>(answersThatEnd);
}

void Invariants::ended(const LifePointer& life, const std::string& login, const std::string& token,
                       ironjar::RefreshEnd end) {
  using ironjar::RefreshEnd;
  const auto ofLogin = [&](Outcome outcome) {
    return std::any_of(calls_.begin(), calls_.end(), [&](const Record& call) {
      return isOf(call, life) && call.outcome == outcome && provider_.loginOf(call.token) == login;
    });
  };
  const bool isGivenUp = settings_.isPlain && settings_.strictClient && ofLogin(Outcome::lost);
  bool isTrue = false;
  switch (end) {
    case RefreshEnd::invalidGrant:
      // Or it ended so for a request before.
      isTrue = ofLogin(Outcome::ended) || isGivenUp || mixedUp_.contains(login) || mayBeOver(life, login);
      break;
    case RefreshEnd::lost:
      isTrue = isGivenUp;
      break;
    case RefreshEnd::loggedOut:
      isTrue = logouts_.contains({life.get(), login}) || begunLogouts_.contains(login);
      break;
    case RefreshEnd::superseded:
      isTrue = provider_.wasSpent(token) || !causeOfLateEnd(life, login).empty() || isRetired(life, token);
      break;
    case RefreshEnd::failing:
      isTrue = ofLogin(Outcome::refused) || ofLogin(Outcome::lost);
      break;
    case RefreshEnd::otherUser:
      isTrue = mixedUp_.contains(login);
      break;
    case RefreshEnd::noRefreshToken:
      break;
  }
  if (!isTrue) {
    violated("a login lives while its provider lets it",
             login + " with " + token + " is told: " + std::string(ironjar::nameOf(end)));
  }
}

void Invariants::seen(const LifePointer& life, const std::string& token) {
  seen_.try_emplace({life.get(), token}, now());
}

bool Invariants::mustServe(const LifePointer& life, const std::string& login, const std::string& token,
                           const std::string& accessToken, std::size_t evicted) const {
  if (settings_.redis.isUsed) return evicted == 0 && mustServeOverRedis(life, login, token, accessToken);
  if (evicted > 0 || logouts_.contains({life.get(), login}) || mayBeOver(life, login)) return false;
  std::string newest = token;
  bool isFirst = true;
  for (std::size_t links = 0; links < longestChain; ++links, isFirst = false) {
    const auto next = successorOf(life, newest, now());
    if (!next) break;
    newest = *next;
    // A late answer has put the older cookie back when the newer one had been used.
    const auto brought = seen_.find({life.get(), newest});
    if (brought != seen_.end() && now() - brought->second >= settings_.keep) return false;
  }
  // A call that is late still reaches the provider, to which the token may be a spent one by then.
  const auto arrivesLater = [&](const Record& one) { return one.isOnItsWay && provider_.loginOf(one.token) == login; };
  if (std::any_of(calls_.begin(), calls_.end(), arrivesLater)) return false;
  // Another user's tokens have ended it.
  const auto mixedUp = mixedUp_.find(login);
  if (mixedUp != mixedUp_.end() && now() - mixedUp->second < settings_.keep + longestCall) return false;
  const Record* call = last(life, newest);
  // Nor while an answer is awaited that may be lost.
  if (call != nullptr && (call->outcome == Outcome::ended || call->outcome == Outcome::underWay)) return false;
  // To a strict provider a token whose answer was lost is spent, though it may have arrived late, or not at all.
  if (settings_.strictClient && call != nullptr && call->outcome == Outcome::lost) return false;
  // Calls about it have failed for ten minutes, so that it waits until that is forgotten.
  const auto isFailing = [&](const Record& one) {
    return one.life == life && one.token == newest && one.outcome != Outcome::tokens &&
           call->answeredAt - one.answeredAt >= longestFailing;
  };
  const bool waits =
      call != nullptr && call->outcome != Outcome::tokens && now() - call->answeredAt < settings_.keepUnconfirmed;
  if (waits && std::any_of(calls_.begin(), calls_.end(), isFailing)) return false;
  // Spent, and what came of it is forgotten or never arrived: the site may know that it is of no use.
  if (provider_.wasSpent(newest)) return false;
  return provider_.takes(newest, now()) || (isFirst && provider_.isGood(accessToken, now()));
}

bool Invariants::wasAskedElsewhere(const LifePointer& life, const std::string& login, MonotonicTime since) const {
  return std::any_of(calls_.begin(), calls_.end(), [&](const Record& call) {
    return !isOf(call, life) && call.sentAt >= since && provider_.loginOf(call.token) == login;
  });
}

bool Invariants::wasSpentAgain(const LifePointer& life, const std::string& login, MonotonicTime since) const {
  return std::any_of(calls_.begin(), calls_.end(), [&](const Record& again) {
    if (!isOf(again, life) || again.sentAt < since || provider_.loginOf(again.token) != login) return false;
    return std::any_of(calls_.begin(), calls_.end(), [&](const Record& before) {
      // What another process has got, this one cannot know.
      const bool isUnknown = isOf(before, life) ? again.sentAt - before.answeredAt >= settings_.keepUnconfirmed
                                                : !settings_.redis.isUsed && before.sentAt < again.sentAt;
      return isUnknown && before.token == again.token && before.outcome == Outcome::tokens &&
             before.fresh != before.token;
    });
  });
}

// As many calls as may be are under way: at its deadline its own has waited for a place, or one of before its login was
// ended still does, and is to be withdrawn.
std::string Invariants::causeWithoutPlace(const LifePointer& life, const std::string& login,
                                          const Waited& waited) const {
  if (logouts_.contains({life.get(), login})) return "later: a call of its ended login waits for a place";
  const bool isDeadline = now() >= std::min<MonotonicTime>(waited.deadline, waited.from + settings_.tokenTimeout);
  return isDeadline ? "later: its call has waited for a place" : std::string();
}

bool Invariants::refusedForNow(const LifePointer& life, const std::string& login, const Waited& waited) {
  const auto isOwn = [&](const Record& call) {
    if (!isOf(call, life) || call.outcome == Outcome::tokens || provider_.loginOf(call.token) != login) return false;
    return call.outcome == Outcome::underWay || now() - call.answeredAt < longestTrouble;
  };
  if (std::any_of(calls_.begin(), calls_.end(), isOwn)) return false;
  const auto hasTrouble = [&](const auto& one) {
    if (one.first != life.get() && !settings_.redis.isUsed) return false;
    return one.second.troubled && (now() - *one.second.troubled < longestTrouble || one.second.good < answersThatClose);
  };
  const bool isTroubled = std::any_of(endpoints_.begin(), endpoints_.end(), hasTrouble);
  std::string late = settings_.redis.isUsed ? causeOfLateEnd(life, login) : std::string();
  if (late.empty() && settings_.redis.isUsed) late = causeAtDeadline(login, waited);
  if (late.empty() && !waited.isPlaceFree) late = causeWithoutPlace(life, login, waited);
  if (isTroubled || !late.empty()) {
    ++causes_[isTroubled ? "later: the endpoint is in trouble" : late];
  } else {
    violated("nobody waits for another's failures", login + " is told to come later, and none of its calls failed");
  }
  return isTroubled;
}

std::uint64_t Invariants::tokensBrought(const LifePointer& life) const {
  return static_cast<std::uint64_t>(std::count_if(calls_.begin(), calls_.end(), [&](const Record& call) {
    return call.life == life && call.outcome == Outcome::tokens;
  }));
}
std::uint64_t Invariants::callsUnderWay(const LifePointer& life) const {
  return static_cast<std::uint64_t>(std::count_if(calls_.begin(), calls_.end(), [&](const Record& call) {
    return call.life == life && call.outcome == Outcome::underWay;
  }));
}

}  // namespace sim
