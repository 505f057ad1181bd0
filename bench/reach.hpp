// What reach.cpp and its server share: the options of the sessions that one makes and the other reads.
#pragma once

#include <ironjar/session.hpp>

namespace bench {

inline ironjar::SessionOptions reachOptions() {
  return {.cookieName = "sid", .passwords = "Zk3-first-password-that-is-long-enough-0001", .cookie = {.secure = false}};
}

}  // namespace bench
