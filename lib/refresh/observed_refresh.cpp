#include "refresh/observed_refresh.hpp"

#include "base/notify.hpp"
#include "base/time.hpp"
#include "refresh/policy.hpp"
#include "refresh/refresh_call.hpp"

#include <atomic>
#include <mutex>

namespace ironjar::detail {
namespace {

std::optional<Error> errorOf(const Result<TokenSet>& result) {
  return result ? std::nullopt : std::optional(result.error());
}

// Tells of a call, wherever it ends: it may outlive whoever wanted it.
class Watched {
 public:
  Watched(const ObservedRefresh& refresh, std::shared_ptr<std::atomic<bool>> wasMade)
      : observer_(refresh.source->observer),
        tag_(refresh.tag),
        trigger_(refresh.trigger),
        wasMade_(std::move(wasMade)) {}

  // What is to be told of the answer.
  [[nodiscard]] Completion<const RefreshAnswer&> begun() const {
    *wasMade_ = true;
    notify(observer_, [&] { return event::RefreshStarted{tag_, trigger_}; });
    return [watched = *this, begin = monotonicNow()](const RefreshAnswer& answer) {
      notify(watched.observer_, [&] {
        return event::TokensAnswered{watched.tag_, watched.trigger_, errorOf(answer.tokens), monotonicNow() - begin};
      });
    };
  }

 private:
  Observer observer_;
  std::string tag_;
  RefreshTrigger trigger_;
  std::shared_ptr<std::atomic<bool>> wasMade_;
};

RefreshCall watched(const RefreshCall& call, const Watched& by) {
  if (!call.asynchronous()) {
    return [by, call = call.blocking()](const TokenSet& tokens) {
      const auto tell = by.begun();
      RefreshAnswer answer = ask(call, tokens);
      tell(answer);
      return answer;
    };
  }
  return [by, call = call.asynchronous()](const TokenSet& tokens, const Completion<RefreshAnswer>& done) {
    startAsking(call, tokens, [tell = by.begun(), done](RefreshAnswer answer) {
      tell(answer);
      done(std::move(answer));
    });
  };
}

RefreshedBy roleIn(const Error& failure, bool wasMade) {
  if (wasMade) return RefreshedBy::self;
  const bool nobodys = (failure.end && keepsCookie(*failure.end)) || failure.code == Errc::overloaded ||
                       failure.code == Errc::throttled || failure.code == Errc::cancelled;
  return nobodys ? RefreshedBy::none : RefreshedBy::follower;
}

// Asks in turn until tokens come for the resource. Holds itself while it is asking.
class InTurn : public std::enable_shared_from_this<InTurn> {
 public:
  InTurn(ObservedRefresh refresh, const TokenSet& rejected, Deadline deadline,
         std::function<void(const TokenSet&)> keep, RefreshHandler done)
      : refresh_(std::move(refresh)),
        resource_(rejected.resource),
        spent_(std::make_unique<const TokenSet>(rejected)),
        deadline_(deadline),
        keep_(std::move(keep)),
        done_(std::move(done)) {}

  void begin() {
    if (refresh_.source->observer) {
      wasMade_ = std::make_shared<std::atomic<bool>>(false);
      watchedCall_ = std::make_unique<const RefreshCall>(watched(refresh_.source->call, {refresh_, wasMade_}));
    }
    ask();
  }

