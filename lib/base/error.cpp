#include <ironjar/error.hpp>

namespace ironjar {

std::string_view describe(Errc code) noexcept {
  switch (code) {
    case Errc::malformed:
      return "malformed input";
    case Errc::unsupported:
      return "unsupported format";
    case Errc::unknownKey:
      return "sealed under an unknown password";
    case Errc::tampered:
      return "does not verify";
    case Errc::expired:
      return "expired";
    case Errc::notYetValid:
      return "sealed ahead of this clock";
    case Errc::tooLarge:
      return "too large";
    case Errc::unreachable:
      return "the peer could not be reached";
    case Errc::transport:
      return "the connection broke";
    case Errc::timeout:
      return "the deadline passed";
    case Errc::notAllowed:
      return "not allowed";
    case Errc::refreshFailed:
      return "the tokens could not be refreshed";
    case Errc::loginRequired:
      return "login required";
    case Errc::overloaded:
      return "too many requests are waiting";
    case Errc::throttled:
      return "refreshed too often";
    case Errc::cancelled:
      return "cancelled";
  }
  return "unknown error";
}

std::string_view nameOf(Errc code) noexcept {
  switch (code) {
    case Errc::malformed:
      return "malformed";
    case Errc::unsupported:
      return "unsupported";
    case Errc::unknownKey:
      return "unknownKey";
    case Errc::tampered:
      return "tampered";
    case Errc::expired:
      return "expired";
    case Errc::notYetValid:
      return "notYetValid";
    case Errc::tooLarge:
      return "tooLarge";
    case Errc::unreachable:
      return "unreachable";
    case Errc::transport:
      return "transport";
    case Errc::timeout:
      return "timeout";
    case Errc::notAllowed:
      return "notAllowed";
    case Errc::refreshFailed:
      return "refreshFailed";
    case Errc::loginRequired:
      return "loginRequired";
    case Errc::overloaded:
      return "overloaded";
    case Errc::throttled:
      return "throttled";
    case Errc::cancelled:
      return "cancelled";
  }
  return "unknown";
}

bool keepsCookie(RefreshEnd end) noexcept {
  return end == RefreshEnd::loggedOut || end == RefreshEnd::superseded || end == RefreshEnd::failing;
}

std::string_view nameOf(RefreshEnd end) noexcept {
  switch (end) {
    case RefreshEnd::invalidGrant:
      return "invalid_grant";
    case RefreshEnd::otherUser:
      return "other_user";
    case RefreshEnd::lost:
      return "lost";
    case RefreshEnd::noRefreshToken:
      return "no_refresh_token";
    case RefreshEnd::loggedOut:
      return "logged_out";
    case RefreshEnd::superseded:
      return "superseded";
    case RefreshEnd::failing:
      return "failing";
  }
  return "unknown";
}

}  // namespace ironjar
