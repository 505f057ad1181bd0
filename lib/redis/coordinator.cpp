#include "base/base64url.hpp"
#include "crypto/sodium.hpp"
#include "redis/leases.hpp"
#include "redis/policy.hpp"
#include "redis/records.hpp"
#include "refresh/observed_refresh.hpp"
#include "refresh/refresh_call.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

namespace ironjar {
namespace {

using detail::Failure;
using detail::Record;
using detail::RedisRecord;
using Steady = std::chrono::steady_clock;

std::string randomOwner() {
  std::array<unsigned char, 16> bytes{};
  detail::random(bytes);
  std::string owner;
  detail::appendBase64url(owner, bytes);
  return owner;
}

RedisCoordinatorOptions checked(RedisCoordinatorOptions options) {
  if (options.lease < std::chrono::milliseconds{100} || options.lease > std::chrono::minutes{5}) {
    throw std::invalid_argument("ironjar: RedisCoordinatorOptions: lease is between 100 ms and 5 min");
  }
  return options;
}

}  // namespace

class RedisCoordinator::State {
 public:
  State(std::shared_ptr<detail::RedisLink> link, RedisCoordinatorOptions options)
      : options_(checked(std::move(options))),
        link_(std::move(link)),
        leases_(options_.lease),
        local_(std::make_unique<LocalCoordinator>(options_.local)) {}

  ~State() {
    *isAlive_ = false;
    giveUpAt_ = Steady::now() + options_.lease;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_.notify_all();
  }

  LocalCoordinator& local() { return *local_; }

  void startRefresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call, Deadline deadline,
                    const RefreshContext& context, RefreshHandler done) {
    const auto by = std::make_shared<std::atomic<RefreshedBy>>(RefreshedBy::self);
    const auto throughRedis = [this, name = std::string(client), call, by,
                               begun = context.begun](const TokenSet& spent) {
      return refreshOnce({name, spent, call, begun}, *by);
    };
    local_->startRefresh(client, rejected, throughRedis, deadline, context,
                         [by, done = std::move(done)](Result<NewTokens> refreshed) {
                           if (refreshed && refreshed->by == RefreshedBy::self) refreshed->by = *by;
                           done(std::move(refreshed));
                         });
  }

