// The numbers of this layer that are policy: what is not an option, and what could be another number.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <ironjar/types.hpp>

namespace ironjar::detail {

// Of a chain A to B to C …, the links that Redis is asked about for one request, or one logout.
inline constexpr std::size_t mostLinks = 32;
// How long one that waits for another process leaves between two looks: half as long again each time. Where it hears
// that the other one has ended, an eighth of the lease, within these bounds.
inline constexpr std::chrono::milliseconds shortestBetweenLooks{5};
inline constexpr std::chrono::milliseconds longestBetweenLooks{25};
inline constexpr std::chrono::milliseconds longestWithoutLook{1000};
// So many may look that often; of more each one looks less often, up to longestWithoutLook.
inline constexpr std::uint64_t mostQuickLookers = 100;
// After so many commands in a row that failed Redis is taken for away, also before the link gives it up.
inline constexpr unsigned mostMisses = 3;
// When a provider refuses a token, another process' result may be on its way.
inline constexpr std::array<std::chrono::milliseconds, 3> secondLooks = {
    std::chrono::milliseconds{0}, std::chrono::milliseconds{25}, std::chrono::milliseconds{50}};
// What another process is believed to have been told to wait.
inline constexpr Seconds longestNoted{600};

// How far apart the clocks of processes may be. Large, because Redis itself expires old values, and because a process
// that rejects a good result for its time would send a spent token to the provider.
inline constexpr Seconds valueSkew = std::chrono::hours{1};

// Redis works at one command at a time: more connections make nothing faster, but a lost one hurts less.
inline constexpr std::size_t mostConnections = 4;
inline constexpr std::chrono::seconds betweenGrowths{1};  // after one more could not be had
inline constexpr std::size_t mostUnderWay = 100'000;      // commands
// Threads that tell those who wait, and blocking calls that wait for a thread.
inline constexpr std::size_t completingThreads = 2;
inline constexpr std::size_t mostQueued = 10'000;
// Where no request waits: at the start, when Redis is looked for, and at the end.
inline constexpr std::chrono::milliseconds patience{1000};
inline constexpr int probeTries = 3;

// What is to be sent when Redis takes it again: how much, how often one call is tried that Redis refuses, and after
// what time.
inline constexpr std::size_t mostPending = 10'000;
inline constexpr std::size_t mostPendingBytes = std::size_t{64} * 1024 * 1024;
inline constexpr unsigned mostTries = 8;
inline constexpr std::chrono::milliseconds betweenTries{50};

// Where another server may take over from one that is lost. What waits for that is tried again after a while that grows
// to the longest, and the servers are looked for no more often than that.
inline constexpr std::chrono::milliseconds shortestBetweenSearches{50};
inline constexpr std::chrono::milliseconds longestBetweenSearches{400};
// What is stored is stored again when another server takes over so much later: it may have been lost with the old one.
// Redis' default for noticing that a master is down is 30 s with Sentinel, 15 s in a cluster.
inline constexpr std::chrono::seconds storesAgainWithin{60};
// For so long nobody who might ask a provider gets a lock from the one that has taken over: results come first, and
// locks whose holder lives.
inline constexpr std::chrono::seconds othersStoreWithin{2};
inline constexpr std::size_t mostStoredAgain = 10'000;
inline constexpr std::size_t mostStoredAgainBytes = std::size_t{16} * 1024 * 1024;
// Of a cluster: masters, and how often one command is sent elsewhere. A slot that is on its way from one node to
// another has its keys in both for milliseconds (TRYAGAIN): first so long, then twice as long each time.
inline constexpr std::size_t mostNodes = 1000;
inline constexpr int mostRedirections = 8;
inline constexpr std::chrono::milliseconds shortestTryAgain{2};
inline constexpr int serverPort = 6379;
inline constexpr int sentinelPort = 26'379;
inline constexpr std::size_t mostLearntSentinels = 16;

// Of a connection's commands that nobody waits for, where the server does not take them.
inline constexpr std::size_t mostUnsentBytes = std::size_t{16} * 1024 * 1024;
// Of one answer: 32 passwords' values of the largest size.
inline constexpr std::size_t mostItems = 256;
inline constexpr std::size_t mostRanges = 16'384;                // of slots, where a server describes its cluster
inline constexpr std::size_t mostNestedItems = 16 * mostRanges;  // in memory some 20 MB
inline constexpr std::size_t mostReplyBytes = std::size_t{4} * 1024 * 1024;

}  // namespace ironjar::detail
