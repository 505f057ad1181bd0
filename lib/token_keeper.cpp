#include "token_keeper.hpp"

#include "detail/notify.hpp"
#include "detail/sodium.hpp"
#include "token_asker.hpp"

#include <algorithm>
#include <array>
#include <atomic>

namespace ironjar::detail {
namespace {

using From = RefreshCoordinator::From;
using Moment = std::chrono::steady_clock::time_point;

constexpr Seconds longestAhead{2};  // waited for a refresh ahead of time

Moment monotonicNow() { return std::chrono::steady_clock::now(); }

// Threads that found the same token due must not all come at the same moment: 0.8 to 1.2.
double spread() {
  std::array<unsigned char, 1> byte{};
  random(byte);
  return 0.8 + 0.4 * byte[0] / 255;
}

// The browser may hold a newer cookie than the one that this request came with.
Error letGo(Session& session) {
  session.abandon();
  return fail(Errc::expired, "the login was ended or superseded");
}

std::optional<Error> errorOf(const Result<TokenSet>& result) {
  return result ? std::nullopt : std::optional(result.error());
}

// Tells of the call, wherever it ends: it may outlive the request and the Fetcher.
RefreshCoordinator::Ask watched(const RefreshCoordinator::Ask& ask, const Observer& observer, const std::string& tag,
                                RefreshTrigger trigger, const std::shared_ptr<std::atomic<bool>>& wasMade) {
  return [=](const TokenSet& tokens) {
    *wasMade = true;
    notify(observer, [&] { return event::RefreshStarted{tag, trigger}; });
    const Moment begin = monotonicNow();
    RefreshCoordinator::Asked asked = ask(tokens);
    notify(observer, [&] {
      return event::TokensAnswered{tag, trigger, errorOf(asked.tokens), monotonicNow() - begin};
    });
    return asked;
  };
}

}  // namespace

TokenKeeper::TokenKeeper(const FetchOptions& options)
    : coordinator_(options.coordinator),
      resource_(options.tokenEndpoint.resource),
      client_(options.tokenEndpoint.url + '\n' + options.tokenEndpoint.clientAuth.clientId),
      ask_(asker(options)),
      revoke_(revoker(options)),
      threshold_(options.refreshThreshold),
      now_(options.now),
      observer_(options.observer) {}

Result<RefreshedBy> TokenKeeper::catchUp(Session& session) const {
  const std::optional<TokenSet> held = tokens(session);
  if (!held || held->refreshToken.empty()) return RefreshedBy::none;
  const auto newest = coordinator_->newest(client_, *held, session.tokensAreFromCookie() ? From::cookie : From::memory);
  if (!newest) {
    notify(observer_, [&] {
      return event::RefreshFailed{session.tag(), RefreshedBy::chain, RefreshTrigger::late, newest.error()};
    });
    return letGo(session);
  }
  const bool isOfAnother = *newest && (*newest)->resource != resource_;
  if (!*newest || (isOfAnother && (*newest)->refreshToken == held->refreshToken)) return RefreshedBy::none;
  session.renewTokens(**newest);
  if (isOfAnother) return RefreshedBy::none;
  notify(observer_, [&] { return event::Refreshed{session.tag(), RefreshedBy::chain, RefreshTrigger::late}; });
  return RefreshedBy::chain;
}

Result<RefreshedBy> TokenKeeper::refreshAhead(Session& session, Deadline deadline) const {
  const std::optional<TokenSet> held = tokens(session);
  if (!held || !isDue(*held)) return RefreshedBy::none;
  // While the token is good, the request must not wait for a slow provider: the call goes on for the next one.
  const Deadline patience = isGood(*held) ? std::min(deadline, monotonicNow() + longestAhead) : deadline;
  Result<RefreshedBy> refreshed = renew(session, *held, RefreshTrigger::expiry, patience);
  const bool isOver = !refreshed && refreshed.error().code == Errc::expired;
  if (refreshed || isOver) return refreshed;
  return isGood(*held) ? Result<RefreshedBy>(RefreshedBy::none) : refreshed;
}

Result<RefreshedBy> TokenKeeper::renew(Session& session, const TokenSet& rejected, RefreshTrigger trigger,
                                       Deadline deadline) const {
  const Result<Refreshed> refreshed =
      observer_ ? watchedAskFor(session, rejected, trigger, deadline) : askFor(session, rejected, ask_, deadline);
  if (refreshed) return refreshed->by;
  if (refreshed.error().code == Errc::expired) session.destroy();
  return refreshed.error().code == Errc::loginRequired ? letGo(session) : refreshed.error();
}

// A call for another resource spends the refresh token just the same. Its result is kept, and asked from in turn.
Result<Refreshed> TokenKeeper::askFor(Session& session, const TokenSet& rejected, const RefreshCoordinator::Ask& ask,
                                      Deadline deadline) const {
  constexpr int patience = 16;
  TokenSet spent = rejected;
  for (int turn = 0; turn < patience; ++turn) {
    Result<Refreshed> refreshed = coordinator_->refresh(client_, spent, ask, deadline);
    if (!refreshed) return refreshed;
    session.renewTokens(refreshed->tokens);
    if (refreshed->tokens.resource == resource_) return refreshed;
    spent = refreshed->tokens;
  }
  return fail(Errc::refreshFailed, "other resources' refreshes kept coming first");
}

Result<Refreshed> TokenKeeper::watchedAskFor(Session& session, const TokenSet& rejected, RefreshTrigger trigger,
                                             Deadline deadline) const {
  const std::string tag = session.tag();
  const auto wasMade = std::make_shared<std::atomic<bool>>(false);
  const Moment begin = monotonicNow();
  Result<Refreshed> refreshed = askFor(session, rejected, watched(ask_, observer_, tag, trigger, wasMade), deadline);
  const auto took = monotonicNow() - begin;
  notify(observer_, [&]() -> Event {
    if (refreshed) return event::Refreshed{tag, refreshed->by, trigger, took};
    const bool noneIsAsked = refreshed.error().code == Errc::loginRequired;
    const RefreshedBy role = *wasMade ? RefreshedBy::self : noneIsAsked ? RefreshedBy::chain : RefreshedBy::follower;
    return event::RefreshFailed{tag, role, trigger, refreshed.error(), took};
  });
  return refreshed;
}

void TokenKeeper::endFormer(const Session& session) const {
  const std::optional<TokenSet> former = session.formerTokens();
  if (!former || former->refreshToken.empty()) return;
  if (session.destroyed()) return end(former);
  const std::optional<TokenSet> current = session.tokens();
  // Some providers would revoke the new login along with the old one (Google does).
  if (!current || !isSameLogin(*former, *current)) coordinator_->end(client_, *former, nullptr);
}

bool TokenKeeper::isSameLogin(const TokenSet& former, const TokenSet& current) const {
  if (former.refreshToken == current.refreshToken) return true;
  const auto newest = coordinator_->newest(client_, former, From::memory);
  return newest && *newest && (*newest)->refreshToken == current.refreshToken;
}

void TokenKeeper::end(const std::optional<TokenSet>& tokens) const {
  if (tokens && !tokens->refreshToken.empty()) coordinator_->end(client_, *tokens, revoke_);
}

bool TokenKeeper::isGood(const TokenSet& tokens) const { return tokens.expiresAt && now_() < *tokens.expiresAt; }

std::optional<std::chrono::duration<double>> TokenKeeper::ahead(const TokenSet& tokens) const {
  if (!tokens.expiresAt || tokens.refreshToken.empty()) return std::nullopt;
  if (!tokens.lifetime) return std::chrono::duration<double>(0);
  return std::min<std::chrono::duration<double>>(threshold_, *tokens.lifetime * 0.2);
}

bool TokenKeeper::isDue(const TokenSet& tokens) const {
  if (tokens.accessToken.empty() && !tokens.refreshToken.empty()) return true;
  const auto margin = ahead(tokens);
  return margin && *tokens.expiresAt - now_() <= *margin * spread();
}

RefreshServiceOptions TokenKeeper::serviceOptions(TokenSet tokens) const {
  return {.tokens = std::move(tokens),
          .coordinator = coordinator_,
          .client = client_,
          .ask = ask_,
          .observer = observer_,
          .now = now_};
}

}  // namespace ironjar::detail
