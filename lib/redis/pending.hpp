// What is to be sent as soon as Redis can be reached, in order and bounded. Its owner guards it.
#pragma once

#include "redis/scripts.hpp"

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace ironjar::detail {

struct RedisCall {
  const RedisScript* script = nullptr;  // one of the constants; none: the arguments are a command
  std::vector<std::string> keys = {};
  std::vector<std::string> arguments = {};
  // What to do with the answer of one that runs later (RedisLink::runLater), or again, on the link's thread; may be
  // empty.
  std::function<void(const Reply&)> answered = {};
  // Whoever waits for it holds no thread: it may wait until another server has taken over from one that is lost.
  bool outlastsFailover = false;
  // When another server has just taken over, others shall store again first what this one asks about.
  bool comesAfterOthers = false;
  // Set when whoever waits for it gives that up; may be null.
  std::shared_ptr<const std::atomic<bool>> isGivenUp = nullptr;
};

[[nodiscard]] std::size_t sizeOf(const RedisCall& call);  // bytes of what it holds

class PendingCalls {
 public:
  struct Pending {
    RedisCall call;
    unsigned tries = 0;
  };
  using Calls = std::list<Pending>;

  // Behind all others. Of two logouts or denials of the same only the one that would stay in Redis is kept, so that
  // repeating it crowds nothing out. The oldest of too many are dropped.
  void add(RedisCall call);
  // All of them, for sending; and back in front of what has come meanwhile.
  [[nodiscard]] Calls take();
  void putBack(Calls calls);

  [[nodiscard]] bool empty() const { return calls_.empty(); }
  [[nodiscard]] std::size_t size() const { return calls_.size(); }

 private:
  void erase(Calls::iterator call);

  Calls calls_;
  std::unordered_map<std::string, Calls::iterator> latest_;  // of what replaces, by what it is about
  std::size_t bytes_ = 0;
};

}  // namespace ironjar::detail
