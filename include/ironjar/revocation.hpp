// Revocation: sessions that are denied although their seals are good. By their own identity, or by what an identity
// provider knows them by (OpenID Connect Back-Channel Logout 1.0).
//
// Example:
//   const auto denied = std::make_shared<ironjar::LocalRevocationList>();
//   const auto isRevoked = ironjar::revokedBy(denied);                        // SessionOptions::isRevoked
//   const auto hooks = ironjar::denyingLogouts(fetcher.commitHooks(), denied);  // SessionOptions::commitHooks
//   denied->deny({.value = session.id()});
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include <ironjar/session.hpp>

namespace ironjar {

struct RevocationOptions {
  // How long a mark is denied: as long as any seal of it may open, seal.ttl and its clockSkew.
  Seconds keep = std::chrono::hours{24 * 14} + Seconds{60};
  std::size_t maxEntries = 1'000'000;  // in this process; the oldest go first
  Clock now = systemClock;
};

// Thread-safe; calls nothing of the application's under a lock.
class RevocationList {
 public:
  // What sessions are told apart by.
  struct Mark {
    enum class Kind {
      session,  // Session::id(): this one
      sid,      // the provider's session: those that were begun by it
      sub,      // the provider's name for the user: those that were begun until now; who signs in again is let in
      jti,      // of a logout token that has been used: no session's
    };
    Kind kind = Kind::session;
    std::string value;
    std::string issuer = {};  // of a sid or sub; empty: of the sessions that do not say

    friend bool operator==(const Mark&, const Mark&) = default;
  };

  RevocationList() = default;
  RevocationList(const RevocationList&) = delete;
  RevocationList& operator=(const RevocationList&) = delete;
  virtual ~RevocationList() = default;

  // `unknown`: it cannot be told now, and the list's policy is not to let in whom it does not know.
  using Checked = std::function<void(Revoked)>;
  using Denied = std::function<void()>;

  // Blocks the calling thread until other processes can know of it, where there are any.
  virtual void deny(const Mark& mark) = 0;
  // Whether one of the marks of a session, begun then, is denied. Blocks where blocks() says so.
  [[nodiscard]] virtual Revoked check(std::span<const Mark> marks, TimePoint startedAt) = 0;
  // Whether check() may wait for something outside of this process.
  [[nodiscard]] virtual bool blocks() const { return true; }
  // The same without blocking. `done` is called exactly once, before this returns or later, on any thread, never under
  // a lock; it must not block, and what it throws is dropped. Where a list does not override them, they block.
  virtual void startDeny(const Mark& mark, Denied done);
  virtual void startCheck(std::span<const Mark> marks, TimePoint startedAt, Checked done);

 protected:
  // Whether a session begun then is one of those that denying a sub meant: to the second, as a native seal says no more
  // of its session's start.
  [[nodiscard]] static bool isBegunBy(TimePoint startedAt, TimePoint deniedAt);
};

// For one process.
class LocalRevocationList final : public RevocationList {
 public:
  // Throws std::invalid_argument for a keep or maxEntries that is not positive, and for a keep above 10^9 seconds.
  explicit LocalRevocationList(RevocationOptions options = {});

  void deny(const Mark& mark) override { denyAt(mark, options_.now()); }
  [[nodiscard]] Revoked check(std::span<const Mark> marks, TimePoint startedAt) override;
  [[nodiscard]] bool blocks() const override { return false; }
  // As another process has it; of two denials of one mark the later counts.
  void denyAt(const Mark& mark, TimePoint deniedAt);
  [[nodiscard]] std::size_t size() const;

 private:
  using Key = std::tuple<int, std::string, std::string>;

  const RevocationOptions options_;
  mutable std::mutex mutex_;
  std::map<Key, TimePoint> deniedAt_;
  std::set<std::pair<TimePoint, Key>> order_;
};

// Where a session's data keeps what the provider's ID token said at login: store these claims then. `iss` is needed
// only where users come from several providers.
struct MarkNames {
  std::string sid = "sid";
  std::string sub = "sub";
  std::string issuer = "iss";
  // Unix seconds of the login. Needed to deny by sub when sessions are sealed as Fe26.2, which has no place for a
  // session's start; with native seals startedAt() serves.
  std::string signedInAt = "signedInAt";
};

// For SessionOptions::isRevoked. Asks the list once for every session that is opened; of both forms where it blocks.
// Throws std::invalid_argument without a list.
[[nodiscard]] RevocationCheck revokedBy(std::shared_ptr<RevocationList> list, MarkNames names = {});

// For SessionOptions::commitHooks, around what is there: a signed-in session that is destroyed, by a logout or since
// its login is over, is denied, too. A response that was under way meanwhile may reach the browser afterwards and bring
// its cookie back, which then opens nowhere. By Session::id(): with Fe26.2, whose id changes with each rewrite, the one
// that came with the logout alone. Visitors who were not signed in leave no mark. Of both forms: commit() blocks as the
// list's deny() does, startCommit() does not. Throws std::invalid_argument without a list.
[[nodiscard]] CommitHooks denyingLogouts(CommitHooks hooks, std::shared_ptr<RevocationList> list);

// The claims of a logout token that has been verified (OpenID Connect Back-Channel Logout 1.0 section 2.6):
// verifyLogoutToken() gives one, and Login's routes take them.
struct LogoutToken {
  std::string issuer = {};
  std::string sid = {};
  std::string sub = {};
  std::string id = {};  // `jti`; empty: a second use is not noticed
};

// Denies the provider's session, or when no sid is named all sessions of the user. False when neither is named, or a
// token of that id was used before: a user who has signed in again meanwhile would be signed out by it. The request is
// to be answered with 400. Of two at the same time both may be let in, which is harmless. Used ids are remembered in
// the list, so by all processes that share it, and for its `keep`; it must be an hour at least, as long as a token may
// last.
[[nodiscard]] bool backChannelLogout(RevocationList& list, const LogoutToken& token);
// The same without blocking: `done` gets what backChannelLogout() returns, as RevocationList::startDeny's is called.
// The list must live until then.
void startBackChannelLogout(RevocationList& list, const LogoutToken& token, std::function<void(bool)> done);

}  // namespace ironjar
