// Sessions: a Cookie header in, Set-Cookie values out. The whole session is in the cookie; nothing is stored.
//
// Example:
//   ironjar::Session visitor = jar.open(cookieHeader);
//   visitor.set("visits", visitor.get<int>("visits").value_or(0) + 1);
//   const auto setCookies = jar.commit(visitor);  // nothing when nothing changed
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/commit_hooks.hpp>
#include <ironjar/conversion.hpp>
#include <ironjar/cookie.hpp>
#include <ironjar/observer.hpp>
#include <ironjar/seal.hpp>
#include <ironjar/shared_json.hpp>

namespace ironjar {

struct TokenSet;
struct FormerLogin;
class SessionJar;
namespace detail {

struct Attempt;
struct Provenance;
struct OpenedJson;

}  // namespace detail

// Where a session's data keeps the OAuth tokens. Change the names to share a session with a program that uses others.
struct TokenNames {
  std::string accessToken = "accessToken";
  std::string refreshToken = "refreshToken";
  std::string expiresAt = "accessTokenExpiresAt";  // unix milliseconds, JavaScript's Date.now()
  std::string scope = "accessTokenScope";
  std::string lifetime = "accessTokenLifetime";  // seconds
  std::string subject = "accessTokenSubject";
  std::string cookies = "accessTokenCookies";
  std::string extra = "accessTokenExtra";  // an object of texts
  std::string dpopKey = "dpopKey";
  std::string resources = "accessTokens";  // an object: those for named resources, each with the members above
};

// One visitor's data for the length of one request. Not thread-safe: a session belongs to the request that opened it.
// Copies are cheap, and may be on other threads: they share the data until one of them changes it.
class Session {
 public:
  Session();  // empty, as for a visitor without a cookie
  Session(const Session&) = default;
  Session(Session&&) = default;
  Session& operator=(const Session&) = default;
  Session& operator=(Session&&) = default;
  ~Session();

  // A member as T; nothing when it is absent, not of that type, or holds a number that T cannot hold exactly, at any
  // depth: 256 as std::uint8_t, 2^53 + 1 as double, 0.1 as float. Integers are not made of fractions, 3.0 included, nor
  // of booleans.
  //
  // In types with a from_json and to_json of their own (NLOHMANN_DEFINE_TYPE_*) a member's type cannot be seen: what
  // to_json gives back is compared, and a number that came back cut or rounded is refused; one that to_json leaves out
  // or puts elsewhere is not seen, and where there is no to_json nothing is.
  template <class T>
  [[nodiscard]] std::optional<T> get(std::string_view key) const {
    const Json* value = find(key);
    return value == nullptr ? std::nullopt : detail::convertExactly<T>(*value);
  }
  // get() and erase() in one: flash messages, one-time states. Erased only when it is of that type.
  template <class T>
  [[nodiscard]] std::optional<T> take(std::string_view key) {
    std::optional<T> value = get<T>(key);
    if (value) erase(key);
    return value;
  }
  // Anything that nlohmann::json converts. Setting the value that is there already is no change. What JSON cannot carry
  // (invalid UTF-8, NaN, more than 64 levels) is not stored: rejection() says so. That is found out before a value, or
  // a container of values, is copied, so that one of any depth does no harm; copying one yourself does, in braces
  // (`{{"a", deep}}`) and in a to_json of yours too: nlohmann's copies take stack for every level.
  void set(std::string_view key, const Json& value);
  void set(std::string_view key, Json&& value);
  template <detail::Convertible T>
  void set(std::string_view key, T&& value) {
    if (!detail::isWithin(value, mostLevels)) return refuseDepth();
    Json json = std::forward<T>(value);
    set(key, std::move(json));
  }
  void erase(std::string_view key);

