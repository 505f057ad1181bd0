// How fast a message of Redis' is without this library: what it adds is measured against that.
#pragma once

#include "redis_server.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>
#include <vector>

namespace support {

// What a message takes from one connection to another, in milliseconds: nobody who waits is told sooner.
inline std::vector<double> bareMessages(const RedisServer& server, std::size_t count) {
  const auto listening = connectTo(server.port());
  const auto sending = connectTo(server.port());
  const auto answer = [](redisContext& context) {
    void* raw = nullptr;
    if (redisGetReply(&context, &raw) != REDIS_OK) throw std::runtime_error("redis-server has gone");
    freeReplyObject(raw);
  };
  redisAppendCommand(listening.get(), "SUBSCRIBE floor");
  answer(*listening);
  std::vector<double> took;
  for (std::size_t i = 0; i < count; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{10});  // as rarely as waiters are told
    std::chrono::steady_clock::time_point begin;
    std::thread sender([&] {
      begin = std::chrono::steady_clock::now();
      redisAppendCommand(sending.get(), "PUBLISH floor x");
      answer(*sending);
    });
    answer(*listening);
    const auto heard = std::chrono::steady_clock::now();
    sender.join();
    took.push_back(std::chrono::duration<double, std::milli>(heard - begin).count());
  }
  return took;
}

struct Spread {
  double median = 0;
  double late = 0;  // p99
  double most = 0;
};
inline Spread spreadOf(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times[times.size() * 99 / 100], times.back()};
}

}  // namespace support
