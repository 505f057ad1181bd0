// What was stored lately, to be stored again when another server takes over: replication is asynchronous, so that what
// a server has acknowledged may be lost with it.
#pragma once

#include "redis/pending.hpp"
#include "redis/stream.hpp"

#include <functional>
#include <list>
#include <optional>
#include <vector>

#include <ironjar/types.hpp>

namespace ironjar::detail {

// Results, logouts, denials and orphaned tokens, for a while and bounded. Their scripts change nothing where they have
// run already, and do not replace what is newer. Its owner guards it.
class StoredAgain {
 public:
  using ServerOf = std::function<std::optional<RedisEndpoint>(const RedisCall&)>;

  // After it has run on this server.
  void add(RedisCall call, RedisEndpoint server, Deadline now);
  // Those that another server is responsible for by now, which are to be run there, and added again when they have.
  [[nodiscard]] std::vector<RedisCall> takeOver(const ServerOf& serverOf, Deadline now);

  [[nodiscard]] bool empty(Deadline now);

  // Whether it is anything that a server must not lose.
  [[nodiscard]] static bool matters(const RedisCall& call);

 private:
  struct Stored {
    RedisCall call;
    RedisEndpoint server;
    Deadline at;
    std::size_t size;
  };
  void forgetBefore(Deadline time);
  void forgetOldest();

  std::list<Stored> all_;  // the oldest first
  std::size_t bytes_ = 0;
};

}  // namespace ironjar::detail
