// Keeps the tokens in sessions fresh, for one Fetcher: through its coordinator, telling its observer.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ironjar/fetch.hpp>

namespace ironjar::detail {

// Immutable, thread-safe.
class SessionTokens {
 public:
  // How long a refresh is waited for.
  struct Waiting {
    Deadline deadline;
    std::stop_token stop = {};
  };

  explicit SessionTokens(const FetchOptions& options);

  // The session's, for the resource that the Fetcher is for.
  [[nodiscard]] std::optional<TokenSet> tokens(const Session& session) const {
    return session.tokens(source_->resource);
  }

  // `held` are the session's tokens, before and after.
  //
  // Puts the newest tokens of the login into the session. Error::end says when it is over: the session is detached
  // then.
  [[nodiscard]] Result<RefreshedBy> catchUp(Session& session, std::optional<TokenSet>& held) const;
  // Tokens newer than `rejected`. Errors: as performFetch's; the session is destroyed or detached where the login is
  // over. Errc::throttled, for RefreshTrigger::unauthorized: the API's answer counts.
  // `done` is called once, at once or later, and the session not touched after it.
  void startRenewing(Session& session, const TokenSet& rejected, RefreshTrigger trigger, Waiting waiting,
                     std::function<void(Result<RefreshedBy>)> done) const;

  // The same for a session that is about to be written: nobody has asked for tokens, so nobody is told.
  void catchUpQuietly(Session& session) const;

  // How the session's login has ended, as far as the coordinator knows without asking.
  [[nodiscard]] std::optional<RefreshEnd> endOf(const Session& session) const;

  // A login that is to be ended.
  struct Ending {
    TokenSet tokens;
    RevokeCall revoke;
    Logout logout;
  };
  // Those of a session that was destroyed.
  [[nodiscard]] std::vector<Ending> endingsOf(const Session& session) const;
  // Those that another one has taken the place of; TokenEndpoint::revokeReplaced says which are revoked.
  [[nodiscard]] std::vector<Ending> endingsOf(const std::vector<FormerLogin>& logins,
                                              const std::optional<TokenSet>& by) const;
  // Blocks as the coordinator does.
  void end(const std::vector<Ending>& logins) const;
  // One after the other, without blocking; `done` is called once.
  void startEnd(std::vector<Ending> logins, std::function<void()> done) const;

  // By its own expiry the access token is good.
  [[nodiscard]] bool isGood(const TokenSet& tokens) const;
  // How long before its end a token is refreshed; nothing for one that cannot be, or whose end is unknown.
  [[nodiscard]] std::optional<std::chrono::duration<double>> ahead(const TokenSet& tokens) const;

  // Less is left; give or take a fifth at random, so that threads that see it do not all refresh at one moment.
  [[nodiscard]] bool isDue(const TokenSet& tokens) const;

  [[nodiscard]] const TokenSource& source() const { return *source_; }

 private:
  [[nodiscard]] Result<std::optional<TokenSet>> newestOf(const Session& session,
                                                         const std::optional<TokenSet>& held) const;
  [[nodiscard]] Logout logoutOf(const FormerLogin& login) const;
  [[nodiscard]] bool mayRevoke(const TokenSet& replaced, const std::optional<TokenSet>& by) const;
  [[nodiscard]] bool isSameLogin(const TokenSet& former, const TokenSet& current) const;

  std::shared_ptr<const TokenSource> source_;
  RevokeCall revoke_;
  RevokeReplaced revokeReplaced_;
  Seconds threshold_;
};

}  // namespace ironjar::detail