  // The whole session as your own type (NLOHMANN_DEFINE_TYPE_*), and back. Errc::malformed when it does not fit.
  template <class T>
  [[nodiscard]] Result<T> as() const {
    std::optional<T> value = detail::convertExactly<T>(*data_);
    if (!value) return fail(Errc::malformed, "the session does not fit the type");
    return *std::move(value);
  }
  // Replaces every member by `value`'s, the tokens too unless it carries them. Ignored, as set() does, when `value` is
  // no JSON object or cannot be carried.
  void assign(const Json& value);
  void assign(Json&& value);
  template <detail::Convertible T>
  void assign(T&& value) {
    if (!detail::isWithin(value, mostLevels)) return refuseDepth();
    Json json = std::forward<T>(value);
    assign(std::move(json));
  }

  [[nodiscard]] bool contains(std::string_view key) const { return find(key) != nullptr; }
  // Always an object; the reference is good until the session changes.
  [[nodiscard]] const Json& data() const { return *data_; }

  // The OAuth tokens; defined in tokens.hpp, include it to use them. Nothing without an access or refresh token. A
  // login has one refresh token, and an access token for each resource that a Fetcher names (TokenEndpoint::resource).
  [[nodiscard]] std::optional<TokenSet> tokens(std::string_view resource = {}) const;
  // Whether these are the ones that the cookie brought: then the browser is known to have them.
  [[nodiscard]] bool tokensAreFromCookie() const { return tokensAreFromCookie_; }
  void setTokens(const TokenSet& tokens);    // a login's: none of another login is kept
  void renewTokens(const TokenSet& tokens);  // what came after those that are there: other resources' are kept
  // For a request that failed: takes over what refreshes have brought to `later`, which was opened from the same
  // cookies, as far as this session's own login goes; nothing of a login that was made there.
  void adoptRenewals(const Session& later);
  // A copy to renew the tokens on elsewhere, such as on another thread, while this one is in use; and what has become
  // of it: its renewals, as adoptRenewals() takes them, and its end, unless other tokens have come here since.
  [[nodiscard]] Session branch() const;
  void merge(const Session& branch);
  void eraseTokens();
  // The logins of the sessions that destroy() and replace() have ended here: they may have to be ended, too.
  [[nodiscard]] std::vector<FormerLogin> formerLogins() const;

  // Begins a new session in this one's place, with a new identity and absolute lifetime; only the members listed are
  // kept. Call it when a login begins and again when it succeeds: a cookie that was planted before (session fixation)
  // is then of no use, and a logout that refuses the old session does not refuse the new one.
  void replace(std::initializer_list<std::string_view> keep = {});

  // Detaches the session from its cookie: commit() emits nothing, so the browser keeps what it holds. For a request
  // that came with a cookie of a login that was ended elsewhere, when the browser may hold a newer one by now. Terminal
  // as destroy().
  void detach();

  // Ends the session: commit() deletes its cookies. Terminal for this request: what is set afterwards is dropped, and
  // rejection() then says Errc::notAllowed.
  void destroy();

  [[nodiscard]] bool empty() const { return data_->empty(); }
  [[nodiscard]] bool changed() const { return due_ == Due::write; }  // since it was opened or last committed
  // Whether commit() would seal it anew though nobody changed it: an old password or format, rolling, a former shape.
  // Nothing is lost when such a commit is left out, and a slow response does not write over a login or logout that was
  // faster. Hooks may make it a write: fresh tokens are kept.
  [[nodiscard]] bool isResealOnly() const { return due_ == Due::reseal; }
  [[nodiscard]] bool destroyed() const { return state_ == State::destroyed; }
  [[nodiscard]] bool detached() const { return state_ == State::detached; }
  // Why a cookie that came was not accepted, or a write was dropped. Its detail is for your log.
  [[nodiscard]] const std::optional<Error>& rejection() const { return rejection_; }

