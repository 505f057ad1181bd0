#include "sim/invariants.hpp"

#include <algorithm>

namespace sim {
namespace {

constexpr ironjar::Seconds longestTrouble{660};  // a pause of ten minutes, and what comes after it
constexpr ironjar::Seconds longestFailing{600};
constexpr std::size_t tokensThatOpen = 3;
// 1, 2, 4 … 32 calls at once; those that began before it opened do not count.
constexpr std::size_t answersThatClose = 12;
constexpr std::size_t longestChain = 16;

MonotonicTime now() { return Schedule::current().now(); }

}  // namespace

void Invariants::violated(std::string rule, std::string what) {
  if (!violation_) violation_ = {std::move(rule), std::move(what), Schedule::current().elapsed()};
}

const Invariants::Record* Invariants::last(const LifePointer& life, const std::string& token) const {
  const auto found = byToken_.find({life.get(), token});
  return found == byToken_.end() ? nullptr : &calls_[found->second.back()];
}

Invariants::Call Invariants::tokenCall(const LifePointer& life, const std::string& token, std::size_t evicted) {
  if (const Record* before = last(life, token)) {
    const std::string cause = causeOf(*before, evicted);
    if (cause.empty()) {
      violated("a refresh token is spent once", token + " is sent again, and nothing makes that unavoidable");
    } else {
      ++causes_[cause];
    }
  }
  calls_.push_back({life, token, now(), {}, Outcome::underWay, {}});
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
  if (logout != logouts_.end() && logout->second.wasPassed) return "again: after a logout that did not concern it";
  if (evicted > 0) return "again: the table was too small";
  return wasIssuedAgain(before) ? "again: the provider gave it once more" : std::string();
}

bool Invariants::wasIssuedAgain(const Record& before) const {
  return std::any_of(calls_.begin(), calls_.end(), [&](const Record& call) {
    return call.life == before.life && call.outcome == Outcome::tokens && call.fresh == before.token &&
           call.token != before.token && call.answeredAt >= before.answeredAt;
  });
}

void Invariants::tokenAnswered(Call call, Outcome outcome, const std::string& fresh) {
  Record& record = calls_[call];
  record.outcome = outcome;
  record.answeredAt = now();
  record.fresh = fresh;
  Endpoint& endpoint = endpoints_[record.life.get()];
  if (outcome == Outcome::tokens || outcome == Outcome::ended) {
    ++endpoint.good;
    return endpoint.failed.clear();
  }
  endpoint.failed.insert(record.token);
  if (outcome != Outcome::notSent && endpoint.failed.size() < tokensThatOpen) return;
  endpoint.troubled = now();
  endpoint.good = 0;
}

void Invariants::shown(const std::string& login, const std::string& accessToken,
                       const std::optional<std::string>& user) {
  if (!user || *user == login) return;
  violated("nobody holds another's tokens", "a request of " + login + " came with " + accessToken + " of " + *user);
}

void Invariants::loggedOut(const LifePointer& life, const std::string& login, const std::string& token,
                           ironjar::TimePoint wallAt) {
  // One that is remembered, and refuses this session, stays as it is.
  const auto before = logouts_.find({life.get(), login});
  const bool isRemembered = before != logouts_.end() && now() - before->second.at < settings_.keepUnconfirmed;
  if (isRemembered && !before->second.wasPassed) return;
  logouts_.insert_or_assign({life.get(), login}, Logout{now(), token, wallAt});
}

std::optional<std::string> Invariants::successorOf(const LifePointer& life, const std::string& token,
                                                   MonotonicTime by) const {
  const Record* call = last(life, token);
  if (call != nullptr && call->answeredAt > by) return std::nullopt;
  if (call == nullptr || call->outcome != Outcome::tokens || call->fresh == token) return std::nullopt;
  if (now() - call->answeredAt >= settings_.keepUnconfirmed) return std::nullopt;
  return call->fresh;
}

bool Invariants::isOut(const LifePointer& life, const std::string& login, const std::string& token, std::size_t evicted,
                       ironjar::TimePoint begun) {
  const auto found = logouts_.find({life.get(), login});
  if (found == logouts_.end() || evicted > 0) return false;
  // A Fe26.2 cookie counts as begun when it was sealed last, be it by a process that did not know of the logout, or by
  // a clock that is ahead.
  if (std::chrono::floor<ironjar::Seconds>(begun) > std::chrono::floor<ironjar::Seconds>(found->second.wallAt)) {
    ++causes_["in: the session counts as begun after the logout"];
    found->second.wasPassed = true;
    return false;
  }
  if (now() - found->second.at >= settings_.keepUnconfirmed) return false;
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

void Invariants::ended(const LifePointer& life, const std::string& login, const std::string& token,
                       ironjar::RefreshEnd end) {
  using ironjar::RefreshEnd;
  const auto ofLogin = [&](Outcome outcome) {
    return std::any_of(calls_.begin(), calls_.end(), [&](const Record& call) {
      return call.life == life && call.outcome == outcome && provider_.loginOf(call.token) == login;
    });
  };
  const bool isGivenUp = settings_.isPlain && settings_.strictClient && ofLogin(Outcome::lost);
  bool isTrue = false;
  switch (end) {
    case RefreshEnd::invalidGrant:
      isTrue = ofLogin(Outcome::ended) || isGivenUp;  // which requests that come later are told so
      break;
    case RefreshEnd::lost:
      isTrue = isGivenUp;
      break;
    case RefreshEnd::loggedOut:
      isTrue = logouts_.contains({life.get(), login});
      break;
    case RefreshEnd::superseded:
      isTrue = provider_.wasSpent(token);
      break;
    case RefreshEnd::failing:
      isTrue = ofLogin(Outcome::refused) || ofLogin(Outcome::lost);
      break;
    case RefreshEnd::otherUser:
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
  if (evicted > 0 || logouts_.contains({life.get(), login})) return false;
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
  const Record* call = last(life, newest);
  // Nor while an answer is awaited that may be lost.
  if (call != nullptr && (call->outcome == Outcome::ended || call->outcome == Outcome::underWay)) return false;
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

void Invariants::refusedForNow(const LifePointer& life, const std::string& login) {
  const auto isOwn = [&](const Record& call) {
    if (call.life != life || call.outcome == Outcome::tokens || provider_.loginOf(call.token) != login) return false;
    return call.outcome == Outcome::underWay || now() - call.answeredAt < longestTrouble;
  };
  if (std::any_of(calls_.begin(), calls_.end(), isOwn)) return;
  const auto found = endpoints_.find(life.get());
  const bool isTroubled = found != endpoints_.end() && found->second.troubled &&
                          (now() - *found->second.troubled < longestTrouble || found->second.good < answersThatClose);
  if (isTroubled) {
    ++causes_["later: the endpoint is in trouble"];
  } else {
    violated("nobody waits for another's failures", login + " is told to come later, and none of its calls failed");
  }
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
