#include "sim/conduct.hpp"

#include "sim/world.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include <ironjar/seal.hpp>

namespace sim {
namespace {

using ironjar::defaultTtl;
using ironjar::Seconds;

constexpr Seconds longestAsked{600};  // what a Retry-After counts for at most
// Pauses double from one second: six calls in a minute, of two tries each, and as many of another process' or
// session's.
constexpr Seconds ofFailures{60};
constexpr std::size_t mostFailures = 24;
constexpr Seconds::rep refusedBurst = 3;  // the defaults of LocalCoordinatorOptions
constexpr Seconds refusedInterval{30};
constexpr std::size_t failuresThatOpen = 4;  // three, unless the answer may be about one token
constexpr std::size_t mostProbes = 3;        // one, and tokens that have not failed: one every few seconds
constexpr std::size_t mostPerSuccess = 2;
constexpr std::size_t successesThatClose = 3;
constexpr std::size_t mostLinks = 18;         // longestChain, and what was brought meanwhile
constexpr std::size_t mostLinksInRedis = 32;  // from where the process' own chain ends

std::string nameOf(const Serving& serving) { return "request " + std::to_string(serving.number); }

std::optional<Seconds> numberIn(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && end != text.data() ? std::optional(Seconds{value}) : std::nullopt;
}

std::optional<Seconds> maxAgeIn(std::string_view setCookie) {
  constexpr std::string_view name = "Max-Age=";
  const std::size_t at = setCookie.find(name);
  return at == std::string_view::npos ? std::nullopt : numberIn(setCookie.substr(at + name.size()));
}

}  // namespace

void Conduct::require(bool holds, const char* rule, const std::string& what) {
  if (!holds) invariants_.violated(rule, what);
}

bool Conduct::hasNone(std::initializer_list<Fault> faults) const {
  return std::none_of(faults.begin(), faults.end(), [this](Fault fault) { return plan_.mix.has(fault); });
}

void Conduct::apiTry(const Serving& serving, const std::string& accessToken) {
  const bool isPost = serving.action.kind == Kind::post;
  require(!isPost || !serving.wasBroken, "what may have happened is not sent again", nameOf(serving) + " is, a POST");
  require(!serving.mustSignIn, "who must sign in again is not sent again", nameOf(serving) + " is sent again");
  require(serving.hadCompany || serving.refusals <= plan_.settings.maxRetries, "no more retries than maxRetries",
          nameOf(serving) + " is sent again after " + std::to_string(serving.refusals) + " refusals");
  const bool mayBeSent = !withProof_.contains(accessToken) || withoutProof_.contains(accessToken);
  require(mayBeSent, "a token that needs a proof is not sent without", nameOf(serving));
}

void Conduct::apiRefused(Serving& serving, const std::string& accessToken) {
  // After settleDelay the same one is sent once more.
  const bool isAnother = std::exchange(serving.refused, accessToken) != accessToken;
  if (isAnother && provider_.newestAccessTokenOf(serving.login) == accessToken) ++serving.refusals;
}

void Conduct::tokenCall(const LifePointer& life, const std::string& token, std::size_t evicted) {
  checkTries(life, token);
  if (std::exchange(isForRefusal_, false)) refreshedForRefusal(life, token);
  const auto asked = asked_.find({life.get(), token});
  const std::string login = provider_.loginOf(token);
  const bool isForgotten = loggedOut_.contains(login) || endedOtherwise_.contains(login);
  // Over Redis others may have had an answer since.
  require(plan_.settings.redis.isUsed || asked == asked_.end() || isForgotten || now() >= asked->second || evicted > 0,
          "an endpoint is left alone for as long as it asks", token + " is sent");
  const auto failed = failed_.find({life.get(), token});
  if (failed == failed_.end() || evicted > 0) return;
  std::deque<MonotonicTime>& times = failed->second;
  if (!times.empty() && now() - times.back() >= plan_.settings.keepUnconfirmed) times.clear();  // they are forgotten
  while (!times.empty() && now() - times.front() > ofFailures) times.pop_front();
  require(times.size() <= mostFailures, "a token that fails is asked about ever less often",
          token + ", " + std::to_string(times.size()) + " times in a minute");
}

void Conduct::checkTries(const LifePointer& life, const std::string& token) {
  Tried& tried = tried_[{life.get(), token}];
  if (std::exchange(isFirstTry_, false)) tried = {now(), false};
  require(!tried.mayBeUsed || now() - tried.begun < provider_.endpoint().replay.grace,
          "a token that may be spent is tried again only within the grace", token + " is sent");
}

void Conduct::tokenAnswered(const LifePointer& life, const std::string& token, const std::string& fresh,
                            const ironjar::Result<ironjar::Response>& answer) {
  const InLife key{life.get(), token};
  if (!fresh.empty()) asked_.erase({life.get(), fresh});  // it is good, whatever was known of it
  if (!fresh.empty() && fresh != token) {
    rotated_[key] = {fresh, now()};
    issued_[{life.get(), fresh}] = now();
    const MonotonicTime metered = metered_[key];
    metered_[{life.get(), fresh}] = std::max(metered_[{life.get(), fresh}], metered);
    metered_.erase(key);
  }
  if (answer && answer->status < 300) {
    asked_.erase(key);
    failed_.erase(key);
    return;
  }
  rotated_.erase(key);
  failed_[key].push_back(now());
  tried_[key].mayBeUsed = tried_[key].mayBeUsed || answer || answer.error().code != ironjar::Errc::unreachable;
  if (!answer) return;
  const auto field = ironjar::findHeader(answer->headers, "Retry-After");
  if (const auto time = field ? numberIn(*field) : std::nullopt)
    asked_[key] = now() + std::min({*time, longestAsked, plan_.settings.keepUnconfirmed});
}

void Conduct::callBegins(const LifePointer& life, const std::string& session, ironjar::RefreshTrigger trigger) {
  isFirstTry_ = true;
  isForRefusal_ = trigger == ironjar::RefreshTrigger::unauthorized;
  Breaker& breaker = breakers_[life.get()];
  if (!breaker.isOpen) return;
  breaker.underWay.insert(session);
  const std::size_t most = breaker.good == 0 ? mostProbes : breaker.good * mostPerSuccess;
  require(breaker.underWay.size() <= most, "an endpoint that is down is asked by few",
          std::to_string(breaker.underWay.size()) + " at once, after " + std::to_string(breaker.good) + " successes");
}

void Conduct::callEnds(const LifePointer& life, const std::string& session, bool isWell) {
  // What fails then fails for all.
  const bool isPlain = hasNone({Fault::unreachable, Fault::lostTokens, Fault::slowProvider, Fault::garbledTokens,
                                Fault::poisoned, Fault::killedGrants, Fault::oddErrors, Fault::proofs, Fault::mixedUp,
                                Fault::restored, Fault::doubledTokens}) &&
                       !plan_.settings.redis.isUsed && !plan_.settings.strictClient;
  if (!isPlain) return;
  Breaker& breaker = breakers_[life.get()];
  const bool isProbe = breaker.underWay.erase(session) > 0;
  if (isWell) {
    breaker.ofTheirOwn.merge(breaker.failed);
    breaker.ofTheirOwn.erase(session);
    breaker.failed.clear();
    if (isProbe && ++breaker.good >= successesThatClose) breaker.close();
    return;
  }
  if (breaker.good > 0) breaker.close();  // what fails then may be its own affair
  if (!breaker.ofTheirOwn.contains(session)) breaker.failed.insert(session);
  if (breaker.failed.size() >= failuresThatOpen) breaker.isOpen = true;
}

// One after the other, along the tokens of which the process knows what has become of them: a token whose successor it
// has forgotten, or that another process has got, begins anew.
void Conduct::refreshedForRefusal(const LifePointer& life, const std::string& token) {
  // Each is one for an access token that has not expired.
  const bool isMetered = plan_.settings.lifetime >= Seconds{3600} && Schedule::current().elapsed() < Seconds{3000} &&
                         hasNone({Fault::clocks, Fault::smallTable, Fault::restart}) && !plan_.settings.redis.isUsed &&
                         std::none_of(plan_.actions.begin(), plan_.actions.end(),
                                      [](const Action& action) { return action.kind == Kind::endAccess; });
  if (!isMetered) return;
  MonotonicTime& noneLeft = metered_[{life.get(), token}];
  require(noneLeft - now() <= (refusedBurst - 1) * refusedInterval,
          "an API that refuses good tokens costs few refreshes", token + " is sent for one more");
  noneLeft = std::max(noneLeft, now()) + refusedInterval;
}

void Conduct::waiting(std::size_t waiters, std::size_t mostAtOnce) {
  require(waiters <= mostAtOnce, "memory is bounded", std::to_string(waiters) + " wait");
}

void Conduct::opened(const Serving& serving) {
  const auto tokens = serving.session.tokens();
  require(!tokens || !plan_.settings.tellsSubject || tokens->subject == serving.login, "who has signed in stays known",
          nameOf(serving) + " of " + serving.login + " has tokens of " + (tokens ? tokens->subject : ""));
}

void Conduct::confirms(const Serving& serving) {
  if (!serving.token.empty()) confirmed_.try_emplace({serving.life.get(), serving.token}, now());
}

void Conduct::served(const Serving& serving, std::size_t evicted) {
  const auto tokens = serving.session.tokens();
  const auto rotated = rotated_.find({serving.life.get(), serving.token});
  if (!tokens || tokens->refreshToken == serving.token || rotated == rotated_.end()) return;
  const auto confirmed = confirmed_.find({serving.life.get(), rotated->second.fresh});
  const auto issued = issued_.find({serving.life.get(), serving.token});  // last: it may be in a cookie once more
  const bool isKnown = confirmed == confirmed_.end() || confirmed->second < rotated->second.at ||
                       (issued != issued_.end() && issued->second >= confirmed->second) ||
                       rotated->second.at > serving.servedAt || evicted > 0 || plan_.settings.redis.isUsed ||
                       serving.servedAt - confirmed->second < plan_.settings.keep + Seconds{1};
  // Once when it comes, and after each refusal once more.
  const std::size_t most =
      (mostLinks + (plan_.settings.redis.isUsed ? mostLinksInRedis : 0)) * std::max(serving.tries, 1U);
  std::size_t links = 0;
  for (auto link = rotated; link != rotated_.end() && links <= most; ++links) {
    if (link->second.fresh == tokens->refreshToken) break;
    link = rotated_.find({serving.life.get(), link->second.fresh});
  }
  require(links <= most, "a chain leads for longestChain links", nameOf(serving) + " with " + serving.token);
  require(isKnown, "what a browser has confirmed is forgotten in time", nameOf(serving) + " with " + serving.token);
}

void Conduct::written(const Serving& serving, const std::vector<std::string>& setCookies, ironjar::TimePoint wallNow) {
  for (const std::string& line : setCookies) {
    const auto maxAge = maxAgeIn(line);
    if (!maxAge || *maxAge == Seconds{0} || plan_.mix.has(Fault::clocks)) continue;
    const Seconds absolute = plan_.settings.absoluteTtl;
    const Seconds ttl = absolute > Seconds{0} ? std::min(absolute, defaultTtl) : defaultTtl;
    require(*maxAge < ttl, "a cookie ends before its seal", nameOf(serving) + ": " + std::to_string(maxAge->count()));
    const bool isInTime =
        absolute == Seconds{0} || wallNow + *maxAge <= serving.session.startedAt() + absolute + Seconds{1};
    require(isInTime, "no session outlives absoluteTtl", nameOf(serving));
  }
  // All that came is written anew or deleted.
  for (std::size_t at = 0; !setCookies.empty() && at < serving.cookies.size();) {
    const std::string name = serving.cookies.substr(at, serving.cookies.find('=', at) + 1 - at);
    const bool isSaid = std::any_of(setCookies.begin(), setCookies.end(),
                                    [&](const std::string& line) { return line.starts_with(name); });
    require(isSaid, "no part of an older cookie stays", nameOf(serving) + ": " + name);
    at = std::min(serving.cookies.find("; ", at), serving.cookies.size() - 2) + 2;
  }
  const bool isUntouched =
      serving.action.kind == Kind::status && hasNone({Fault::restart, Fault::clocks, Fault::restored});
  require(!isUntouched || setCookies.empty() || serving.cookies.empty() || serving.session.destroyed() ||
              plan_.settings.absoluteTtl > Seconds{0},
          "a cookie is written only when something has changed", nameOf(serving));
}

void Conduct::signedIn(const Serving& serving, const std::string& tagBefore) {
  require(serving.session.tag() != tagBefore, "each login has an identity of its own", nameOf(serving));
}

void Conduct::checkEnd() {
  const bool mustBeRevoked =
      plan_.settings.processes == 1 && !plan_.settings.redis.isUsed && plan_.settings.revokes &&
      !plan_.settings.refusalMayEnd &&
      hasNone({Fault::unreachable, Fault::slowProvider, Fault::lostTokens, Fault::garbledTokens, Fault::crash,
               Fault::restart, Fault::clocks, Fault::smallTable, Fault::shortKeep, Fault::mixedUp, Fault::proofs});
  if (!mustBeRevoked) return;
  for (const std::string& login : loggedOut_) {
    const std::string token = provider_.goodTokenOf(login, now());
    require(token.empty(), "what is logged out is revoked", token + " of " + login + " is still good");
  }
}

}  // namespace sim
