// Several servers, one refresh: the coordinator and the revocation list over Redis. Link ironjar::redis.
//
// What Redis holds: keys that are keyed hashes, and values sealed under the session passwords. A dump, MONITOR or a
// poisoned value yields nothing. Without TLS (rediss://) the password of RedisOptions is readable on the way, and
// nothing else.
//
// Example:
//   const auto redis = std::make_shared<ironjar::Redis>(
//       ironjar::RedisOptions{.passwords = passwords, .url = "redis://redis.internal"});
//   const auto coordinator = std::make_shared<ironjar::RedisCoordinator>(redis);   // FetchOptions::coordinator
//   const auto revoked = std::make_shared<ironjar::RedisRevocationList>(redis);    // revokedBy()
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/coordinator.hpp>
#include <ironjar/observer.hpp>
#include <ironjar/revocation.hpp>
#include <ironjar/session_registry.hpp>

namespace ironjar {

struct RedisOptions {
  Passwords passwords;  // those of the sessions: keys are named and values sealed under each of them
  // Where it is, in one text: redis://[[user]:password@]host[:port][/database], an IPv6 address in brackets; rediss://
  // for the same over TLS; or unix://[[user]:password@]/path. With Sentinel, redis+sentinel:// (rediss+sentinel://)
  // [[user]:password@]host[:port][,host[:port]…]/master[/database]; for a cluster, redis+cluster:// (rediss+cluster://)
  // [[user]:password@]host[:port][,host[:port]…]. User, password and path are percent-encoded where a URL demands it.
  // Parameters are refused, and so is what an option below says, too; what the url leaves out, they may say.
  std::string url = {};
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string unixSocket = {};  // a path: in place of host and port
  std::string user = {};        // of an ACL; empty: Redis' default user
  std::string password = {};
  int database = 0;
  // Redis Sentinel, in place of host and port: some of the sentinels, as `host`, `host:port` or `[address]:port`
  // (26379, if there is none), and the name by which they know the master. The others are learnt from them. user and
  // password are those of the master and its replicas; these are the sentinels'.
  std::vector<std::string> sentinels = {};
  std::string masterName = {};
  std::string sentinelUser = {};
  std::string sentinelPassword = {};
  // Redis Cluster, in place of host and port: some of its nodes, likewise (6379). The others are learnt from them; all
  // have one user and password, and clients must reach them at the addresses that they announce.
  std::vector<std::string> clusterNodes = {};
  // With Sentinel or a cluster: how long a refresh waits until another server has taken over from one that is lost,
  // holding no thread, before it goes on as `withoutRedis` says. What blocks (check(), end()) does not wait for it.
  // More than what the servers need: down-after-milliseconds, which for Sentinel is 30 s unless it is set, or
  // cluster-node-timeout, and a second or two.
  std::chrono::milliseconds failover{20'000};
  std::string prefix = "ironjar:";  // of every key
  // TLS, as rediss:// says: the server's certificate must lead to an authority of caCertFile, a PEM file (empty: the
  // system's), and name the host: that of the url or option, a sentinel's or node's answer. A client certificate and
  // its key, PEM files without a password, are for a server that wants one.
  bool tls = false;
  std::string caCertFile = {};
  std::string clientCertFile = {};
  std::string clientKeyFile = {};
  // Of one command, connecting included, over TLS with its handshake. After `failures` failures in a row nothing is
  // sent for `pause`; then it is probed, never by a request.
  std::chrono::milliseconds timeout{30};
  unsigned failures = 3;
  std::chrono::milliseconds pause{5000};
  // Told of CoordinatorDegraded, once when Redis fails and once when it is back, on a thread of the Redis' own. Must
  // not destroy it.
  Observer observer = {};
};

struct RedisStats {
  bool degraded = false;
  std::uint64_t commands = 0;      // sent to it
  std::uint64_t failed = 0;        // those that got no good answer in time, and attempts to connect
  std::uint64_t degradations = 0;  // how often Redis was given up for a while
};

namespace detail {
class RedisLink;
}

// The connections of one process to Redis, version 4 or later: a server, the master that sentinels name, or a cluster.
// To each server five at most, to sentinels two, with one thread for all that goes over them. Thread-safe. Share one
// among coordinators and revocation lists. Not across fork(): make it in the process that uses it. An ACL user needs
// `~<prefix>* &<prefix>* +eval +evalsha +script|load +get +set +strlen +del +unlink +pttl +pexpire +publish +subscribe
// +unsubscribe`, and for another database `+select`. Without the channels (`&`) and the last three, who waits for
// another process looks every few milliseconds. With Sentinel
// `+role` besides, and the user of the sentinels `&+switch-master +sentinel|get-master-addr-by-name
// +sentinel|sentinels +subscribe`; in a cluster `+cluster|slots +asking`.
class Redis {
 public:
  // Throws std::invalid_argument for options that cannot be, and when the server is there and refuses user and
  // password. A server that is not there, or has other troubles, is no error: the process goes on without it, and finds
  // it when it comes. Takes up to a second. The last coordinator or list to go may take another, for what Redis has not
  // been told yet; while it is given up, that is lost.
  explicit Redis(RedisOptions options);
  Redis(const Redis&) = delete;
  Redis& operator=(const Redis&) = delete;
  ~Redis();

