// What reach_server.cpp and those that ask it share: the options of the sessions that one reads and the others make.
#pragma once

#include <string>
#include <utility>

#include <ironjar/session.hpp>
#include <ironjar/tokens.hpp>

namespace bench {

inline constexpr const char* reachPassword = "Zk3-first-password-that-is-long-enough-0001";

inline ironjar::SessionOptions reachOptions(ironjar::CommitHooks hooks = {}) {
  return {
      .cookieName = "sid", .passwords = reachPassword, .cookie = {.secure = false}, .commitHooks = std::move(hooks)};
}

// A Cookie field's value.
inline std::string cookieOf(const ironjar::SessionJar& jar, ironjar::Session& session) {
  const std::string line = jar.commit(session).value().at(0);
  return line.substr(0, line.find(';'));
}

}  // namespace bench