  void end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke, const Logout& logout) {
    const auto newest = local_->newest(client, tokens, From::memory, {.begun = logout.begun});
    std::set<std::string> loggedOut;
    std::optional<TokenSet> last = logOut(client, tokens, loggedOut, logout);
    const bool knowsMore = last && newest && *newest && !loggedOut.contains((*newest)->refreshToken);
    if (knowsMore) last = logOut(client, **newest, loggedOut, logout);
    if (!revoke || !last) return local_->end(client, tokens, nullptr, logout);
    local_->end(
        client, tokens,
        [this, isAlive = isAlive_, name = std::string(client), loggedOut, last = *last, revoke](const TokenSet& ended) {
          // What a call under way has brought is newer than all that was known.
          const bool isFresh = !loggedOut.contains(ended.refreshToken);
          revoke(isFresh ? ended : *isAlive ? whatCameLate(name, last) : last);
        },
        logout);
  }

  RedisCoordinatorStats stats() const { return {.asked = asked_, .shared = shared_, .alone = alone_}; }

 private:
  struct Request {
    const std::string& client;
    const TokenSet& spent;
    const RefreshCall& call;
    std::optional<TimePoint> begun;  // the session's beginning
    std::string owner = randomOwner();
    // When an earlier login with this refresh token was signed out of: it stays known.
    std::optional<TimePoint> endedBefore = std::nullopt;
  };

  RedisRecord recordOf(std::string_view client, std::string_view refreshToken) {
    const LocalCoordinatorOptions& local = options_.local;
    return {*link_,
            client,
            refreshToken,
            {.lease = options_.lease, .keep = local.keepUnconfirmed, .keepInvalidGrant = local.keep}};
  }

  // False when the coordinator is going.
  bool sleep(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !stop_.wait_for(lock, time, [this] { return stopping_; });
  }

  // How far a request has come from claim to claim.
  struct Progress {
    std::string awaited = {};  // whose call it waits for
    bool mayAsk = true;        // not while another process does, nor when one may have since
    unsigned misses = 0;       // claims in a row that Redis has not answered
    std::chrono::milliseconds pause = detail::shortestBetweenLooks;
  };

  // On a thread of the local coordinator's, once for all requests of this process.
  RefreshAnswer refreshOnce(Request request, std::atomic<RefreshedBy>& by) {
    RedisRecord record = recordOf(request.client, request.spent.refreshToken);
    // A holder may die at the end of its call, and its lock goes on for a lease then.
    const Deadline patience = Steady::now() + 2 * options_.lease + std::chrono::seconds{1};
    Progress progress;
    while (Steady::now() < patience) {
      const auto before = Steady::now();
      const auto claim = record.claim(request.owner, progress.awaited);
      progress.misses = claim ? 0 : progress.misses + 1;
      if (const auto* locked = claim ? std::get_if<RedisRecord::Locked>(&*claim) : nullptr) {
        if (!wait(*locked, progress)) break;
        continue;
      }
      auto answer = claim ? proceed(request, record, *claim, before, progress, by) : miss(request, progress);
      if (answer) return *std::move(answer);
    }
    // notAsked: this process made no call, so its circuit breaker must not count a failure of the provider.
    return {.tokens = fail(Errc::refreshFailed, "another process has been asking for too long"),
            .endpoint = EndpointState::notAsked};
  }

  // Redis has not answered. Nothing: claim again.
  std::optional<RefreshAnswer> miss(const Request& request, Progress& progress) {
    if (progress.misses < detail::mostMisses && !link_->stats().degraded) return std::nullopt;
    auto answer = withoutRedis(request, progress.mayAsk);
    progress.mayAsk = false;
    return answer;
  }

  // Another process has the lock. False when the coordinator is going.
  bool wait(const RedisRecord::Locked& locked, Progress& progress) {
    progress.awaited = locked.by;
    progress.mayAsk = false;
    const bool goesOn = sleep(progress.pause);
    progress.pause = std::min(progress.pause * 3 / 2, detail::longestBetweenLooks);
    return goesOn;
  }

  // With what was known already, or with the lock. Nothing: claim again.
  std::optional<RefreshAnswer> proceed(Request& request, RedisRecord& record, const RedisRecord::Claim& claim,
                                       Deadline before, Progress& progress, std::atomic<RefreshedBy>& by) {
    if (const auto* failure = std::get_if<Failure>(&claim)) {
      return RefreshAnswer{failure->error, failure->retryAfter, failure->mayBeOver, failure->endpoint};
    }
    if (const auto* known = std::get_if<Record>(&claim)) {
      auto answer = adopt(request, *known);
      if (answer) {
        by = progress.awaited.empty() ? RefreshedBy::chain : RefreshedBy::follower;
        return answer;
      }
      if (known->kind == Record::Kind::loggedOut || known->endedAt) request.endedBefore = known->endedAt;
      record.passOver();
      return std::nullopt;
    }
    auto answer = lead(request, record, before);
    if (!answer) progress.mayAsk = false;
    return answer;
  }

  // What a record means for a request; nothing when it is of no use.
  std::optional<RefreshAnswer> adopt(const Request& request, Record record) {
    // Along the chain, to where the login stands now.
    std::set<std::string> seen = {request.spent.refreshToken};
    while (record.kind == Record::Kind::rotated && seen.size() < detail::mostLinks &&
           seen.insert(record.tokens.refreshToken).second) {
      if (record.refuses(request.begun)) break;
      auto next = recordOf(request.client, record.tokens.refreshToken).lookUp();
      if (!next || !*next) break;
      record = **std::move(next);
    }
    if (record.refuses(request.begun)) return signedOut(request, record.endedAt);
    if (record.kind == Record::Kind::loggedOut) return std::nullopt;
    if (record.kind == Record::Kind::invalidGrant) {
      return RefreshAnswer{.tokens = loginOver(RefreshEnd::invalidGrant,
                                               "the provider has ended this login, as another process was told"),
                           .endpoint = EndpointState::notAsked};
    }
    // Where refresh tokens do not rotate, this may be the older record that brought the request's own tokens.
    if (!detail::isNewer(record.tokens, request.spent)) return std::nullopt;
    ++shared_;
    return RefreshAnswer{.tokens = std::move(record.tokens), .endpoint = EndpointState::notAsked};
  }

  // Whatever is under way here for the login is discarded.
  RefreshAnswer signedOut(const Request& request, std::optional<TimePoint> endedAt) {
    local_->end(request.client, request.spent, nullptr,
                {.at = endedAt.value_or(TimePoint::max()), .begun = request.begun});
    return {.tokens = loginOver(RefreshEnd::loggedOut, "signed out elsewhere"), .endpoint = EndpointState::notAsked};
  }

  // Nothing when Redis is back by the end, and another process asks.
  std::optional<RefreshAnswer> withoutRedis(const Request& request, bool mayAsk) {
    if (options_.withoutRedis == WithoutRedis::fail) {
      return RefreshAnswer{.tokens = fail(Errc::overloaded, "Redis is away"), .endpoint = EndpointState::notAsked};
    }
    if (!mayAsk) {
      return RefreshAnswer{.tokens = fail(Errc::refreshFailed, "Redis went away while another process was asking"),
                           .endpoint = EndpointState::notAsked};
    }
    ++alone_;
    // Redis may be back by then, or was slow only.
    RedisRecord record = recordOf(request.client, request.spent.refreshToken);
    return conclude(request, record, ask(request));
  }

  RefreshAnswer ask(const Request& request) {
    ++asked_;
    if (!request.call.asynchronous()) return detail::ask(request.call.blocking(), request.spent);
    // When the coordinator goes, not longer than a lease: the answer may need the thread that destroys it.
    return detail::waitForAnswer(request.call.asynchronous(), request.spent,
                                 [this] { return Steady::now() >= giveUpAt_.load(); });
  }

  // With the lock. Nothing when another process has it: before the call could be made, or by the end of one in vain.
  std::optional<RefreshAnswer> lead(const Request& request, RedisRecord& record, Deadline begun) {
    auto renew = [this, client = request.client, token = request.spent.refreshToken, owner = request.owner] {
      return recordOf(client, token).renew(owner);
    };
    const auto lease = leases_.take(std::move(renew), begun);
    const bool holds = lease->holds();
    std::optional<RefreshAnswer> answer;
    if (holds) answer = ask(request);
    leases_.drop(lease);
    return answer ? conclude(request, record, *std::move(answer)) : std::nullopt;
  }

  // Stores in Redis how the call has ended, for the other processes. Returns this answer, or theirs where it is better;
  // nothing when another process has the lock and its call decides: claim again.
  std::optional<RefreshAnswer> conclude(const Request& request, RedisRecord& record, RefreshAnswer answer) {
    if (answer.tokens) return publish(request, record, std::move(answer));
    const std::optional<RefreshEnd> end = answer.tokens.error().end;
    if (end && !keepsCookie(*end)) return giveUp(request, record, std::move(answer));
    const auto outcome =
        record.release(request.owner, {answer.tokens.error(), answer.retryAfter, answer.endpoint, answer.mayBeOver});
    return better(request, outcome, std::move(answer));
  }

  // What is known by now in place of a failure.
  RefreshAnswer better(const Request& request, const Result<RedisRecord::Outcome>& outcome, RefreshAnswer answer) {
    const Record* known = outcome ? std::get_if<Record>(&*outcome) : nullptr;
    if (known == nullptr || known->kind == Record::Kind::invalidGrant) return answer;
    auto theirs = adopt(request, *known);
    return theirs ? *std::move(theirs) : answer;
  }

  RefreshAnswer publish(const Request& request, RedisRecord& record, RefreshAnswer answer) {
    const TokenSet fresh = detail::successorOf(request.spent, *answer.tokens);
    const auto outcome = record.publish(request.owner, fresh, request.endedBefore);
    if (!outcome && (outcome.error().code == Errc::tooLarge || outcome.error().code == Errc::malformed)) {
      release(request, record);  // it cannot be sealed: nobody shall wait for it
    }
    const Record* known = outcome ? std::get_if<Record>(&*outcome) : nullptr;
    if (known == nullptr || known->kind == Record::Kind::invalidGrant) return answer;
    if (known->kind == Record::Kind::loggedOut) {
      record.storeOrphaned(fresh);
      release(request, record);
      local_->end(request.client, request.spent, nullptr,
                  {.at = known->endedAt.value_or(TimePoint::max()), .begun = request.begun});
      return answer;  // for the local coordinator to discard
    }
    auto theirs = adopt(request, *known);
    return theirs ? *std::move(theirs) : answer;
  }

  static void release(const Request& request, RedisRecord& record) {
    const auto released = record.release(request.owner, {fail(Errc::refreshFailed)});
    static_cast<void>(released.has_value());  // or the lock ends by itself
  }

  // The provider has refused the token: because another process has spent it?
  std::optional<RefreshAnswer> giveUp(const Request& request, RedisRecord& record, RefreshAnswer answer) {
    for (const auto pause : detail::secondLooks) {
      if (pause.count() > 0 && !sleep(pause)) break;
      const auto found = record.lookUp();
      if (!found && link_->stats().degraded) break;
      if (found && *found && (*found)->kind != Record::Kind::invalidGrant) {
        if (auto theirs = adopt(request, **found)) {
          release(request, record);
          return *std::move(theirs);
        }
      }
    }
    const auto outcome = record.endGrant(request.owner);
    if (outcome && std::holds_alternative<RedisRecord::Refused>(*outcome))
      return std::nullopt;  // who has taken over decides
    if (outcome) return better(request, outcome, std::move(answer));
    // Redis cannot say whether another process has spent the token and sent its successor to the browser.
    return RefreshAnswer{
        .tokens = loginOver(RefreshEnd::superseded, "the provider refuses the token, and Redis is away"),
        .retryAfter = answer.retryAfter,
        .endpoint = answer.endpoint.value_or(EndpointState::well)};
  }

  // Marks these tokens and all that is known to have succeeded them as ended; the last of them, or nothing when they
  // had ended already: what came after may be another login's.
  std::optional<TokenSet> logOut(std::string_view client, TokenSet tokens, std::set<std::string>& loggedOut,
                                 const Logout& logout) {
    while (loggedOut.size() < detail::mostLinks && loggedOut.insert(tokens.refreshToken).second) {
      auto before = recordOf(client, tokens.refreshToken).logOut(logout);
      if (before && before->refuses(logout.begun)) return std::nullopt;
      if (before && before->kind == Record::Kind::rotated) tokens = std::move(before->tokens);
    }
    return tokens;
  }

  // The tokens that a call of another process brings for a login that has ended; the ones given when none does.
  TokenSet whatCameLate(const std::string& client, const TokenSet& tokens) {
    RedisRecord record = recordOf(client, tokens.refreshToken);
    const Deadline patience = Steady::now() + 2 * options_.lease + std::chrono::seconds{1};
    while (Steady::now() < patience) {
      const auto found = record.orphaned();
      if (found.tokens) return *found.tokens;
      if (!found.mayCome || !sleep(detail::longestBetweenLooks)) break;
    }
    return tokens;
  }

  const RedisCoordinatorOptions options_;
  const std::shared_ptr<detail::RedisLink> link_;
  std::atomic<std::uint64_t> asked_ = 0;
  std::atomic<std::uint64_t> shared_ = 0;
  std::atomic<std::uint64_t> alone_ = 0;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::atomic<Steady::time_point> giveUpAt_ = Steady::time_point::max();
  // For revocations, which a completion that destroys the coordinator may be followed by.
  const std::shared_ptr<std::atomic<bool>> isAlive_ = std::make_shared<std::atomic<bool>>(true);
  detail::Leases leases_;
  std::unique_ptr<LocalCoordinator> local_;  // last: its threads use all of the above
};

RedisCoordinator::RedisCoordinator(const std::shared_ptr<Redis>& redis, RedisCoordinatorOptions options) {
  if (!redis) throw std::invalid_argument("ironjar: RedisCoordinator: redis is empty");
  state_ = std::make_unique<State>(redis->link_, std::move(options));
}
RedisCoordinator::~RedisCoordinator() = default;

Result<std::optional<TokenSet>> RedisCoordinator::newest(std::string_view client, const TokenSet& tokens, From from,
                                                         const RefreshContext& context) {
  return state_->local().newest(client, tokens, from, context);
}

void RedisCoordinator::startRefresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call,
                                    Deadline deadline, const RefreshContext& context, RefreshHandler done) {
  state_->startRefresh(client, rejected, call, deadline, context, std::move(done));
}

void RedisCoordinator::end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke,
                           const Logout& logout) {
  state_->end(client, tokens, revoke, logout);
}

CoordinatorStats RedisCoordinator::stats() const { return state_->local().stats(); }

RedisCoordinatorStats RedisCoordinator::redisStats() const { return state_->stats(); }

}  // namespace ironjar
