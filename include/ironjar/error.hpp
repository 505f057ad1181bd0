// Errors as values. Whatever the outside world sends (a cookie, an answer, a size) ends in a Result, never in an
// exception. Programmers' mistakes throw std::invalid_argument from constructors, at start-up; a machine that cannot go
// on (no entropy, libcrypto refuses) throws std::runtime_error.
//
// Example:
//   const auto data = ironjar::unsealData("junk", passwords);
//   if (!data) std::clog << ironjar::nameOf(data.error().code) << ": " << data.error().detail << '\n';
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace ironjar {

// What went wrong, as far as a caller can act on it.
enum class Errc {
  malformed = 1,  // not of the expected shape; data that cannot be sealed (invalid UTF-8, NaN, too deep)
  unsupported,    // well-formed, but in a format, version or algorithm that is not enabled here
  unknownKey,     // sealed under a password that is not among ours
  tampered,       // does not verify
  expired,        // was good once: a seal, or the session in it, past its end
  notYetValid,    // sealed ahead of this machine's clock, by more than the allowed skew
  tooLarge,       // over a size limit, which `detail` names
  unreachable,    // no connection: certainly nothing was sent, so even what must not happen twice may be tried again
  transport,      // the connection broke; the peer may have got the request
  timeout,        // the deadline passed first
  notAllowed,     // refused by configuration: an origin outside the allow-list, a client the provider does not accept
  refreshFailed,  // the tokens could not be refreshed now; the session is kept, trying again later may succeed
  loginRequired,  // nobody is signed in, or not any more: Error::end says how the login has ended, if there was one
  overloaded,     // too many requests wait already; try again later
  throttled,      // this login has been refreshed too often of late; its tokens are kept
  cancelled,      // by whoever began the operation; a refresh that it waited for goes on, for the others
};

// How a login has ended, as its refresh token shows.
enum class RefreshEnd {
  invalidGrant = 1,  // the provider says so (RFC 6749 section 5.2)
  otherUser,         // the provider has answered with another user's tokens
  lost,              // the answer with the new tokens was lost, and the spent one must not be sent twice
  noRefreshToken,    // the access token has ended, and there is nothing to refresh it with
  loggedOut,         // by a logout that came first
  superseded,        // the token was spent elsewhere or long ago, and what succeeded it is not known here
  failing,           // calls about this token alone have failed for ten minutes
};

// Whether the browser may hold a newer cookie than the one that came, so that this one must not be deleted.
[[nodiscard]] bool keepsCookie(RefreshEnd end) noexcept;
// The enumerator in the words of metrics and logs: `invalid_grant`. Never null, static storage.
[[nodiscard]] std::string_view nameOf(RefreshEnd end) noexcept;

// One English sentence fragment, for logs. Never null, static storage.
[[nodiscard]] std::string_view describe(Errc code) noexcept;
// The enumerator itself, for programs: `unknownKey`.
[[nodiscard]] std::string_view nameOf(Errc code) noexcept;

struct Error {
  Errc code;
  std::string detail;  // what was seen, for your log; never a secret, a token or a plaintext
  std::optional<std::chrono::seconds> retryAfter = std::nullopt;  // when trying again may succeed, where that is known
  std::optional<RefreshEnd> end = std::nullopt;                   // with Errc::loginRequired only

  friend bool operator==(const Error&, const Error&) = default;
};

// `return fail(Errc::tampered, "...")` from any function that returns a Result.
[[nodiscard]] inline Error fail(Errc code, std::string detail = {},
                                std::optional<std::chrono::seconds> retryAfter = std::nullopt) {
  return {code, std::move(detail), retryAfter};
}
// The same for a login that is over.
[[nodiscard]] inline Error loginOver(RefreshEnd end, std::string detail = {}) {
  return {Errc::loginRequired, std::move(detail), std::nullopt, end};
}

// A value or an Error: the part of std::expected<T, Error> that ironjar needs.
// Reading the one that is not there with `*`, `->` or `error()` is a programmer's error (std::bad_variant_access);
// value() throws std::runtime_error with the error's description, for code that prefers exceptions.
template <class T>
class [[nodiscard]] Result {
 public:
  Result() : Result(Error{Errc::cancelled, "there is no result yet"}) {}     // for what must hold one before it comes
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: `return value;` is the point
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: `return fail(...);` is the point

  explicit operator bool() const noexcept { return state_.index() == 0; }
  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }

  [[nodiscard]] T& operator*() & { return std::get<0>(state_); }
  [[nodiscard]] const T& operator*() const& { return std::get<0>(state_); }
  // By value, so that `for (auto& each : *result())` is safe.
  [[nodiscard]] T operator*() && { return std::get<0>(std::move(state_)); }
  [[nodiscard]] T* operator->() { return &std::get<0>(state_); }
  [[nodiscard]] const T* operator->() const { return &std::get<0>(state_); }

  [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] Error&& error() && { return std::get<1>(std::move(state_)); }

  [[nodiscard]] const T& value() const& { return orThrow(), std::get<0>(state_); }
  [[nodiscard]] T value() && { return orThrow(), std::get<0>(std::move(state_)); }
  [[nodiscard]] T value_or(T other) const& { return *this ? **this : std::move(other); }
  [[nodiscard]] T value_or(T other) && { return *this ? *std::move(*this) : std::move(other); }

 private:
  void orThrow() const {
    if (*this) return;
    const Error& e = error();
    throw std::runtime_error(std::string(describe(e.code)) + (e.detail.empty() ? "" : ": " + e.detail));
  }

  std::variant<T, Error> state_;
};

}  // namespace ironjar
