// The numbers of this layer that are policy: what is not an option, and what could be another number.
#pragma once

#include <chrono>
#include <cstddef>

namespace ironjar::detail {

// The most that TokenEndpoint::timeout may be: half of the time for which a logout is remembered by default, which must
// be longer than a call.
inline constexpr std::chrono::minutes longestCall{5};

// The most bytes of a token endpoint's answer, before and after decoding, and of each token in it.
inline constexpr std::size_t maxAnswerSize = 1024 * 1024;
inline constexpr std::size_t maxTokenSize = 16 * 1024;
// The most bytes of each text that is stored with the tokens: all of them have to fit a cookie.
inline constexpr std::size_t maxTextSize = 2048;

// A provider's metadata and keys: the most bytes of one; how old one may be used when there is no newer to be had; the
// least time between two requests while there is one, and after one that failed while there is none.
inline constexpr std::size_t maxDocumentSize = 256 * 1024;
inline constexpr std::chrono::hours oldestDocument{24};
inline constexpr std::chrono::seconds documentInterval{60};
inline constexpr std::chrono::seconds documentPause{5};

// How long a logout token lasts that does not say (OpenID Connect Back-Channel Logout 1.0 section 2.4: two minutes at
// most is best), and the most that one may say, both from its `iat` on. A list of used ones has to hold them as long.
inline constexpr std::chrono::minutes logoutTokenLifetime{2};
inline constexpr std::chrono::hours longestLogoutToken{1};

// What an answer may say of an access token's lifetime; anything else is ignored.
inline constexpr std::chrono::hours longestLifetime{24 * 365 * 10};

// A time that is a number counts seconds below this (the year 5138), and milliseconds from it on.
inline constexpr double leastMilliseconds = 1e11;
inline constexpr double latestMilliseconds = 1e13;
// The latest end that is told of a JWT: the year 2255, which a TimePoint can hold.
inline constexpr double latestSeconds = 9e9;

}  // namespace ironjar::detail
