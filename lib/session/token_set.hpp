// The members of a TokenSet, listed once: what stores, seals, wipes, counts or names them goes through this list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include <ironjar/tokens.hpp>

namespace ironjar::detail {

enum class TokenScope {
  login,     // one for all resources
  resource,  // one for each
};

template <class T>
struct TokenMember {
  T TokenSet::*value;
  std::string TokenNames::*name;  // in a session's data
  const char* option;             // the name's own name, in options that are JSON
  const char* letter;             // in what processes share
  TokenScope scope;
};

template <class T>
constexpr TokenMember<T> tokenMember(T TokenSet::*value, std::string TokenNames::*name, const char* option,
                                     const char* letter, TokenScope scope) {
  return {value, name, option, letter, scope};
}

// All but `resource`, which says where those of TokenScope::resource are.
inline constexpr auto tokenMembers = std::make_tuple(
    tokenMember(&TokenSet::accessToken, &TokenNames::accessToken, "accessToken", "a", TokenScope::resource),
    tokenMember(&TokenSet::refreshToken, &TokenNames::refreshToken, "refreshToken", "r", TokenScope::login),
    tokenMember(&TokenSet::expiresAt, &TokenNames::expiresAt, "expiresAt", "e", TokenScope::resource),
    tokenMember(&TokenSet::scope, &TokenNames::scope, "scope", "s", TokenScope::resource),
    tokenMember(&TokenSet::lifetime, &TokenNames::lifetime, "lifetime", "l", TokenScope::resource),
    tokenMember(&TokenSet::subject, &TokenNames::subject, "subject", "u", TokenScope::login),
    tokenMember(&TokenSet::cookies, &TokenNames::cookies, "cookies", "c", TokenScope::login),
    tokenMember(&TokenSet::extra, &TokenNames::extra, "extra", "x", TokenScope::resource),
    tokenMember(&TokenSet::dpopKey, &TokenNames::dpopKey, "dpopKey", "d", TokenScope::login));

template <class Visit>
constexpr void forEachTokenMember(const Visit& visit) {
  std::apply([&visit](const auto&... members) { (visit(members), ...); }, tokenMembers);
}

// A value as JSON, null for none; and back, none for what is absent or makes no sense.
[[nodiscard]] Json tokenJson(const std::string& text);
[[nodiscard]] Json tokenJson(const std::optional<TimePoint>& time);  // unix milliseconds
[[nodiscard]] Json tokenJson(const std::optional<Seconds>& duration);
[[nodiscard]] Json tokenJson(const std::map<std::string, std::string>& texts);
void readTokenJson(const Json& object, std::string_view key, std::string& text);
void readTokenJson(const Json& object, std::string_view key, std::optional<TimePoint>& time);
void readTokenJson(const Json& object, std::string_view key, std::optional<Seconds>& duration);
void readTokenJson(const Json& object, std::string_view key, std::map<std::string, std::string>& texts);

// A member as JavaScript reads a number of milliseconds or seconds: 1900000000000.0, as Python and C++ write one, is
// that number, and a fraction is cut off. None for what is no number, and beyond JavaScript's last date.
[[nodiscard]] std::optional<std::int64_t> wholeNumberAt(const Json& object, std::string_view key);

// What names a TokenSet's members in a session's data, with the name of each name.
template <class Visit>
void forEachTokenName(const Visit& visit) {
  forEachTokenMember([&visit](const auto& member) { visit(member.option, member.name); });
  visit("resources", &TokenNames::resources);
}

void wipe(TokenSet& tokens);  // its texts; empty then

}  // namespace ironjar::detail
