// Tokens by a name, for tests of who has refreshed what.
#pragma once

#include <chrono>
#include <string>

#include <ironjar/tokens.hpp>
#include <ironjar/types.hpp>

namespace support {

inline ironjar::TokenSet tokens(const std::string& name) {
  return {.accessToken = "at-" + name, .refreshToken = "rt-" + name};
}

// Later than anything that a test waits for.
inline ironjar::Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds{30}; }

}  // namespace support