  // 32 hexadecimal characters, random at the session's start, unchanged by re-sealing: a key for revocation lists and
  // logs. Fe26.2 has no place for it: there it is made from the seal, the same with and without its `~2`, and changes
  // when the cookie is rewritten.
  [[nodiscard]] std::string id() const;
  // 16 hexadecimal characters made from id(), one way: the session's name in events and logs.
  [[nodiscard]] std::string tag() const;
  // To the second. An Fe26.2 cookie tells its end alone: then this is seal.ttl before that end (absoluteTtl before it
  // where that is longer), and 1970, the beginning being unknown, where that is more than a minute ahead (it was sealed
  // for longer, or by a clock that is ahead) and for one that never expires. To a denial by `sub` and to a logout of
  // the same tokens an unknown beginning is one before: let seal.ttl be no shorter than that of whoever else seals.
  [[nodiscard]] TimePoint startedAt() const;
  // When the cookie that came stops opening; nothing for a new session and for one that never expires.
  [[nodiscard]] std::optional<TimePoint> expiresAt() const { return expiresAt_; }

 private:
  friend class SessionJar;

  static constexpr std::size_t mostLevels = 64;

  enum class State { open, detached, destroyed };  // the last two are terminal
  // What the next commit() has to do. To re-seal: an old password or format, or half the lifetime gone.
  enum class Due { nothing, reseal, write };

  // Cookies of our names.
  struct Presence {
    bool whole = false;
    unsigned chunks = 0;  // one bit each
    std::size_t headerBytes = 0;
  };

  struct Former {
    detail::SharedJson data;
    std::int64_t start = 0;
  };

  Session(std::shared_ptr<const TokenNames> names, Clock now);  // without an identity yet
  [[nodiscard]] const Json* find(std::string_view key) const;
  [[nodiscard]] bool refuses(const Json& value, std::size_t level = 0);
  [[nodiscard]] std::optional<TokenSet> tokensIn(const Json& data, std::string_view resource) const;
  void begin(TimePoint now);  // a new identity
  void store(std::string_view key, Json&& value);
  void refuseDepth();
  void putTokens(const TokenSet& tokens);
  [[nodiscard]] Json tokenMembers(const Json& data) const;
  // What the next renewal of the tokens will spend; empty without tokens.
  [[nodiscard]] std::string login() const;

  detail::SharedJson data_;
  detail::SharedJson branchedFrom_;  // of a branch()
  std::vector<Former> former_;       // until each replace() and destroy()
  // Each login() that was spent, and the members that took its tokens' place.
  std::vector<std::pair<std::string, Json>> renewals_;
  State state_ = State::open;
  Due due_ = Due::nothing;
  bool tokensAreFromCookie_ = false;
  bool isNew_ = false;    // it began in this request
  bool twoCame_ = false;  // two cookies of one name opened
  std::optional<Error> rejection_;
  std::optional<TimePoint> expiresAt_;
  std::int64_t start_ = 0;  // unix seconds
  std::array<unsigned char, 16> id_{};
  Presence presence_;  // what the request brought
  std::shared_ptr<const TokenNames> tokenNames_;
  Clock now_ = systemClock;
};

// The attributes by which a browser tells cookies of one name apart; as in CookieOptions.
struct CookieShape {
  std::string domain = {};
  std::string path = "/";
  bool partitioned = false;

