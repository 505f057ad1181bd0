#include "fetch/session_tokens.hpp"

#include "base/notify.hpp"
#include "crypto/sodium.hpp"
#include "fetch/policy.hpp"
#include "oauth/token_call.hpp"
#include "refresh/observed_refresh.hpp"
#include "session/policy.hpp"

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
  return {options.transport, options.asyncTransport, options.tokenEndpoint,
          options.refresh ? options.refresh->call : nullptr, options.now};
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
    : source_(std::make_shared<const TokenSource>(TokenSource{.coordinator = options.coordinator,
                                                              .client = clientOf(options),
                                                              .call = refreshCall(callOptions(options)),
                                                              .resource = options.tokenEndpoint.resource,
                                                              .observer = options.observer,
                                                              .now = options.now})),
      revoke_(revokeCall(callOptions(options))),
      revokeReplaced_(options.tokenEndpoint.revokeReplaced),
      threshold_(options.refreshThreshold) {}

Result<std::optional<TokenSet>> SessionTokens::newestOf(const Session& session,
                                                        const std::optional<TokenSet>& held) const {
  if (!held || held->refreshToken.empty()) return std::optional<TokenSet>();
  return source_->coordinator->newest(source_->client, *held,
                                      session.tokensAreFromCookie() ? From::cookie : From::memory,
                                      contextOf(session, source_->now()));
}

Result<RefreshedBy> SessionTokens::catchUp(Session& session, std::optional<TokenSet>& held) const {
  const auto newest = newestOf(session, held);
  if (!newest) {
    notify(source_->observer, [&] {
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
  notify(source_->observer, [&] { return event::Refreshed{session.tag(), RefreshedBy::chain, RefreshTrigger::late}; });
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

void SessionTokens::startRenewing(Session& session, const TokenSet& rejected, RefreshTrigger trigger, Waiting waiting,
                                  std::function<void(Result<RefreshedBy>)> done) const {
  RefreshContext context = contextOf(session, source_->now());
  const bool hasEnded = rejected.expiresAt && !isGood(rejected);
  if (trigger == RefreshTrigger::unauthorized && !hasEnded) context.cause = RefreshCause::refused;
  context.stop = std::move(waiting.stop);
  startRefreshObserved(
      {source_, source_->observer ? session.tag() : "", trigger, std::move(context)}, rejected, waiting.deadline,
      [&session](const TokenSet& others) { session.renewTokens(others); },
      [&session, done = std::move(done)](const Result<NewTokens>& fresh) {
        if (fresh) session.renewTokens(fresh->tokens);
        if (!fresh && fresh.error().end) endSession(session, *fresh.error().end);
        done(fresh ? Result<RefreshedBy>(fresh->by) : fresh.error());
      });
}

std::vector<SessionTokens::Ending> SessionTokens::endingsOf(const Session& session) const {
  std::vector<Ending> endings;
  for (const FormerLogin& login : session.formerLogins()) {
    if (!login.tokens.refreshToken.empty()) endings.push_back({login.tokens, revoke_, logoutOf(login)});
  }
  return endings;
}

std::vector<SessionTokens::Ending> SessionTokens::endingsOf(const std::vector<FormerLogin>& logins,
                                                            const std::optional<TokenSet>& by) const {
  std::vector<Ending> endings;
  for (const FormerLogin& login : logins) {
    const TokenSet& tokens = login.tokens;
    if (tokens.refreshToken.empty() || (by && isSameLogin(tokens, *by))) continue;
    endings.push_back({tokens, mayRevoke(tokens, by) ? revoke_ : nullptr, logoutOf(login)});
  }
  return endings;
}

// The clock that said when the session began may be ahead of this one.
Logout SessionTokens::logoutOf(const FormerLogin& login) const {
  return {std::max(source_->now(), login.startedAt), login.startedAt};
}

void SessionTokens::end(const std::vector<Ending>& logins) const {
  for (const Ending& login : logins) {
    source_->coordinator->end(source_->client, login.tokens, login.revoke, login.logout);
  }
}

void SessionTokens::startEnd(std::vector<Ending> logins, std::function<void()> done) const {
  if (logins.empty()) return done();
  const Ending login = std::move(logins.back());
  logins.pop_back();
  const auto next = [self = *this, logins = std::move(logins), done = std::move(done)]() mutable {
    self.startEnd(std::move(logins), std::move(done));
  };
  source_->coordinator->startEnd(source_->client, login.tokens, login.revoke, login.logout, next);
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
  const auto newest = source_->coordinator->newest(source_->client, former, From::memory);
  return newest && *newest && (*newest)->refreshToken == current.refreshToken;
}

bool SessionTokens::isGood(const TokenSet& tokens) const {
  return tokens.expiresAt && source_->now() < *tokens.expiresAt;
}

std::optional<std::chrono::duration<double>> SessionTokens::ahead(const TokenSet& tokens) const {
  if (!tokens.expiresAt || tokens.refreshToken.empty()) return std::nullopt;
  if (!tokens.lifetime) return std::chrono::duration<double>(0);
  return std::min<std::chrono::duration<double>>(threshold_, *tokens.lifetime * 0.2);
}

bool SessionTokens::isDue(const TokenSet& tokens) const {
  if (tokens.accessToken.empty() && !tokens.refreshToken.empty()) return true;
  const auto margin = ahead(tokens);
  if (!margin) return false;
  const auto left = *tokens.expiresAt - source_->now();
  return left <= *margin * mostSpread && left <= *margin * spread();
}

}  // namespace ironjar::detail
