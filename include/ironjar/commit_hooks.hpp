// What an application hangs on a SessionJar: what runs around the writing of a session, and who says which are revoked.
// Each in a form that may block and, where there is one, a form that never does.
//
// Example:
//   ironjar::SessionOptions options{.cookieName = "__Host-session", .passwords = passwords};
//   options.commitHooks.before = [](ironjar::Session& visitor) { visitor.set("seen", true); };
//   options.isRevoked = [](const ironjar::Session& visitor) { return visitor.contains("isBlocked"); };
#pragma once

#include <concepts>
#include <functional>
#include <utility>

namespace ironjar {

class Session;

// What is called with a session, in one or two forms: one that may block, and one that never does, for startOpen() and
// startCommit(). Made of a function, it has the first form alone, which is then called in both places.
template <class S>  // Session or const Session
class CommitHook {
 public:
  using Blocking = std::function<void(S&)>;
  // Calls `done` exactly once, before it returns or later, on any thread, never under a lock. The session lives, and is
  // not touched by anybody else, until then. What it throws counts as `done`.
  using Asynchronous = std::function<void(S&, std::function<void()> done)>;

  CommitHook() = default;
  template <class Function>
  requires std::constructible_from<Blocking, Function> CommitHook(Function hook)
      : blocking_(std::move(hook)) {}  // NOLINT: passing a function is the point
  CommitHook(Blocking blocking, Asynchronous asynchronous)
      : blocking_(std::move(blocking)), asynchronous_(std::move(asynchronous)) {}

  explicit operator bool() const { return bool(blocking_); }
  void operator()(S& session) const { blocking_(session); }
  [[nodiscard]] const Asynchronous& asynchronous() const { return asynchronous_; }  // empty if there is none

 private:
  Blocking blocking_;
  Asynchronous asynchronous_;
};

// What runs around the writing of a session. Fetcher::commitHooks() and denyingLogouts() make hooks of both forms.
struct CommitHooks {
  // First, when commit() is about to write or delete a session.
  CommitHook<Session> before = {};
  // When its cookies are made: not when they do not fit, nor when it is not sealed anew for that. The session is as it
  // was sealed.
  CommitHook<const Session> after = {};
};

// Whether a session is revoked. `unknown`: it cannot be told now, and must not be let in without.
enum class Revoked { no, yes, unknown };

// Asks that, in one or two forms as CommitHook has them. A function that returns a bool is enough.
class RevocationCheck {
 public:
  using Blocking = std::function<Revoked(const Session&)>;
  // As CommitHook's; the session lives until it returns.
  using Asynchronous = std::function<void(const Session&, std::function<void(Revoked)> done)>;

  RevocationCheck() = default;
  template <class Function>
  requires std::constructible_from<std::function<bool(const Session&)>, Function> RevocationCheck(
      Function isRevoked) {  // NOLINT: passing a function is the point
    std::function<bool(const Session&)> asked(std::move(isRevoked));
    if (!asked) return;
    blocking_ = [asked = std::move(asked)](const Session& session) {
      return asked(session) ? Revoked::yes : Revoked::no;
    };
  }
  explicit RevocationCheck(Blocking blocking, Asynchronous asynchronous = nullptr)
      : blocking_(std::move(blocking)), asynchronous_(std::move(asynchronous)) {}

  explicit operator bool() const { return bool(blocking_); }
  [[nodiscard]] Revoked operator()(const Session& session) const { return blocking_(session); }
  [[nodiscard]] const Asynchronous& asynchronous() const { return asynchronous_; }  // empty if there is none

 private:
  Blocking blocking_;
  Asynchronous asynchronous_;
};

}  // namespace ironjar
