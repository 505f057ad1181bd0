// Which sessions a user has, and ending them from another one. A session is in its browser's cookie alone: a list of
// them exists where something remembers it, a SessionRegistry, and ends one by a RevocationList. What neither has seen
// is not in the list: a session that began before there was a registry, until its next refresh; one whose entry had to
// make room. A copy of a cookie is no session of its own: it has the entry of the one that it was copied from.
//
// Example:
//   const auto registry = std::make_shared<ironjar::LocalSessionRegistry>();
//   const auto denied = std::make_shared<ironjar::LocalRevocationList>();
//   ironjar::SessionOptions options{.cookieName = "__Host-session", .passwords = passwords};
//   options.isRevoked = ironjar::revokedBy(denied);
//   options.commitHooks = ironjar::denyingLogouts(fetcher.commitHooks(), denied);
//   const ironjar::SessionJar listed(ironjar::recordingSessions(options, registry));
//   const auto own = std::make_shared<const ironjar::OwnSessions>(registry, denied);
//   ironjar::mountAuth(site, listed, fetcher, {.sessions = own});  // GET and DELETE /api/auth/sessions
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <ironjar/revocation.hpp>
#include <ironjar/session.hpp>

namespace ironjar {

// Remembers the sessions of each user. Thread-safe.
class SessionRegistry {
 public:
  // As the provider names them. An empty issuer is that of the sessions that do not say.
  struct User {
    std::string subject;
    std::string issuer = {};

    friend auto operator<=>(const User&, const User&) = default;
  };
  struct Entry {
    std::string id;        // Session::id()
    std::string tag;       // Session::tag()
    std::string sid = {};  // the provider's session
    TimePoint startedAt = {};
    TimePoint lastSeen = {};
    std::string label = {};
  };

  SessionRegistry() = default;
  SessionRegistry(const SessionRegistry&) = delete;
  SessionRegistry& operator=(const SessionRegistry&) = delete;
  virtual ~SessionRegistry() = default;

  // Adds the entry, or takes it for the newer state of the one with its id. Neither blocks nor throws: an entry that
  // cannot be stored is lost until the session is recorded again.
  virtual void record(const User& user, const Entry& entry) noexcept = 0;
  virtual void forget(const User& user, const std::string& id) noexcept = 0;
  // The entries of a user, in any order. Does not block: `listed` is called exactly once, before this returns or later,
  // on any thread, never under a lock; it must not block, and what it throws is dropped. Errc::overloaded when it
  // cannot be told now.
  using Listed = std::function<void(Result<std::vector<Entry>>)>;
  virtual void startList(const User& user, Listed listed) const = 0;
};

struct SessionRegistryOptions {
  // How long a session is remembered that was not written: as long as any seal of it may open, seal.ttl and its
  // clockSkew. Not longer than RevocationOptions::keep: an entry that outlives its denial would be back in the list.
  Seconds keep = RevocationOptions().keep;
  std::size_t maxPerUser = 50;       // the one that was not seen for longest goes first
  std::size_t maxEntries = 200'000;  // of all users, some 500 bytes each; likewise
  Clock now = systemClock;
};

// For one process; it remembers what has happened since the process began.
class LocalSessionRegistry final : public SessionRegistry {
 public:
  // Throws std::invalid_argument for numbers that are not positive, and for a keep above 10^9 seconds.
  explicit LocalSessionRegistry(SessionRegistryOptions options = {});

  void record(const User& user, const Entry& entry) noexcept override;
  void forget(const User& user, const std::string& id) noexcept override;
  void startList(const User& user, Listed listed) const override;
  [[nodiscard]] std::size_t size() const;

 private:
  using ById = std::map<std::string, Entry>;
  using Age = std::tuple<TimePoint, User, std::string>;

  void drop(std::map<User, ById>::iterator user, ById::iterator entry);
  void dropOldestOf(const User& user);

  const SessionRegistryOptions options_;
  mutable std::mutex mutex_;
  std::map<User, ById> users_;
  std::set<Age> ages_;  // of all entries, by lastSeen
};

// Where a session's data has what is recorded of it.
struct SessionRecordNames {
  MarkNames marks = MarkNames();
  // The application's words for the session, such as `Firefox on Linux`: LoginOptions::members can set it. Recorded
  // without control characters, and up to 100 bytes of it.
  std::string label = "sessionLabel";
};

// The options with a hook that records the user's session whenever its cookie is written: at the login and after each
// refresh, so that `lastSeen` is exact to the lifetime of an access token, and costs nothing in between. Visitors who
// have no `sub` are not recorded. Throws std::invalid_argument without a registry, without isRevoked, and for Fe26.2 as
// the format that seals: it has no place for a session's id, which changes with each rewrite there, so that a list
// would name what is gone, and a denial would not reach what the cookie has become.
[[nodiscard]] SessionOptions recordingSessions(SessionOptions options, std::shared_ptr<SessionRegistry> registry,
                                               SessionRecordNames names = {});

// For who replaces a session without Login, before Session::replace(): the old one would stay in the list until its
// time is over. One that was ended by destroy() leaves the list by its denial (denyingLogouts).
void forgetSession(SessionRegistry& registry, const Session& session, const SessionRecordNames& names = {}) noexcept;

struct ListedSession {
  std::string id;  // names it in this list: Session::tag(). Opens nothing
  TimePoint startedAt = {};
  TimePoint lastSeen = {};
  std::string label = {};  // whatever a browser said of itself may be in it: escape it in a page
  bool isCurrent = false;  // the one that asks
};

// The list that a user is shown, and what he may end: his own sessions alone, those of the `sub` and `iss` of the
// session that asks. Ending one denies it by its id: its cookie opens nowhere from then on (as soon as the
// RevocationList's other processes know). Its tokens are in that cookie alone, so they are not revoked at the provider;
// an access token that somebody has taken out of it works until its end. Immutable, thread-safe.
class OwnSessions {
 public:
  // `denied` is the list that SessionOptions::isRevoked asks. Throws std::invalid_argument without one of the two.
  OwnSessions(std::shared_ptr<SessionRegistry> registry, std::shared_ptr<RevocationList> denied,
              SessionRecordNames names = {});

  // Those that are not denied, the last seen first. Empty for who is nobody. The error is the registry's.
  using Listed = std::function<void(Result<std::vector<ListedSession>>)>;
  // Whether one of his others has that id, and was ended.
  using Ended = std::function<void(Result<bool>)>;
  // How many were ended. To end also those that no registry knows, deny the `sub`: that ends this one, too.
  using EndedOthers = std::function<void(Result<std::size_t>)>;

  // These block the calling thread as the registry and the list do. Not for a thread on which a completion of this
  // library is called.
  [[nodiscard]] Result<std::vector<ListedSession>> list(const Session& session) const;
  [[nodiscard]] Result<bool> end(const Session& session, const std::string& id) const;
  [[nodiscard]] Result<std::size_t> endOthers(const Session& session) const;
  // The same without blocking, as far as RevocationList::startCheck and startDeny do not; `done` as theirs. The session
  // need not live until then, this must.
  void startList(const Session& session, Listed done) const;
  void startEnd(const Session& session, const std::string& id, Ended done) const;
  void startEndOthers(const Session& session, EndedOthers done) const;

 private:
  void deny(const SessionRegistry::User& user, std::vector<std::string> ids, std::function<void()> done) const;

  const std::shared_ptr<SessionRegistry> registry_;
  const std::shared_ptr<RevocationList> denied_;
  const SessionRecordNames names_;
};

}  // namespace ironjar