  friend bool operator==(const CookieShape&, const CookieShape&) = default;
};

struct SessionOptions {
  std::string cookieName;  // required; `__Host-session` makes browsers keep the cookie to this host and to HTTPS
  Passwords passwords;     // required
  SealOptions seal = SealOptions();
  // Unset, maxAge follows from seal.ttl as in iron-session: 60 s less; up to 60 s the same; 2147483647 for 0. `expires`
  // is a fixed date, after which nothing is saved: prefer seal.ttl.
  CookieOptions cookie = CookieOptions();
  // Shapes that the cookie had before `cookie.domain`, `path` or `partitioned` were changed. Browsers keep such a
  // cookie beside today's, and send the older one first. They are deleted when a session that begins is written (a
  // login calls replace()), at a logout, when what is written does not fit maxCookieHeader together with what came, and
  // when two cookies of one name opened: then the one that counts is sealed anew besides. Keep a shape listed until the
  // cookies that were set with it have ended.
  std::vector<CookieShape> former = {};
  // No Max-Age: iron-session's `maxAge: undefined`. Unless seal.ttl is set, the seal does not expire, so that a copy of
  // the cookie opens for ever.
  bool untilBrowserCloses = false;
  // Split what does not fit one cookie into `name.0`, `name.1`, …: two with the default maxCookieHeader, four at most.
  bool chunk = false;
  // Bytes of Cookie header that a session may take. Many servers refuse lines over 8,192 bytes, and some, as
  // Boost.Beast, heads of more: this leaves 2 KiB for the site's other cookies and fields.
  std::size_t maxCookieHeader = 6144;
  bool rolling = false;  // re-seal when half of seal.ttl, or of cookie.maxAge, has passed: active sessions go on
  // The end however active, counted from the start; 0: none. Needs the native format in front. What an Fe26.2 cookie
  // brought ends no later than that cookie, however often it is opened; one that never expires is refused
  // (Errc::notAllowed). One that was sealed for longer than seal.ttl and absoluteTtl counts as begun when it is
  // written.
  Seconds absoluteTtl{0};
  TokenNames tokenNames = TokenNames();
  CommitHooks commitHooks = CommitHooks();  // Fetcher::commitHooks() makes them
  Observer observer = {};                   // told of Unsealed, Rejected, Sealed, ResealSkipped, LoggedOut
  // Asked for the sessions that open and may count, the usual one alone; those that it names are as if they had
  // not come, and rejection() says Errc::loginRequired. When it cannot tell, none counts: the session is empty and
  // detached, so that the browser keeps its cookie, and rejection() says Errc::overloaded. Asked again before one that
  // a cookie brought is written: what was denied meanwhile is not sealed, and what cannot be told then is not sealed
  // anew for its own sake. revokedBy() makes one. Must not throw.
  RevocationCheck isRevoked = RevocationCheck();
};

// Opens and commits the sessions of one cookie. Immutable, thread-safe, cheap to copy.
class SessionJar {
 public:
  // Throws std::invalid_argument, saying what to change, for a name or attributes that no browser would keep, for a ttl
  // or formats that cannot be, for a maxAge, ttl or `expires` with which browsers would drop the cookie at once, for
  // absoluteTtl without the native format in front, and for former shapes that are today's, that no browser would have
  // kept, or whose deletions take 1 KiB together with today's.
  explicit SessionJar(SessionOptions options);

  // Total: whatever the header holds, there is a session. An Fe26.2 seal may be percent-encoded (`Fe26.2%2A1%2A…`), and
  // in h3 2.x's chunks (`name` holds `__chunked__2`), four at most. When cookies came and none counts, it is empty and
  // rejection() says why. Several Cookie lines are joined with `; ` by the caller.
  //
  // Of several cookies of our name that open and are not revoked, whole or in complete sets of chunks: of one session
  // (same id) the seal made last; of different sessions the one that began last, by startedAt(); of equals the first.
  // Browsers keep one cookie of a `__Host-` name (two with cookie.partitioned or a former shape, where the rule above
  // holds), so two different sessions under one mean that one was planted: then none counts, with Errc::loginRequired;
  // nothing is deleted by reading, while a login or logout still writes and deletes.
  //
  // What does not open is passed over, however many, in time that follows from the header's size: joined chunks are
  // looked at up to 1 MiB, and fe26Iterations above 1 up to 16,384 in all (or their sum), those seals first that claim
  // to end last. So with {1, 8192} two decoys with a later end can hide an h3 session; iron-session's are tried before.
  [[nodiscard]] Session open(std::string_view cookieHeader) const;
  // The same of joinCookies(), for servers that take the header apart. One that keeps a single value of each name hides
  // the others: beside a decoy of its name the session may not be seen.
  //
  // Blocks as SessionOptions::isRevoked does, and not without one.
  [[nodiscard]] Session open(std::span<const CookiePair> cookies) const { return open(joinCookies(cookies)); }
  // The same without blocking, where isRevoked has an asynchronous form. It is asked about all sessions that open at
  // once. `done` is called exactly once, before this returns or later, on any thread, never under a lock; what it
  // throws is dropped.
  void startOpen(std::string cookieHeader, std::function<void(Session)> done) const;

