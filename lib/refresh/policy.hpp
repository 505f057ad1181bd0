// The numbers of this layer that are policy: what is not an option, and what could be another number.
#pragma once

#include <cstddef>

#include <ironjar/types.hpp>

namespace ironjar::detail {

// Any time that an option gives: some 30 years, and no sum overflows.
inline constexpr Seconds longestTime{1'000'000'000};

// When to come again where a call goes on without the request: it will have ended by then.
inline constexpr Seconds soon{1};
// What a Retry-After is taken for at least and at most.
inline constexpr Seconds shortestAsked{1};
inline constexpr Seconds longestAsked{600};

// A token about which calls fail has a pause of 1, 2, 4 … s up to the longest; 2^6 s is past it.
inline constexpr Seconds longestPause{60};
inline constexpr unsigned doublings = 6;
// Answers that may mean the end of a login, one after the other's pause: a minute. Then it is over.
inline constexpr unsigned failuresThatEnd = 7;
// Or so many, where others succeed meanwhile: a firewall that blocks everybody now and then is not taken for that.
inline constexpr unsigned failuresThatEndBeside = 4;
// After so long, while calls about others succeed, it is this token's own affair for good.
inline constexpr Seconds longestFailing{600};

// Of a chain A to B to C …, the links that still lead a late request to the newest tokens. Older ones are only known as
// spent, and those before them not at all: a login takes a bounded part of the memory, following its chain a bounded
// time.
inline constexpr std::size_t longestChain = 16;
inline constexpr std::size_t mostOfLogin = 64;
// So often a request goes on where others' refreshes for another resource came first.
inline constexpr int patience = 16;

// Different tokens that have failed in a row: one broken login, or two, must not look like an outage.
inline constexpr std::size_t failuresThatOpen = 3;
// Or that have got an error of their own, and no other anything else: a firewall may speak JSON.
inline constexpr std::size_t refusalsThatOpen = 4;
// Calls at once, and well, after which the circuit breaker is closed.
inline constexpr unsigned callsThatClose = 32;
// A provider that is down is asked some 15 times a minute, so that its recovery is seen within 4 s; one that answers
// and refuses everybody, once.
inline constexpr Seconds pauseWhenDown{4};
inline constexpr Seconds pauseWhenRefused{60};
inline constexpr Seconds whileProbed{1};
inline constexpr Seconds pauseAfterProbe{3};
// Between the probes of tokens that have not failed, in a pause that nobody asked for: six a minute.
inline constexpr Seconds betweenUnknown{10};
// For how long the first probe is left to a token about which no call has failed.
inline constexpr Seconds headStart{1};

// The table's parts. A table of less is not taken apart, so that its bounds are exact.
inline constexpr std::size_t parts = 16;
inline constexpr std::size_t leastEntries = 16'384;
inline constexpr std::size_t leastBytes = std::size_t{16} * 1024 * 1024;

// The meter's entries below which nothing is swept, and how often it is.
inline constexpr std::size_t fewestSwept = 1024;
inline constexpr Seconds betweenSweeps{1};

// Calls that wait for a thread.
inline constexpr std::size_t maxQueue = 10'000;

}  // namespace ironjar::detail
