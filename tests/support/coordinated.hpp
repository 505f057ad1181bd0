// A LocalCoordinator under test.
#pragma once

#include "named_tokens.hpp"
#include "support.hpp"

#include <atomic>
#include <optional>
#include <string>

namespace support {

// A coordinator on a clock of its own, and a provider that answers what it is told.
struct Coordinated {
  explicit Coordinated(ironjar::LocalCoordinatorOptions options = {}) : coordinator(prepared(std::move(options))) {}

  ironjar::Result<ironjar::NewTokens> refresh(const std::string& from, ironjar::RefreshAnswer answer,
                                              const std::string& client = "c") {
    return coordinator.refresh(
        client, tokens(from), [this, answer](const ironjar::TokenSet&) { return ++calls, answer; }, soon());
  }
  ironjar::Result<ironjar::NewTokens> refresh(const std::string& from, const std::string& to) {
    return refresh(from, ironjar::RefreshAnswer{.tokens = tokens(to)});
  }
  Failure failing(const std::string& from, ironjar::Errc code,
                  std::optional<ironjar::Seconds> retryAfter = std::nullopt) {
    return errorOf(refresh(from, ironjar::RefreshAnswer{.tokens = ironjar::fail(code), .retryAfter = retryAfter}));
  }
  Failure failing(const std::string& from, ironjar::RefreshEnd end) {
    return errorOf(refresh(from, ironjar::RefreshAnswer{.tokens = ironjar::loginOver(end)}));
  }
  // What a request with these tokens is given: newer ones, "" for none, "over" for an ended login.
  std::string newest(const std::string& name) {
    const auto found = coordinator.newest("c", tokens(name), ironjar::RefreshCoordinator::From::cookie);
    if (!found) return "over";
    return *found ? (*found)->refreshToken.substr(3) : "";
  }

  ironjar::LocalCoordinatorOptions prepared(ironjar::LocalCoordinatorOptions options) {
    options.now = time.monotonic();
    return options;
  }

  ironjar::testing::VirtualClock time;
  std::atomic<int> calls = 0;
  ironjar::LocalCoordinator coordinator;
};

}  // namespace support