  // The Set-Cookie values due, each name once: none when nothing changed; otherwise the session's cookies, and
  // deletions of the others of its names, since another tab may have written them after this request was sent: the
  // name's own and its four chunks' with `chunk` and at a logout, else the chunks that the request brought. Deletions
  // take less than 1 KiB in all: what the request brought goes first, former shapes last. Reading deletes nothing: what
  // did not verify may be another program's, or another replica may read it, and a login may have taken the place of
  // what has ended since. So a session that ends before it is committed is not written. The clock is read once, after
  // commitHooks.before. Call it once, when the response is ready. Errc::tooLarge, naming the sizes: nothing is emitted,
  // and the browser keeps the cookie that it has; Errc::expired when cookie.expires is in the past. Blocks as isRevoked
  // and commitHooks do.
  [[nodiscard]] Result<std::vector<std::string>> commit(Session& session) const;
  struct Committed {
    Session session;                              // as commit() leaves it
    Result<std::vector<std::string>> setCookies;  // as commit()'s
  };
  // The same without blocking, as far as isRevoked and the hooks have asynchronous forms. `done` as startOpen()'s.
  void startCommit(Session session, std::function<void(Committed)> done) const;
  // Whether opening or committing may block on the network, as far as is known: there are asynchronous forms.
  [[nodiscard]] bool hasAsynchronousForms() const;

  [[nodiscard]] const SessionOptions& options() const { return *options_; }

 private:
  using Cookies = std::vector<std::string>;

  class Opening;
  class AsyncOpening;
  class AsyncCommit;

  [[nodiscard]] Result<detail::OpenedJson> unsealSession(std::string_view text, const detail::Attempt& attempt) const;
  [[nodiscard]] std::int64_t startOf(const detail::Provenance& from, TimePoint now) const;
  [[nodiscard]] bool isPastAbsoluteTtl(std::int64_t start, TimePoint now) const;
  [[nodiscard]] std::int64_t startToSeal(const Session& session, TimePoint now) const;
  [[nodiscard]] bool isHalfOver(const detail::Provenance& from, std::int64_t start, TimePoint now) const;
  void adopt(Session& session, detail::OpenedJson&& unsealed, TimePoint now) const;
  [[nodiscard]] bool isToBeAsked(const Session& session) const;
  [[nodiscard]] Result<Cookies> conclude(Session& session, Revoked revoked) const;
  [[nodiscard]] Result<Cookies> due(const Session& session, TimePoint now) const;
  [[nodiscard]] Result<Cookies> write(const Session& session, TimePoint now) const;
  [[nodiscard]] Result<Cookies> wrap(std::string_view seal, const CookieOptions& attributes,
                                     const Session& session) const;
  [[nodiscard]] Session::Presence besides(const Session::Presence& written, const Session& session) const;
  struct Ended {
    Cookies former;
    Cookies today;
  };
  [[nodiscard]] Ended expire(const Session::Presence& stale, const Session& session, const Cookies& written = {}) const;
  [[nodiscard]] bool fitsBesideFormer(const Cookies& written, const Session& session) const;
  [[nodiscard]] static Cookies all(Ended ended);

  std::shared_ptr<const SessionOptions> options_;
  std::shared_ptr<const TokenNames> tokenNames_;
};

}  // namespace ironjar
