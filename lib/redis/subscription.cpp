#include "redis/subscription.hpp"

#include "redis/policy.hpp"

#include <algorithm>
#include <utility>

namespace ironjar::detail {

RedisSubscription::Ticket RedisSubscription::add(std::vector<std::string> channels, std::function<void(Heard)> heard) {
  const Ticket ticket = ++last_;
  std::vector<std::string> added;
  for (const std::string& name : channels) {
    const auto [channel, isNew] = channels_.try_emplace(name);
    channel->second.listeners.insert(ticket);
    if (isNew) added.push_back(name);
  }
  const Listener& listener =
      listeners_
          .emplace(ticket, Listener{std::move(channels), std::make_shared<const std::function<void(Heard)>>(heard)})
          .first->second;
  connectSoon();
  if (isOpen_ && !added.empty()) send("SUBSCRIBE", added);
  if (isOpen_ && isHeardBy(listener)) loop_->post([this, ticket] { tell(ticket, Heard::listening); });
  return ticket;
}

void RedisSubscription::remove(Ticket ticket) noexcept {
  const auto found = listeners_.find(ticket);
  if (found == listeners_.end()) return;
  std::vector<std::string> left;
  for (const std::string& name : found->second.channels) {
    const auto channel = channels_.find(name);
    if (channel == channels_.end()) continue;
    channel->second.listeners.erase(ticket);
    if (!channel->second.listeners.empty()) continue;
    channels_.erase(channel);
    try {
      left.push_back(name);
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): what comes there is passed over
    }
  }
  listeners_.erase(found);
  try {
    if (isOpen_ && !left.empty()) send("UNSUBSCRIBE", left);
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): likewise
  }
}

void RedisSubscription::follow() {
  const auto connection = connection_;
  if (!connection) return connectNow();
  if (topology_.mayListenAt(server_)) return;
  connectsFrom_ = {};
  connection->close({Errc::unreachable, "another server has taken over"});
}

void RedisSubscription::drop() {
  isDropped_ = true;
  loop_->cancel(timer_);
  if (const auto connection = connection_) connection->close({Errc::unreachable, "Redis is given up for now"});
}

void RedisSubscription::recover() {
  isDropped_ = false;
  connectNow();
}

void RedisSubscription::close() {
  listeners_.clear();
  channels_.clear();
  if (const auto connection = std::exchange(connection_, nullptr)) connection->close({Errc::unreachable, "going"});
}

void RedisSubscription::connectNow() {
  if (connection_) return;
  loop_->cancel(timer_);
  connectsFrom_ = {};
  connectSoon();
}

void RedisSubscription::connectSoon() {
  if (connection_ || timer_ || isDropped_ || listeners_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  if (!topology_.isKnown()) connectsFrom_ = std::max(connectsFrom_, now + options_.pause);  // no server yet
  if (now >= connectsFrom_) return connect();
  timer_ = loop_->at(connectsFrom_, [this] {
    timer_.reset();
    connectSoon();
  });
}

void RedisSubscription::connect() {
  const auto now = std::chrono::steady_clock::now();
  connectsFrom_ = now + options_.pause;
  const RedisTopology::Place place = topology_.listeningPlace();
  server_ = place.server;
  connection_ = std::make_shared<RedisConnection>(
      *loop_, options_, place.tls,
      RedisConnection::Hooks{.opened = [this](const std::optional<Error>& problem) { opened(problem); },
                             .ended = [this] { ended(); },
                             .pushed = [this](const Reply& pushed) { take(pushed); }});
  connection_->open(place.addresses, now + options_.pause);
}

void RedisSubscription::opened(const std::optional<Error>& problem) {
  if (problem) {
    connection_ = nullptr;
    return connectSoon();
  }
  isOpen_ = true;
  unanswered_ = 0;
  std::vector<std::string> all;
  for (const auto& [name, channel] : channels_) all.push_back(name);
  if (!all.empty()) send("SUBSCRIBE", all);
}

// A server that hangs is told from one with nothing to say by a channel that is subscribed to again.
void RedisSubscription::watch() {
  loop_->cancel(timer_);
  const bool isAwaited = unanswered_ > 0;
  if (!isOpen_ || (!isAwaited && channels_.empty())) return;
  const auto time = isAwaited ? std::max(options_.timeout, patience) : options_.pause;
  timer_ = loop_->at(std::chrono::steady_clock::now() + time, [this, isAwaited] {
    timer_.reset();
    const auto connection = connection_;
    if (isAwaited) return connection->close({Errc::timeout, "no answer"});
    if (!channels_.empty()) send("SUBSCRIBE", {channels_.begin()->first});
  });
}

void RedisSubscription::ended() {
  loop_->cancel(timer_);
  isOpen_ = false;
  connection_ = nullptr;
  for (auto& [name, channel] : channels_) channel.isConfirmed = false;
  std::vector<Ticket> all;
  for (const auto& [ticket, listener] : listeners_) all.push_back(ticket);
  for (const Ticket ticket : all) tell(ticket, Heard::lost);
  connectSoon();
}

void RedisSubscription::take(const Reply& pushed) {
  const auto& items = pushed.items;
  const bool isMessage = items.size() == 3 && items[2].kind == Reply::Kind::text && items[0].isText("message");
  const bool isCount = items.size() == 3 && items[2].kind == Reply::Kind::number;
  if (isCount && items[0].isText("subscribe")) return confirmed(items[1].text);
  if (isCount && items[0].isText("unsubscribe")) return;
  const auto connection = connection_;
  if (!isMessage) return connection ? connection->close({Errc::malformed, "no subscription"}) : void();
  const auto channel = channels_.find(items[1].text);
  if (channel == channels_.end()) return;
  const std::set<Ticket> listeners = channel->second.listeners;
  for (const Ticket ticket : listeners) tell(ticket, Heard::message);
}

void RedisSubscription::confirmed(const std::string& name) {
  if (unanswered_ > 0) --unanswered_;
  connectsFrom_ = std::min(connectsFrom_, std::chrono::steady_clock::now() + betweenTries);
  watch();
  const auto channel = channels_.find(name);
  if (channel == channels_.end()) return;
  if (std::exchange(channel->second.isConfirmed, true)) return;
  const std::set<Ticket> listeners = channel->second.listeners;
  for (const Ticket ticket : listeners) {
    const auto listener = listeners_.find(ticket);
    if (listener != listeners_.end() && isHeardBy(listener->second)) tell(ticket, Heard::listening);
  }
}

bool RedisSubscription::isHeardBy(const Listener& listener) const {
  return std::all_of(listener.channels.begin(), listener.channels.end(), [this](const std::string& name) {
    const auto channel = channels_.find(name);
    return channel != channels_.end() && channel->second.isConfirmed;
  });
}

void RedisSubscription::tell(Ticket ticket, Heard heard) {
  const auto found = listeners_.find(ticket);
  if (found == listeners_.end()) return;
  const auto listener = found->second.heard;  // which may remove itself
  (*listener)(heard);
}

void RedisSubscription::send(std::string_view command, const std::vector<std::string>& channels) {
  std::vector<std::string_view> words = {command};
  words.insert(words.end(), channels.begin(), channels.end());
  if (command == "SUBSCRIBE" && std::exchange(unanswered_, unanswered_ + channels.size()) == 0) watch();
  const auto connection = connection_;
  connection->post(words);
}

}  // namespace ironjar::detail
