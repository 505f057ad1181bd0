#include "refresh/observed_refresh.hpp"

#include "base/notify.hpp"
#include "refresh/policy.hpp"

#include <atomic>

namespace ironjar::detail {
namespace {

using Moment = std::chrono::steady_clock::time_point;

Moment monotonicNow() { return std::chrono::steady_clock::now(); }

std::optional<Error> errorOf(const Result<TokenSet>& result) {
  return result ? std::nullopt : std::optional(result.error());
}

// Tells of the call, wherever it ends: it may outlive whoever wanted it.
RefreshCall watched(const ObservedRefresh& refresh, const std::shared_ptr<std::atomic<bool>>& wasMade) {
  return [call = refresh.call, observer = refresh.observer, tag = refresh.tag, trigger = refresh.trigger,
          wasMade](const TokenSet& tokens) {
    *wasMade = true;
    notify(observer, [&] { return event::RefreshStarted{tag, trigger}; });
    const Moment begin = monotonicNow();
    RefreshAnswer answer{.tokens = fail(Errc::refreshFailed, "asking for tokens threw an exception")};
    try {
      answer = call(tokens);
    } catch (...) {  // NOLINT(bugprone-empty-catch): said above
    }
    notify(observer, [&] {
      return event::TokensAnswered{tag, trigger, errorOf(answer.tokens), monotonicNow() - begin};
    });
    return answer;
  };
}

RefreshedBy roleIn(const Error& failure, bool wasMade) {
  if (wasMade) return RefreshedBy::self;
  const bool nobodys =
      (failure.end && keepsCookie(*failure.end)) || failure.code == Errc::overloaded || failure.code == Errc::throttled;
  return nobodys ? RefreshedBy::none : RefreshedBy::follower;
}

Result<NewTokens> inTurn(const ObservedRefresh& refresh, const TokenSet& rejected, const RefreshCall& call,
                         Deadline deadline, const std::function<void(const TokenSet&)>& keep) {
  TokenSet spent = rejected;
  for (int turn = 0; turn < patience; ++turn) {
    Result<NewTokens> refreshed = refresh.coordinator.refresh(refresh.client, spent, call, deadline, refresh.context);
    if (!refreshed || refreshed->tokens.resource == rejected.resource) return refreshed;
    keep(refreshed->tokens);
    spent = refreshed->tokens;
  }
  return fail(Errc::refreshFailed, "other resources' refreshes kept coming first");
}

}  // namespace

Result<NewTokens> refreshObserved(const ObservedRefresh& refresh, const TokenSet& rejected, Deadline deadline,
                                  const std::function<void(const TokenSet&)>& keep) {
  if (!refresh.observer) return inTurn(refresh, rejected, refresh.call, deadline, keep);
  const auto wasMade = std::make_shared<std::atomic<bool>>(false);
  const Moment begin = monotonicNow();
  Result<NewTokens> result = inTurn(refresh, rejected, watched(refresh, wasMade), deadline, keep);
  const auto took = monotonicNow() - begin;
  notify(refresh.observer, [&]() -> Event {
    const auto& [tag, trigger] = std::tie(refresh.tag, refresh.trigger);
    if (result) return event::Refreshed{tag, result->by, trigger, took};
    return event::RefreshFailed{tag, roleIn(result.error(), *wasMade), trigger, result.error(), took};
  });
  return result;
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
