#include "redis/policy.hpp"
#include "redis/records.hpp"
#include "redis/refresh_operation.hpp"
#include "redis/refreshing.hpp"

#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>

namespace ironjar {
namespace {

using detail::Record;
using detail::RedisRecord;
using Steady = std::chrono::steady_clock;

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
      : refreshing_(std::make_shared<detail::Refreshing>(std::move(link), checked(std::move(options)))) {}

  ~State() {
    *isAlive_ = false;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_.notify_all();
    refreshing_->close();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  LocalCoordinator& local() { return *refreshing_->local(); }  // which lives until the destructor

  void startRefresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call, Deadline deadline,
                    const RefreshContext& context, RefreshHandler done) {
    const auto by = std::make_shared<std::atomic<RefreshedBy>>(RefreshedBy::self);
    const auto throughRedis = [refreshing = refreshing_, name = std::string(client), call, by, begun = context.begun](
                                  const TokenSet& spent, std::function<void(RefreshAnswer)> answered) {
      using Operation = detail::RefreshOperation;
      refreshing->begin(std::make_shared<Operation>(refreshing, Operation::Request{name, spent, call, begun, by},
                                                    std::move(answered)));
    };
    local().startRefresh(client, rejected, throughRedis, deadline, context,
                         [by, done = std::move(done)](Result<NewTokens> refreshed) {
                           if (refreshed && refreshed->by == RefreshedBy::self) refreshed->by = *by;
                           done(std::move(refreshed));
                         });
  }

  void end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke, const Logout& logout) {
    const auto newest = local().newest(client, tokens, From::memory, {.begun = logout.begun});
    std::set<std::string> loggedOut;
    std::optional<TokenSet> last = logOut(client, tokens, loggedOut, logout);
    const bool knowsMore = last && newest && *newest && !loggedOut.contains((*newest)->refreshToken);
    if (knowsMore) last = logOut(client, **newest, loggedOut, logout);
    if (!revoke || !last) return local().end(client, tokens, nullptr, logout);
    local().end(
        client, tokens,
        [this, isAlive = isAlive_, name = std::string(client), loggedOut, last = *last, revoke](const TokenSet& ended) {
          // What a call under way has brought is newer than all that was known.
          const bool isFresh = !loggedOut.contains(ended.refreshToken);
          revoke(isFresh ? ended : *isAlive ? whatCameLate(name, last) : last);
        },
        logout);
  }

  RedisCoordinatorStats stats() const {
    return {.asked = refreshing_->asked,
            .shared = refreshing_->shared,
            .alone = refreshing_->alone,
            .waiting = refreshing_->waiting};
  }

 private:
  // False when the coordinator is going.
  bool sleep(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !stop_.wait_for(lock, time, [this] { return stopping_; });
  }

  // Marks these tokens and all that is known to have succeeded them as ended; the last of them, or nothing when they
  // had ended already: what came after may be another login's.
  std::optional<TokenSet> logOut(std::string_view client, TokenSet tokens, std::set<std::string>& loggedOut,
                                 const Logout& logout) {
    while (loggedOut.size() < detail::mostLinks && loggedOut.insert(tokens.refreshToken).second) {
      auto before = refreshing_->recordOf(client, tokens.refreshToken).logOut(logout);
      if (before && before->refuses(logout.begun)) return std::nullopt;
      if (before && before->kind == Record::Kind::rotated) tokens = std::move(before->tokens);
    }
    return tokens;
  }

  // The tokens that a call of another process brings for a login that has ended; the ones given when none does.
  TokenSet whatCameLate(const std::string& client, const TokenSet& tokens) {
    RedisRecord record = refreshing_->recordOf(client, tokens.refreshToken);
    const Deadline patience = Steady::now() + 2 * refreshing_->options().lease + std::chrono::seconds{1};
    while (Steady::now() < patience) {
      const auto found = record.orphaned();
      if (found.tokens) return *found.tokens;
      if (!found.mayCome || !sleep(detail::longestBetweenLooks)) break;
    }
    return tokens;
  }

  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  // For revocations, which a completion that destroys the coordinator may be followed by.
  const std::shared_ptr<std::atomic<bool>> isAlive_ = std::make_shared<std::atomic<bool>>(true);
  const std::shared_ptr<detail::Refreshing> refreshing_;  // shared with what is under way
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
