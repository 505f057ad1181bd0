// Messages that other processes send over Redis, on a connection of their own.
#pragma once

#include "redis/link.hpp"
#include "redis/topology.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ironjar::detail {

// For the loop's thread alone. What it is given must outlive it. Messages may get lost, and anybody who can write to
// Redis may send some: they are a reason to look, and say nothing. While somebody listens a connection that is lost is
// made again: at once when it had worked, otherwise once in RedisOptions::pause; and the server is asked that often
// whether it is there.
class RedisSubscription {
 public:
  using Heard = RedisLink::Heard;
  using Ticket = RedisLink::Ticket;

  RedisSubscription(const std::shared_ptr<EventLoop>& loop, const RedisOptions& options, RedisTopology& topology)
      : loop_(loop), options_(options), topology_(topology) {}

  // Calls `heard` later, any number of times. Where Redis refuses subscriptions, never.
  [[nodiscard]] Ticket add(std::vector<std::string> channels, std::function<void(Heard)> heard);
  void remove(Ticket ticket) noexcept;
  // Goes where it is to listen by now, if that is another server than before.
  void follow();
  // Redis is given up, and well again. Meanwhile nothing is heard.
  void drop();
  void recover();
  void close();

 private:
  struct Listener {
    std::vector<std::string> channels;
    std::shared_ptr<const std::function<void(Heard)>> heard;
  };
  struct Channel {
    std::set<Ticket> listeners;
    bool isConfirmed = false;
  };

  void connectNow();
  void connectSoon();
  void connect();
  void watch();
  void opened(const std::optional<Error>& problem);
  void ended();
  void take(const Reply& pushed);
  void confirmed(const std::string& name);
  void tell(Ticket ticket, Heard heard);
  void send(std::string_view command, const std::vector<std::string>& channels);
  [[nodiscard]] bool isHeardBy(const Listener& listener) const;

  const std::shared_ptr<EventLoop> loop_;
  const RedisOptions& options_;
  RedisTopology& topology_;
  std::shared_ptr<RedisConnection> connection_;
  RedisEndpoint server_;  // that it is a connection to
  bool isOpen_ = false;
  bool isDropped_ = false;
  Deadline connectsFrom_ = {};  // not before
  std::size_t unanswered_ = 0;  // channels that were subscribed to
  // Of the next attempt to connect; while it is open, of the server's answer or of the next question.
  std::optional<EventLoop::Ticket> timer_;
  std::map<Ticket, Listener> listeners_;
  std::map<std::string, Channel, std::less<>> channels_;
  Ticket last_ = 0;
};

}  // namespace ironjar::detail
