#include "redis/stored_again.hpp"

#include "redis/policy.hpp"

#include <utility>

namespace ironjar::detail {

bool StoredAgain::matters(const RedisCall& call) {
  if (call.script == &publishScript()) return call.arguments.at(whatArgument) != "f";
  // Denials in place of planted ones are stored whatever is there, and so might replace a later one.
  const bool isOrphaned = call.script == &storeScript() && call.arguments.at(0) == "0";
  return isOrphaned || call.script == &logOutScript() || call.script == &storeLatestScript() ||
         call.script == &appendScript();
}

void StoredAgain::add(RedisCall call, RedisEndpoint server, Deadline now) {
  forgetBefore(now - storesAgainWithin);
  const std::size_t size = sizeOf(call);
  all_.push_back({std::move(call), std::move(server), now, size});
  bytes_ += size;
  while (all_.size() > mostStoredAgain || bytes_ > mostStoredAgainBytes) forgetOldest();
}

std::vector<RedisCall> StoredAgain::takeOver(const ServerOf& serverOf, Deadline now) {
  forgetBefore(now - storesAgainWithin);
  std::vector<RedisCall> moved;
  for (auto stored = all_.begin(); stored != all_.end();) {
    const auto server = serverOf(stored->call);
    if (!server || *server == stored->server) {
      ++stored;
      continue;
    }
    bytes_ -= stored->size;
    moved.push_back(std::move(stored->call));
    stored = all_.erase(stored);
  }
  return moved;
}

bool StoredAgain::empty(Deadline now) {
  forgetBefore(now - storesAgainWithin);
  return all_.empty();
}

void StoredAgain::forgetBefore(Deadline time) {
  while (!all_.empty() && all_.front().at < time) forgetOldest();
}

void StoredAgain::forgetOldest() {
  bytes_ -= all_.front().size;
  all_.pop_front();
}

}  // namespace ironjar::detail
