#include "redis/link.hpp"
#include "seal/seal_format.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>

namespace ironjar {
namespace {

using Mark = RevocationList::Mark;

constexpr std::string_view purpose = "redis-revocation";
constexpr std::array<std::string_view, 3> kinds = {"session", "sid", "sub"};
constexpr std::string_view largest = "1024";  // bytes of a value, generously
constexpr std::size_t timeSize = 16;

std::string_view kindOf(const Mark& mark) { return kinds.at(static_cast<std::size_t>(mark.kind)); }

std::string namedBy(const Mark& mark) { return std::to_string(mark.issuer.size()) + ':' + mark.issuer + mark.value; }

// In front of a value: of two denials the later one stays, whichever reaches Redis last. What counts is the time that
// was sealed.
std::string sortable(std::int64_t milliseconds) {
  const std::string digits = std::to_string(std::max<std::int64_t>(milliseconds, 0));
  return digits.size() < timeSize ? std::string(timeSize - digits.size(), '0') + digits : std::string(timeSize, '9');
}

}  // namespace

RedisRevocationList::RedisRevocationList(const std::shared_ptr<Redis>& redis, RevocationOptions options)
    : options_(options), local_(std::move(options)) {
  if (!redis) throw std::invalid_argument("ironjar: RedisRevocationList: redis is empty");
  link_ = redis->link_;
}

void RedisRevocationList::deny(const Mark& mark) {
  local_.deny(mark);
  const std::string secret = namedBy(mark);
  const detail::RedisNames names = link_->sealer().names("deny", kindOf(mark), secret);
  const std::int64_t now = detail::unixMilliseconds(options_.now());
  const Json data = {{"t", now}};
  const auto values = link_->sealer().seal(names, {purpose, secret}, data, options_.keep);
  if (!values) return;
  detail::RedisCall call{.script = &detail::storeLatestScript(), .keys = names};
  call.arguments = {std::string(largest), std::to_string(std::chrono::milliseconds(options_.keep).count())};
  for (const std::string& value : *values) call.arguments.push_back(sortable(now) + value);
  link_->runEventually(std::move(call));
}

bool RedisRevocationList::denies(std::span<const Mark> marks, TimePoint startedAt) {
  if (local_.denies(marks, startedAt)) return true;
  detail::RedisCall call{.script = &detail::lookUpScript(), .arguments = {std::string(largest)}};
  std::vector<std::string> secrets;
  for (const Mark& mark : marks) {
    secrets.push_back(namedBy(mark));
    const detail::RedisNames names = link_->sealer().names("deny", kindOf(mark), secrets.back());
    call.keys.insert(call.keys.end(), names.begin(), names.end());
  }
  const auto reply = link_->run(call);
  if (!reply) return false;
  for (std::size_t i = 0; i < call.keys.size(); ++i) {
    const std::size_t owner = i / link_->sealer().copies();
    const std::string_view value = reply->items[i].text;
    const std::string_view seal = value.substr(std::min(value.size(), timeSize));
    const auto data = link_->sealer().open(call.keys[i], {purpose, secrets[owner]}, seal);
    if (!data || !data->contains("t") || !data->at("t").is_number_integer()) continue;
    const TimePoint deniedAt = detail::fromUnixMilliseconds(data->at("t").get<std::int64_t>());
    if (marks[owner].kind != Mark::Kind::sub || isBegunBy(startedAt, deniedAt)) return true;
  }
  return false;
}

}  // namespace ironjar
