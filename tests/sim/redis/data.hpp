// What a Redis server holds, and what lib/redis/scripts.cpp makes of it, in C++ and on a clock that is told. The test
// redis_simulated compares it with the scripts in a real server.
#pragma once

#include "redis/scripts.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <ironjar/types.hpp>

namespace sim {

class RedisData {
 public:
  using Texts = std::vector<std::string>;
  struct Answer {
    ironjar::detail::Reply reply;
    Texts published;  // channels
  };
  // One step. All scripts but those of a log of denials.
  [[nodiscard]] Answer run(const ironjar::detail::RedisScript& script, const Texts& keys, const Texts& arguments,
                           ironjar::MonotonicTime now);

  // What a replica has not been sent: takes back all that was written since then, the latest steps only.
  // Returns how many.
  std::size_t takeBack(ironjar::MonotonicTime since);
  void clear();

  struct Value {
    std::string text;
    bool isText = true;
    std::optional<ironjar::MonotonicTime> endsAt = std::nullopt;
  };
  void plant(const std::string& key, Value value) { values_[key] = std::move(value); }
  [[nodiscard]] std::map<std::string, Value> all(ironjar::MonotonicTime now) const;

 private:
  class Step;
  struct Written {
    ironjar::MonotonicTime at;
    std::map<std::string, std::optional<Value>> before;
  };

  std::map<std::string, Value> values_;
  std::deque<Written> written_;
};

}  // namespace sim
