// What has gone wrong on the way to Redis, in it, or with a process: when, and for whom.
#pragma once

#include "sim/schedule.hpp"

#include <string>

namespace sim {

struct RedisTrouble {
  static constexpr unsigned everybody = ~0U;
  MonotonicTime from{};
  MonotonicTime to{};
  unsigned process = everybody;
  std::string what;
};

}  // namespace sim
