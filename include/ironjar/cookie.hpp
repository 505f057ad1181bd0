// HTTP cookies after RFC 6265bis (draft-ietf-httpbis-rfc6265bis): the Cookie header in, Set-Cookie values out.
// Attributes and their order are those of iron-session 9.
//
// Example:
//   for (const auto& [name, value] : ironjar::parseCookies(cookieHeader)) std::cout << name << '\n';
//   const auto line = ironjar::serializeCookie("theme", "dark", {.maxAge = std::chrono::hours{24}});
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/error.hpp>

namespace ironjar {

struct CookiePair {
  std::string_view name;
  std::string_view value;

  friend bool operator==(const CookiePair&, const CookiePair&) = default;
};

// The pairs of a Cookie header, in order, duplicates included; views into `header`. Total and linear: what is no
// `name=value` is skipped. Only spaces and tabs are trimmed, nothing is ever percent-decoded, quotes and `$Version` are
// ordinary characters.
[[nodiscard]] std::vector<CookiePair> parseCookies(std::string_view header);

// The Cookie header of these pairs, for servers that take it apart before anybody sees it. A pair that no header can
// have brought, as a server makes one that decodes values, is left out: an empty name, one with `=` or blanks at its
// ends, a value with blanks at its ends, `;` in either. Give all pairs that there are, duplicates included.
[[nodiscard]] std::string joinCookies(std::span<const CookiePair> cookies);

enum class SameSite { lax, strict, none, unset };
enum class CookiePriority { unset, low, medium, high };

struct CookieOptions {
  std::optional<std::chrono::seconds> maxAge = {};                    // unset: until the browser closes
  std::string domain = {};                                            // empty: this host only
  std::string path = "/";                                             // empty: the attribute is left out
  std::optional<std::chrono::system_clock::time_point> expires = {};  // years 1601 to 9999
  bool httpOnly = true;
  bool secure = true;
  bool partitioned = false;  // CHIPS; demands `secure`
  CookiePriority priority = CookiePriority::unset;
  SameSite sameSite = SameSite::lax;  // `none` demands `secure`

  friend bool operator==(const CookieOptions&, const CookieOptions&) = default;
};

// The value of one Set-Cookie header field. Errc::malformed, and nothing is emitted, when a name, value or attribute
// holds what would end it or start another (controls, `;`, and in the value also space, `"`, `,` and `\`), when the
// name starts with `__Host-`, `__Secure-`, `__Http-` or `__Host-Http-` and the attributes do not keep that promise, and
// for SameSite=None or Partitioned without Secure. Size is not checked: browsers refuse more than maxCookieSize.
[[nodiscard]] Result<std::string> serializeCookie(std::string_view name, std::string_view value,
                                                  const CookieOptions& options = {});

// A Set-Cookie value in its parts, for servers that want to write it themselves.
struct SetCookie {
  std::string name = {};
  std::string value = {};
  CookieOptions options = {};

  friend bool operator==(const SetCookie&, const SetCookie&) = default;
};

// The parts of what serializeCookie wrote, or another who has its attributes: serialized again they say the same.
// Errc::malformed for a line without a name, one with a control in it, or an attribute whose value cannot be (a date
// that is not written as we do, before 1970 or after 2261 among them); Errc::unsupported for an attribute that
// CookieOptions has no member for: nothing is lost unsaid. Attributes' names are compared without regard to case, and
// of one that comes twice the last counts (RFC 6265 section 5.3).
[[nodiscard]] Result<SetCookie> parseSetCookie(std::string_view line);

// What browsers store of one cookie: the whole Set-Cookie value, attributes included.
inline constexpr std::size_t maxCookieSize = 4096;

}  // namespace ironjar
