// Messages as the history lets them through: this stands in for lib/redis/subscription.cpp, with a connection that is
// there or not. It confirms a channel after a moment.
#include "redis/subscription.hpp"

#include "sim/redis/servers.hpp"

#include <set>

namespace ironjar::detail {
namespace {

constexpr std::chrono::milliseconds roundTrip{2};

std::map<const RedisSubscription*, std::shared_ptr<void>> connections;

}  // namespace

RedisSubscription::Ticket RedisSubscription::add(std::vector<std::string> channels, std::function<void(Heard)> heard) {
  const Ticket ticket = ++last_;
  for (const std::string& name : channels) channels_[name].listeners.insert(ticket);
  listeners_.emplace(
      ticket, Listener{std::move(channels), std::make_shared<const std::function<void(Heard)>>(std::move(heard))});
  connectSoon();
  if (isOpen_) {
    static_cast<void>(loop_->at(sim::Schedule::current().now() + roundTrip, [this, ticket] {
      if (isOpen_) tell(ticket, Heard::listening);
    }));
  }
  return ticket;
}

void RedisSubscription::remove(Ticket ticket) noexcept {
  const auto found = listeners_.find(ticket);
  if (found == listeners_.end()) return;
  for (const std::string& name : found->second.channels) {
    channels_[name].listeners.erase(ticket);
    if (channels_[name].listeners.empty()) channels_.erase(name);
  }
  listeners_.erase(found);
}

void RedisSubscription::connectSoon() {
  if (isOpen_ || timer_ || isDropped_ || listeners_.empty() || !topology_.isKnown()) return;
  const Deadline when = std::max(connectsFrom_, sim::Schedule::current().now() + roundTrip);
  timer_ = loop_->at(when, [this] {
    timer_.reset();
    connect();
  });
}

void RedisSubscription::connect() {
  connectsFrom_ = sim::Schedule::current().now() + options_.pause;
  server_ = topology_.listeningPlace().server;
  const auto heard = [this](const std::string& channel) {
    if (channel.empty()) return ended();
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return;
    const std::set<Ticket> listeners = found->second.listeners;
    for (const Ticket ticket : listeners) tell(ticket, Heard::message);
  };
  auto connection = sim::RedisServers::current().subscribe(sim::Schedule::current().life(), server_, heard);
  if (!connection) return connectSoon();
  connections[this] = std::move(connection);
  isOpen_ = true;
  connectsFrom_ = {};
  std::vector<Ticket> all;
  for (const auto& [ticket, listener] : listeners_) all.push_back(ticket);
  for (const Ticket ticket : all) tell(ticket, Heard::listening);
}

void RedisSubscription::ended() {
  connections.erase(this);
  if (!std::exchange(isOpen_, false)) return;
  std::vector<Ticket> all;
  for (const auto& [ticket, listener] : listeners_) all.push_back(ticket);
  for (const Ticket ticket : all) tell(ticket, Heard::lost);
  connectSoon();
}

void RedisSubscription::tell(Ticket ticket, Heard heard) {
  const auto found = listeners_.find(ticket);
  if (found == listeners_.end()) return;
  const auto listener = found->second.heard;  // which may remove itself
  (*listener)(heard);
}

void RedisSubscription::follow() {
  if (!isOpen_ || topology_.mayListenAt(server_)) return;
  connectsFrom_ = {};
  ended();
}

void RedisSubscription::drop() {
  isDropped_ = true;
  loop_->cancel(timer_);
  ended();
}

void RedisSubscription::recover() {
  isDropped_ = false;
  connectsFrom_ = {};
  connectSoon();
}

void RedisSubscription::close() {
  listeners_.clear();
  channels_.clear();
  connections.erase(this);
  isOpen_ = false;
}

}  // namespace ironjar::detail
