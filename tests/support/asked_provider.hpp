// The test kit's identity provider, and a client that asks it.
#pragma once

#include "support.hpp"

#include <chrono>
#include <string>
#include <utility>

#include <ironjar/testing/provider.hpp>

namespace support {

using namespace ironjar;
using testing::ProviderBehaviour;

inline Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds{30}; }
inline Deadline now() { return std::chrono::steady_clock::now(); }

// A strict provider on a virtual clock, and a client of it.
struct AskedProvider {
  explicit AskedProvider(ProviderBehaviour behaviour = {}) : provider({.clock = clock}, std::move(behaviour)) {}

  Result<Response> ask(const std::string& refreshToken, Deadline deadline = soon()) {
    return provider.handle(refreshRequest({.url = provider.tokenUrl()}, {.refreshToken = refreshToken}), deadline);
  }
  // The tokens, or "" twice when it says invalid_grant.
  TokenSet refresh(const std::string& refreshToken) {
    const auto answer = ask(refreshToken);
    if (answer->status == 400 && Json::parse(answer->body) == Json{{"error", "invalid_grant"}}) return {};
    return readTokenAnswer(*answer, {}, clock.wallNow()).value();
  }
  Json body(const std::string& refreshToken) { return Json::parse(ask(refreshToken)->body); }
  bool isGood(const TokenSet& tokens) { return provider.userOf(tokens.accessToken).has_value(); }
  void change(void (*knob)(ProviderBehaviour&)) {
    ProviderBehaviour behaviour = provider.behaviour();
    knob(behaviour);
    provider.behave(behaviour);
  }

  testing::VirtualClock clock;
  testing::Provider provider;
};

inline const TokenSet refusedTokens;

}  // namespace support