  [[nodiscard]] RedisStats stats() const;

 private:
  friend class RedisCoordinator;
  friend class RedisRevocationList;
  friend class RedisSessionRegistry;
  std::shared_ptr<detail::RedisLink> link_;
};

// What happens to a refresh while Redis is away.
enum class WithoutRedis {
  goOnAlone,  // each process asks on its own; two may ask at the same time
  fail,       // Errc::overloaded: the session is kept, the request is to be repeated later
};

struct RedisCoordinatorOptions {
  LocalCoordinatorOptions local = {.threads = 16};  // in front; waiting for another process takes no thread
  // How long a process that died keeps the others waiting, and a second. 100 ms to 5 min; let it be TokenEndpoint's
  // timeout and 2 s at least, which is not checked.
  std::chrono::milliseconds lease{12'000};
  WithoutRedis withoutRedis = WithoutRedis::goOnAlone;
};

struct RedisCoordinatorStats {
  std::uint64_t asked = 0;    // calls to token endpoints by this process
  std::uint64_t shared = 0;   // results taken from another process
  std::uint64_t alone = 0;    // those of `asked` that went without Redis
  std::uint64_t waiting = 0;  // refreshes that wait for another process at the moment
};

// The coordinator for many processes. A LocalCoordinator is in front, and only when that would ask a token endpoint is
// Redis asked: one process gets the lock, asks, and publishes the result for the others, which are told by a message
// and take over when it dies. Nobody who waits holds a thread. newest() never waits: it knows what this process has
// seen. startRefresh() and startEnd() complete on a thread of the coordinator's; end() blocks. While a call of
// another process is awaited and Redis goes away, requests fail with Errc::refreshFailed instead of asking a second
// time, which strict providers take for theft. A token that the provider refuses while Redis is away may have been
// spent by another process: RefreshEnd::superseded, which keeps the cookie. The destructor waits for calls that are
// under way, a lease at most: do not run it on a thread that the calls' transport needs.
class RedisCoordinator final : public RefreshCoordinator {
 public:
  // Throws std::invalid_argument for numbers that cannot be.
  explicit RedisCoordinator(const std::shared_ptr<Redis>& redis, RedisCoordinatorOptions options = {});
  ~RedisCoordinator() override;

  [[nodiscard]] Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& tokens, From from,
                                                       const RefreshContext& context = {}) override;
  void startRefresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call, Deadline deadline,
                    const RefreshContext& context, RefreshHandler done) override;
  // Holds on every process from its next call for the login on, and at once for one that is under way. Until then a
  // process still follows a late cookie to tokens that it knows by itself; use a RevocationList to end what these and
  // the access tokens in cookies still allow.
  // Blocks for two commands, and as many more for each refresh of the login that Redis knows of, each answered within
  // RedisOptions::timeout, 32 refreshes at most. On a thread that this library calls completions on it does not wait.
  void end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke,
           const Logout& logout = {}) override;
  // `done` is called when other processes can know of it, or when it is known that Redis is away.
  void startEnd(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke, const Logout& logout,
                std::function<void()> done) override;

