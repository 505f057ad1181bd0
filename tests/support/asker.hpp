// Two coordinators under test that share what they know, and a provider that answers what it is told.
#pragma once

#include "named_tokens.hpp"
#include "support.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace support {

// A coordinator, and a provider that answers what it is told and counts how often.
struct Asker {
  using Answer = ironjar::RefreshAnswer;

  ironjar::Result<ironjar::NewTokens> refresh(const ironjar::TokenSet& from, const Answer& answer,
                                              const ironjar::RefreshContext& context = {},
                                              const char* client = "c") const {
    const auto ask = [count = calls, answer](const ironjar::TokenSet&) { return ++*count, answer; };
    return coordinator->refresh(client, from, ask, soon(), context);
  }
  ironjar::Result<ironjar::NewTokens> refresh(const std::string& from, const ironjar::BlockingRefresh& ask,
                                              ironjar::Deadline deadline = soon()) const {
    return coordinator->refresh(
        "c", tokens(from), [count = calls, ask](const ironjar::TokenSet& t) { return ++*count, ask(t); }, deadline);
  }
  ironjar::Result<ironjar::NewTokens> refresh(const std::string& from, const std::string& to,
                                              const ironjar::RefreshContext& context = {}) const {
    return refresh(tokens(from), Answer{.tokens = tokens(to)}, context);
  }
  Failure failing(const std::string& from, ironjar::Errc code,
                  std::optional<ironjar::Seconds> retryAfter = std::nullopt) const {
    return errorOf(refresh(tokens(from), Answer{.tokens = ironjar::fail(code), .retryAfter = retryAfter}));
  }
  Failure failing(const std::string& from, ironjar::RefreshEnd end) const {
    return errorOf(refresh(tokens(from), Answer{.tokens = ironjar::loginOver(end)}));
  }
  // What a request with these tokens is given: newer ones, "" for none, "over" for an ended login.
  [[nodiscard]] std::string newest(const std::string& name) const {
    const auto found = coordinator->newest("c", tokens(name), ironjar::RefreshCoordinator::From::cookie);
    if (!found) return "over";
    return *found ? (*found)->refreshToken.substr(3) : "";
  }
  void end(const std::string& name, const ironjar::RevokeCall& revoke = nullptr,
           const ironjar::Logout& logout = {}) const {
    coordinator->end("c", tokens(name), revoke, logout);
  }

  std::shared_ptr<ironjar::RefreshCoordinator> coordinator;
  std::shared_ptr<std::atomic<int>> calls = std::make_shared<std::atomic<int>>(0);
};

inline bool within(std::chrono::milliseconds patience, const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  return condition();
}

struct Coordinators {
  ironjar::testing::VirtualClock time;
  Asker one;
  Asker other;
  // Returns when a request of the other one's has seen that the first one's call is under way.
  std::function<void()> waitUntilOtherLooks = [] {};

  [[nodiscard]] int calls() const { return *one.calls + (one.calls == other.calls ? 0 : other.calls->load()); }
  [[nodiscard]] bool areWaiting(std::size_t count) const {
    const bool isSame = one.coordinator == other.coordinator;
    return within(std::chrono::seconds{30}, [&] {
      return one.coordinator->stats().waiters + (isSame ? 0 : other.coordinator->stats().waiters) == count;
    });
  }
};

}  // namespace support
