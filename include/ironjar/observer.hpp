// Seeing it work: what happens to sessions and tokens, as events for logs, metrics and traces. No event holds a token,
// a cookie or a value of a session.
//
// Example:
//   const ironjar::Observer failures = [](const ironjar::Event& event) {
//     const auto* failed = std::get_if<ironjar::event::RefreshFailed>(&event);
//     if (failed) std::clog << failed->error.detail << '\n';
//   };
//   const ironjar::Observer both = ironjar::combined({failures, ironjar::logLines(std::clog)});
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <ironjar/error.hpp>

namespace ironjar {

// Who brought the tokens that a response was fetched with.
enum class RefreshedBy {
  none,      // the session's own were good
  self,      // this request asked the token endpoint
  follower,  // another request was asking already; this one waited for its answer
  chain,     // an earlier request had asked; no call, no wait
};

// Why new tokens were wanted.
enum class RefreshTrigger {
  unauthorized,  // an API answered 401
  expiry,        // the access token was about to end, or had
  late,          // the cookie was older than the login's newest tokens
  request,       // the application asked: Fetcher::refresh
  service,       // a RefreshService did
};

namespace event {

using Duration = std::chrono::steady_clock::duration;

// In all of them, `session` is Session::tag(); empty where no session is concerned.

struct Unsealed {
  std::string session;
  std::size_t bytes = 0;  // of its cookies' values
};

struct Sealed {
  std::string session;
  std::size_t bytes = 0;  // of the Set-Cookie values
};

// A session that nobody changed was due to be sealed anew (an old password or format, rolling, a former shape), and was
// not: it does not fit any more, its time is past, or it was denied meanwhile. The browser keeps the cookie that it
// has.
struct ResealSkipped {
  std::string session;
  Error error;
};

// A cookie that was not accepted.
struct Rejected {
  Error error;
};

// A session that was destroyed, by a logout or because its login ended; told when its cookie is deleted.
struct LoggedOut {
  std::string session;
};

// A call to a token endpoint begins. TokensAnswered follows when it ends, on a coordinator's thread, also when the
// request that wanted it has given up waiting.
struct RefreshStarted {
  std::string session;
  RefreshTrigger trigger = RefreshTrigger::unauthorized;
};

struct TokensAnswered {
  std::string session;
  RefreshTrigger trigger = RefreshTrigger::unauthorized;
  std::optional<Error> error = {};  // unset: it gave tokens
  Duration took{};                  // the call
};

// A request that wanted newer tokens has them. One such event, or one RefreshFailed, for each time that it did.
struct Refreshed {
  std::string session;
  RefreshedBy role = RefreshedBy::self;
  RefreshTrigger trigger = RefreshTrigger::unauthorized;
  Duration took{};  // the wait
};

// A request that wanted newer tokens has got none. `role`: self when it made a call itself; follower when another
// request's call decided, be it one that had failed before; none when no call did: too many were waiting, or the login
// was over.
struct RefreshFailed {
  std::string session;
  RefreshedBy role = RefreshedBy::self;
  RefreshTrigger trigger = RefreshTrigger::unauthorized;
  Error error;
  Duration took{};
};

// performFetch sends a request again: with newer tokens, or since its connection broke. Nothing is sent when it is
// cancelled at that moment.
struct FetchRetried {
  std::string session;
  unsigned attempt = 2;
};

// A coordinator that is shared by several processes cannot be reached: each goes on alone. False: it can again.
struct CoordinatorDegraded {
  bool degraded = true;
  std::string why;
};

// Does nothing, for any event. A visitor that derives from it, with `using event::Others::operator();`, needs functions
// for those alone that it cares about, and compiles when later versions add some.
struct Others {
  template <class Kind>
  void operator()(const Kind&) const {}
};

}  // namespace event

using Event = std::variant<event::Unsealed, event::Sealed, event::Rejected, event::LoggedOut, event::RefreshStarted,
                           event::TokensAnswered, event::Refreshed, event::RefreshFailed, event::FetchRetried,
                           event::CoordinatorDegraded, event::ResealSkipped>;

// Called where the event happens: on requests' and coordinators' threads, many at once, never under a lock. What it
// throws is dropped. It delays what it observes, so it should be quick. Copies of it are kept by all that it was given
// to and by calls that are under way: what it refers to must outlive those, coordinators too.
using Observer = std::function<void(const Event&)>;

// The words for metrics and logs: "self", "unauthorized", and why a refresh has failed: nameOf(RefreshEnd) where the
// login is over, "client_refused", "overloaded", "throttled", "transient".
[[nodiscard]] std::string_view nameOf(RefreshedBy role) noexcept;
[[nodiscard]] std::string_view nameOf(RefreshTrigger trigger) noexcept;
[[nodiscard]] std::string_view outcomeOf(const Error& error) noexcept;

// One line for an event, without the line's end: `event=refreshed session=5d7c02a4b6198f3e role=self
// trigger=unauthorized took_ms=31.4`. Values with spaces or quotes are JSON strings.
[[nodiscard]] std::string toLine(const Event& event);

// An observer that writes toLine() of each event to a stream, which must outlive it. Lines of several threads do not
// mix.
[[nodiscard]] Observer logLines(std::ostream& out);

// An observer that tells each of several, in order.
[[nodiscard]] Observer combined(std::vector<Observer> observers);

}  // namespace ironjar
