#include "redis/pending.hpp"

#include "redis/policy.hpp"

#include <utility>

namespace ironjar::detail {
namespace {

bool replaces(const RedisCall& call) {
  return !call.keys.empty() &&
         (call.script == &logOutScript() || call.script == &storeLatestScript() || call.script == &appendScript());
}

// What it replaces is about the same.
std::string subjectOf(const RedisCall& call) {
  return call.script == &appendScript() ? call.keys[0] + ' ' + call.arguments.at(subjectArgument) : call.keys[0];
}

// The value that it stores under its first key.
const std::string& valueOf(const RedisCall& call) {
  if (call.script == &appendScript()) return call.arguments.at(subjectArgument + 1);
  const bool isLogOut = call.script == &logOutScript();
  return call.arguments.at(isLogOut ? tokenArguments + call.keys.size() / 3 : 2);
}

// Whether what `earlier` has stored would stay when `later` came, as their scripts have it.
bool stays(const RedisCall& earlier, const RedisCall& later) {
  if (later.script != &logOutScript()) return valueOf(earlier) >= valueOf(later);
  const std::string ended = valueOf(earlier).substr(1, sortableSize);
  const std::string& sessionBegan = later.arguments.at(noteArgument);
  return ended >= valueOf(later).substr(1, sortableSize) || sessionBegan.substr(0, 13) <= ended.substr(0, 13);
}

}  // namespace

std::size_t sizeOf(const RedisCall& call) {
  std::size_t size = 0;
  for (const std::string& key : call.keys) size += key.size();
  for (const std::string& argument : call.arguments) size += argument.size();
  return call.answered ? 2 * size : size;  // which holds about as much
}

void PendingCalls::add(RedisCall call) {
  if (replaces(call)) {
    const auto earlier = latest_.find(subjectOf(call));
    if (earlier != latest_.end() && stays(earlier->second->call, call)) return;
    if (earlier != latest_.end()) erase(earlier->second);
  }
  bytes_ += sizeOf(call);
  calls_.push_back({std::move(call)});
  const auto added = std::prev(calls_.end());
  if (replaces(added->call)) latest_[subjectOf(added->call)] = added;
  while (calls_.size() > mostPending || bytes_ > mostPendingBytes) erase(calls_.begin());
}

PendingCalls::Calls PendingCalls::take() {
  latest_.clear();
  bytes_ = 0;
  return std::exchange(calls_, {});
}

void PendingCalls::putBack(Calls calls) {
  for (auto call = calls.begin(); call != calls.end();) {
    const auto later = replaces(call->call) ? latest_.find(subjectOf(call->call)) : latest_.end();
    if (later != latest_.end() && !stays(call->call, later->second->call)) {
      call = calls.erase(call);
      continue;
    }
    if (later != latest_.end()) erase(later->second);
    bytes_ += sizeOf(call->call);
    if (replaces(call->call)) latest_[subjectOf(call->call)] = call;
    ++call;
  }
  calls_.splice(calls_.begin(), calls);
}

void PendingCalls::erase(Calls::iterator call) {
  bytes_ -= sizeOf(call->call);
  if (replaces(call->call)) latest_.erase(subjectOf(call->call));
  calls_.erase(call);
}

}  // namespace ironjar::detail