 private:
  void ask() {
    const auto self = shared_from_this();
    while (auto result = askOnce()) {
      if (!goesOn(*result)) return end(*std::move(result));
    }
  }
  // What comes before the coordinator has returned, which reads what is held here. Nothing: it comes to told().
  std::unique_ptr<Result<NewTokens>> askOnce() {
    {
      const std::lock_guard lock(mutex_);
      isAsking_ = true;
    }
    const TokenSource& source = *refresh_.source;
    const RefreshCall& call = watchedCall_ ? *watchedCall_ : source.call;
    const auto done = exactlyOnce<Result<NewTokens>>(
        [self = shared_from_this()](Result<NewTokens> result) { self->told(std::move(result)); },
        fail(Errc::refreshFailed, "the coordinator has gone"));
    try {
      source.coordinator->startRefresh(source.client, *spent_, call, deadline_, refresh_.context, done);
    } catch (...) {
      done(fail(Errc::refreshFailed, "the coordinator threw an exception"));
    }
    const std::lock_guard lock(mutex_);
    isAsking_ = false;
    spent_.reset();  // nobody reads it any more
    return std::move(early_);
  }
  void told(Result<NewTokens> result) {
    {
      const std::lock_guard lock(mutex_);
      if (isAsking_) {
        early_ = std::make_unique<Result<NewTokens>>(std::move(result));
        return;
      }
    }
    goesOn(result) ? ask() : end(std::move(result));
  }
  // Whether these are another resource's tokens, to be asked from in turn.
  [[nodiscard]] bool goesOn(Result<NewTokens>& result) {
    if (!result || result->tokens.resource == resource_) return false;
    if (++turns_ == patience) {
      result = fail(Errc::refreshFailed, "other resources' refreshes kept coming first");
      return false;
    }
    keep_(result->tokens);
    spent_ = std::make_unique<const TokenSet>(result->tokens);
    return true;
  }
  // What is held of others is let go first: a thread that has waited for the end may destroy all of it.
  void end(Result<NewTokens> result) {
    tell(result);
    const RefreshHandler done = std::move(done_);
    refresh_ = {};
    watchedCall_.reset();
    keep_ = nullptr;
    done(std::move(result));
  }
  void tell(const Result<NewTokens>& result) const {
    notify(refresh_.source->observer, [&]() -> Event {
      const auto took = monotonicNow() - begin_;
      if (result) return event::Refreshed{refresh_.tag, result->by, refresh_.trigger, took};
      const RefreshedBy role = roleIn(result.error(), *wasMade_);
      return event::RefreshFailed{refresh_.tag, role, refresh_.trigger, result.error(), took};
    });
  }

  ObservedRefresh refresh_;
  const std::string resource_;
  std::unique_ptr<const TokenSet> spent_;  // until the coordinator has begun
  const Deadline deadline_;
  std::function<void(const TokenSet&)> keep_;
  RefreshHandler done_;
  std::unique_ptr<const RefreshCall> watchedCall_;
  std::shared_ptr<std::atomic<bool>> wasMade_;
  const MonotonicTime begin_ = monotonicNow();
  int turns_ = 0;
  std::mutex mutex_;
  bool isAsking_ = false;
  std::unique_ptr<Result<NewTokens>> early_;
};

}  // namespace

void startRefreshObserved(ObservedRefresh refresh, const TokenSet& rejected, Deadline deadline,
                          std::function<void(const TokenSet&)> keep, RefreshHandler done) {
  std::make_shared<InTurn>(std::move(refresh), rejected, deadline, std::move(keep), std::move(done))->begin();
}

TokenSet caughtUp(TokenSet held, const TokenSet& newest) {
  if (newest.resource == held.resource) return newest;
  held.refreshToken = newest.refreshToken;
  held.cookies = newest.cookies;
  held.subject = newest.subject;
  held.dpopKey = newest.dpopKey;
  return held;
}

bool isNewer(const TokenSet& found, const TokenSet& held) {
  if (found.refreshToken != held.refreshToken) return true;
  if (found.accessToken == held.accessToken) return endsLater(found, held);
  return !endsLater(held, found);
}

bool endsLater(const TokenSet& found, const TokenSet& held) {
  return found.expiresAt && held.expiresAt && *found.expiresAt > *held.expiresAt;
}

// RFC 6749 section 6 for the refresh token, section 5.1 for the scope, OpenID Connect Core section 12.2 for the user.
TokenSet successorOf(const TokenSet& spent, TokenSet answer) {
  if (answer.refreshToken.empty()) answer.refreshToken = spent.refreshToken;
  if (answer.scope.empty() && answer.resource == spent.resource) answer.scope = spent.scope;
  if (answer.subject.empty()) answer.subject = spent.subject;
  if (answer.resource == spent.resource) answer.extra.insert(spent.extra.begin(), spent.extra.end());
  if (answer.dpopKey.empty()) answer.dpopKey = spent.dpopKey;
  return answer;
}

}  // namespace ironjar::detail