  [[nodiscard]] CoordinatorStats stats() const override;  // of the coordinator in front
  [[nodiscard]] RedisCoordinatorStats redisStats() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

// How a process knows what others have denied.
enum class RevocationLookup {
  ask,     // Redis is asked about each session that is opened: a command for each of its marks and passwords
  mirror,  // a copy in memory, which is kept up to date: no command for a session
};

// What a list says of a session while it cannot know whether another process has denied it.
enum class WhenUnknown {
  open,  // it is let in: a session that only another process has denied opens meanwhile
  fail,  // Revoked::unknown: whoever has a session is told to come back (503), and nobody loses a cookie
};

struct RedisRevocationOptions {
  Seconds keep = RevocationOptions().keep;                  // as RevocationOptions'
  std::size_t maxEntries = RevocationOptions().maxEntries;  // likewise; of a mirror, some 150 bytes each
  Clock now = systemClock;
  RevocationLookup lookup = RevocationLookup::ask;
  WhenUnknown whenUnknown = WhenUnknown::open;
  // Of a mirror: how old what it knows may be. A denial is there within milliseconds as a rule, since it is announced;
  // where that is lost, within a quarter of this and a second at most. When Redis has not been heard of for longer than
  // this, whenUnknown decides. 40 ms to 10 min.
  std::chrono::milliseconds maxStaleness{5000};
};

struct RedisRevocationStats {
  std::size_t entries = 0;    // denials in memory: of a mirror all, otherwise this process' own
  bool isStale = false;       // a mirror's: whenUnknown decides
  std::uint64_t resyncs = 0;  // a mirror's: how often all was read anew, since Redis had lost what was known
};

// A RevocationList for many processes. What this process has denied it knows at once, whatever becomes of Redis, and
// others learn it when Redis is back. A Redis that loses its data, or evicts keys, forgets denials: let it persist,
// with maxmemory-policy noeviction. Thread-safe.
//
// With RevocationLookup::ask a session that is opened costs commands that are answered within RedisOptions::timeout.
// With RevocationLookup::mirror denials are read from a log in Redis, a stream, which takes Redis 5: one command when a
// denial is announced, and about one a second; it holds maxEntries, of which the oldest go first. All processes of a
// site that deny must then mirror, as those that only ask write no log. An ACL user needs `+xadd +xrange +xdel +type`.
class RedisRevocationList final : public RevocationList {
 public:
  // Throws std::invalid_argument for options that cannot be. A mirror is filled first: this blocks until then, or until
  // Redis does not answer, for ten seconds at most.
  explicit RedisRevocationList(const std::shared_ptr<Redis>& redis, RedisRevocationOptions options = {});
  ~RedisRevocationList() override;

  // Both block the calling thread, a mirror's check() never does. On a thread that a completion of this library is
  // called on, check() is Revoked::unknown or no, as whenUnknown says, and deny() waits for nothing.
  void deny(const Mark& mark) override;
  [[nodiscard]] Revoked check(std::span<const Mark> marks, TimePoint startedAt) override;
  // What is under way when the list goes is completed all the same.
  void startDeny(const Mark& mark, Denied done) override;
  void startCheck(std::span<const Mark> marks, TimePoint startedAt, Checked done) override;
  [[nodiscard]] bool blocks() const override;

  [[nodiscard]] RedisRevocationStats stats() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

// A SessionRegistry for many processes, and for longer than one lives: a hash for each user, sealed, which lapses with
// the user's last session. What is recorded while Redis is away is stored when it is back; then nothing can be listed:
// Errc::overloaded. A Redis that loses its data, or evicts keys, forgets sessions: they are listed again from their
// next refresh on. Needs Redis 4; an ACL user `+hset +hget +hgetall +hlen +hdel +type` besides. Thread-safe.
class RedisSessionRegistry final : public SessionRegistry {
 public:
  // maxPerUser is 100 at most, maxEntries is left to Redis. Throws std::invalid_argument for options that cannot be.
  explicit RedisSessionRegistry(const std::shared_ptr<Redis>& redis, SessionRegistryOptions options = {});
  ~RedisSessionRegistry() override;

  void record(const User& user, const Entry& entry) noexcept override;
  void forget(const User& user, const std::string& id) noexcept override;
  void startList(const User& user, Listed listed) const override;  // completes on the thread of `redis`

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace ironjar
