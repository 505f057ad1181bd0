#include "base/leave.hpp"
#include "redis/logout_operation.hpp"
#include "redis/refresh_operation.hpp"
#include "redis/refreshing.hpp"

#include <stdexcept>

namespace ironjar {
namespace {

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

  ~State() { refreshing_->close(); }
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

  // `told` is called on the link's thread.
  void beginEnd(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke, const Logout& logout,
                detail::Completion<bool> told) {
    const auto known = local().newest(client, tokens, From::memory, {.begun = logout.begun});
    const auto newest = known ? *known : std::nullopt;
    const auto once = detail::exactlyOnce<bool>(
        [told = std::move(told), held = refreshing_->hold()](bool isEnded) mutable {
          held.reset();  // who is told may destroy the coordinator
          told(isEnded);
        },
        false);
    const auto marked = [refreshing = refreshing_, name = std::string(client), tokens, revoke, logout,
                         once](Ended ended) {
      endHere(refreshing, name, tokens, revoke, logout, std::move(ended));
      once(true);
    };
    const auto ended = detail::exactlyOnce<Ended>(marked, Ended());
    const auto operation = std::make_shared<detail::LogoutOperation>(refreshing_, std::string(client), logout);
    const bool isPosted = refreshing_->link().loop().post(
        [operation, tokens, newest, ended] { operation->begin(tokens, newest, ended); });
    static_cast<void>(isPosted);  // else it is dropped, and `ended` is called by that
  }
  void startEnd(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke, const Logout& logout,
                std::function<void()> done) {
    const auto told = [refreshing = refreshing_, done = std::move(done)](bool) mutable {
      refreshing->complete(std::move(done));
    };
    beginEnd(client, tokens, revoke, logout, told);
  }
  [[nodiscard]] bool isOfThisProcess() const { return refreshing_->link().isOfThisProcess(); }
  [[nodiscard]] bool mayWait() const { return !refreshing_->link().loop().isOnItsThread(); }

  RedisCoordinatorStats stats() const {
    return {.asked = refreshing_->asked,
            .shared = refreshing_->shared,
            .alone = refreshing_->alone,
            .waiting = refreshing_->waiting};
  }

 private:
  using Ended = detail::LogoutOperation::Ended;

  // In this process, when Redis knows.
  static void endHere(const std::shared_ptr<detail::Refreshing>& refreshing, const std::string& client,
                      const TokenSet& tokens, const RevokeCall& revoke, const Logout& logout, Ended ended) {
    const auto local = refreshing->local();
    if (!local) return;
    if (!revoke || !ended.last) return local->end(client, tokens, nullptr, logout);
    const auto revokeLast = [weak = std::weak_ptr(refreshing), client, ended = std::move(ended),
                             revoke](const TokenSet& newest) {
      // What a call under way here has brought is newer than all that was known.
      if (!ended.refreshTokens.contains(newest.refreshToken)) return revoke(newest);
      const auto owner = weak.lock();
      owner ? owner->revokeLast(client, *ended.last, revoke) : revoke(*ended.last);
    };
    local->end(client, tokens, revokeLast, logout);
  }

  const std::shared_ptr<detail::Refreshing> refreshing_;  // shared with what is under way
};

RedisCoordinator::RedisCoordinator(const std::shared_ptr<Redis>& redis, RedisCoordinatorOptions options) {
  if (!redis) throw std::invalid_argument("ironjar: RedisCoordinator: redis is empty");
  state_ = std::make_unique<State>(redis->link_, std::move(options));
}
RedisCoordinator::~RedisCoordinator() {
  if (!state_->isOfThisProcess()) detail::leave(state_);
}

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
  if (!state_->mayWait()) return state_->startEnd(client, tokens, revoke, logout, [] {});
  // Told by the link's thread itself: those that complete may all be waiting here.
  const auto start = [&](const detail::Completion<bool>& done) {
    state_->beginEnd(client, tokens, revoke, logout, done);
  };
  static_cast<void>(detail::waitFor<bool>(start, false));
}

void RedisCoordinator::startEnd(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke,
                                const Logout& logout, std::function<void()> done) {
  state_->startEnd(client, tokens, revoke, logout, std::move(done));
}

CoordinatorStats RedisCoordinator::stats() const { return state_->local().stats(); }

RedisCoordinatorStats RedisCoordinator::redisStats() const { return state_->stats(); }

}  // namespace ironjar
