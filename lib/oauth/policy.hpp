// The numbers of this layer that are policy: what is not an option, and what could be another number.
#pragma once

#include <chrono>
#include <cstddef>

namespace ironjar::detail {

// Of TokenEndpoint::timeout: half of the time for which a logout is remembered, as one must be while a call is in
// flight.
inline constexpr std::chrono::minutes longestCall{5};

// Of a token endpoint's answer, decoded.
inline constexpr std::size_t maxAnswerSize = 1024 * 1024;
inline constexpr std::size_t maxTokenSize = 16 * 1024;
// Of what is kept with the tokens: all of it has to fit a cookie.
inline constexpr std::size_t maxTextSize = 2048;

// What an answer may say of an access token's lifetime; anything else is ignored.
inline constexpr std::chrono::hours longestLifetime{24 * 365 * 10};

// A number of a time is in seconds below this, in milliseconds from it on: as seconds it is the year 5138.
inline constexpr double leastMilliseconds = 1e11;
inline constexpr double latestMilliseconds = 1e13;

}  // namespace ironjar::detail
