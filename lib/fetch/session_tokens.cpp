#include "fetch/session_tokens.hpp"

#include "base/notify.hpp"
#include "crypto/sodium.hpp"
#include "fetch/policy.hpp"
#include "oauth/token_call.hpp"
#include "refresh/observed_refresh.hpp"

#include <algorithm>
#include <array>

namespace ironjar::detail {
namespace {

using From = RefreshCoordinator::From;

double spread() {
  std::array<unsigned char, 1> byte{};
  random(byte);
  return leastSpread + (mostSpread - leastSpread) * byte[0] / 255;
}

// What becomes of a session whose login is over.
void endSession(Session& session, RefreshEnd end) { keepsCookie(end) ? session.detach() : session.destroy(); }

TokenCallOptions callOptions(const FetchOptions& options) {
  return {options.transport, options.tokenEndpoint, options.refresh ? options.refresh->call : nullptr, options.now};
}

// What sets an issuer and client apart from others at a coordinator: no two pairs are spelled alike.
std::string clientOf(const FetchOptions& options) {
  if (options.refresh) return "by function:" + options.refresh->client;
  const TokenEndpoint& endpoint = options.tokenEndpoint;
  return std::to_string(endpoint.url.size()) + ':' + endpoint.url + endpoint.clientAuth.clientId;
}

// A beginning that has not come says nothing: that clock is another.
RefreshContext contextOf(const Session& session, TimePoint now) {
  const TimePoint begun = session.startedAt();
  return {.begun = begun <= now + longestSkew ? std::optional(begun) : std::nullopt};
}

}  // namespace

SessionTokens::SessionTokens(const FetchOptions& options)
    : coordinator_(options.coordinator),
      resource_(options.tokenEndpoint.resource),
      client_(clientOf(options)),
      call_(refreshCall(callOptions(options))),
      revoke_(revokeCall(callOptions(options))),
      revokeReplaced_(options.tokenEndpoint.revokeReplaced),
      threshold_(options.refreshThreshold),
      now_(options.now),
      observer_(options.observer) {}

Result<std::optional<TokenSet>> SessionTokens::newestOf(const Session& session,
                                                        const std::optional<TokenSet>& held) const {
  if (!held || held->refreshToken.empty()) return std::optional<TokenSet>();
  return coordinator_->newest(client_, *held, session.tokensAreFromCookie() ? From::cookie : From::memory,
                              contextOf(session, now_()));
}

Result<RefreshedBy> SessionTokens::catchUp(Session& session, std::optional<TokenSet>& held) const {
  const auto newest = newestOf(session, held);
  if (!newest) {
    notify(observer_, [&] {
      return event::RefreshFailed{session.tag(), RefreshedBy::none, RefreshTrigger::late, newest.error()};
    });
    session.detach();
    return newest.error();
  }
  if (!*newest) return RefreshedBy::none;
  const std::string before = held->accessToken;
  session.renewTokens(**newest);
  held = tokens(session);
  if (held && held->accessToken == before) return RefreshedBy::none;
  notify(observer_, [&] { return event::Refreshed{session.tag(), RefreshedBy::chain, RefreshTrigger::late}; });
  return RefreshedBy::chain;
}

void SessionTokens::catchUpQuietly(Session& session) const {
  const auto newest = newestOf(session, tokens(session));
  if (!newest) return session.detach();
  if (*newest) session.renewTokens(**newest);
}

std::optional<RefreshEnd> SessionTokens::endOf(const Session& session) const {
  const auto newest = newestOf(session, tokens(session));
  return newest ? std::nullopt : newest.error().end;
}

Result<RefreshedBy> SessionTokens::renew(Session& session, const TokenSet& rejected, RefreshTrigger trigger,
                                         Deadline deadline) const {
  RefreshContext context = contextOf(session, now_());
  const bool hasEnded = rejected.expiresAt && !isGood(rejected);
  if (trigger == RefreshTrigger::unauthorized && !hasEnded) context.cause = RefreshCause::refused;
  const ObservedRefresh observed{*coordinator_, client_, call_, observer_, observer_ ? session.tag() : "",
                                 trigger,       context};
  const Result<NewTokens> fresh =
      refreshObserved(observed, rejected, deadline, [&](const TokenSet& others) { session.renewTokens(others); });
  if (fresh) {
    session.renewTokens(fresh->tokens);
    return fresh->by;
  }
  if (fresh.error().end) endSession(session, *fresh.error().end);
  return fresh.error();
}

void SessionTokens::end(const Session& session) const {
  const TimePoint begun = session.startedAt();
  for (const TokenSet& login : session.formerTokens()) {
    // The clock that said when the session began may be ahead of this one.
    if (!login.refreshToken.empty()) coordinator_->end(client_, login, revoke_, {std::max(now_(), begun), begun});
  }
}

void SessionTokens::endReplaced(const std::vector<TokenSet>& logins, const std::optional<TokenSet>& by) const {
  for (const TokenSet& login : logins) {
    if (login.refreshToken.empty() || (by && isSameLogin(login, *by))) continue;
    coordinator_->end(client_, login, mayRevoke(login, by) ? revoke_ : nullptr, {.at = now_()});
  }
}

// Revoking another user's tokens leaves the new login alone. Two logins of one user may be one grant at the provider: a
// revocation would end both.
bool SessionTokens::mayRevoke(const TokenSet& replaced, const std::optional<TokenSet>& by) const {
  if (revokeReplaced_ != RevokeReplaced::otherUsers) return revokeReplaced_ == RevokeReplaced::always;
  return by && !by->subject.empty() && !replaced.subject.empty() && by->subject != replaced.subject;
}

// `current` is the newest of its login.
bool SessionTokens::isSameLogin(const TokenSet& former, const TokenSet& current) const {
  if (former.refreshToken == current.refreshToken) return true;
  const auto newest = coordinator_->newest(client_, former, From::memory);
  return newest && *newest && (*newest)->refreshToken == current.refreshToken;
}

bool SessionTokens::isGood(const TokenSet& tokens) const { return tokens.expiresAt && now_() < *tokens.expiresAt; }

std::optional<std::chrono::duration<double>> SessionTokens::ahead(const TokenSet& tokens) const {
  if (!tokens.expiresAt || tokens.refreshToken.empty()) return std::nullopt;
  if (!tokens.lifetime) return std::chrono::duration<double>(0);
  return std::min<std::chrono::duration<double>>(threshold_, *tokens.lifetime * 0.2);
}

bool SessionTokens::isDue(const TokenSet& tokens) const {
  if (tokens.accessToken.empty() && !tokens.refreshToken.empty()) return true;
  const auto margin = ahead(tokens);
  if (!margin) return false;
  const auto left = *tokens.expiresAt - now_();
  return left <= *margin * mostSpread && left <= *margin * spread();
}

TokenSource SessionTokens::source() const {
  return {.coordinator = coordinator_,
          .client = client_,
          .call = call_,
          .resource = resource_,
          .observer = observer_,
          .now = now_};
}

}  // namespace ironjar::detail
