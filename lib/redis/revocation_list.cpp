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

std::string_view kindOf(const Mark& mark) { return kinds.at(static_cast<std::size_t>(mark.kind)); }

std::string namedBy(const Mark& mark) { return std::to_string(mark.issuer.size()) + ':' + mark.issuer + mark.value; }

// When a value denies, if it is authentic.
std::optional<TimePoint> deniedIn(const detail::RedisSealer& sealer, std::string_view value, const std::string& key,
                                  const std::string& secret) {
  const std::string_view seal = value.substr(std::min(value.size(), detail::sortableSize));
  const auto data = sealer.open(key, {purpose, secret}, seal);
  if (!data || !data->contains("t") || !data->at("t").is_number_integer()) return std::nullopt;
  const TimePoint at = detail::fromUnixMilliseconds(data->at("t").get<std::int64_t>());
  return value.starts_with(detail::sortable(at)) ? std::optional(at) : std::nullopt;
}

bool holdsPlanted(detail::RedisLink& link, const detail::RedisNames& names, const std::string& secret) {
  const auto reply = link.run({.script = &detail::lookUpScript(), .keys = names, .arguments = {std::string(largest)}});
  if (!reply) return false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& value = reply->items[i].text;
    if (!value.empty() && !deniedIn(link.sealer(), value, names[i], secret)) return true;
  }
  return false;
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
  const TimePoint now = options_.now();
  const Json data = {{"t", detail::unixMilliseconds(now)}};
  const auto values = link_->sealer().seal(names, {purpose, secret}, data, options_.keep);
  if (!values) return;
  // Of two denials the later one stays, whichever reaches Redis last. A planted value is no denial.
  const bool isPlanted = holdsPlanted(*link_, names, secret);
  detail::RedisCall call{.script = isPlanted ? &detail::storeScript() : &detail::storeLatestScript(), .keys = names};
  call.arguments = {std::string(largest), std::to_string(std::chrono::milliseconds(options_.keep).count())};
  for (const std::string& value : *values) call.arguments.push_back(detail::sortable(now) + value);
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
    const auto deniedAt = deniedIn(link_->sealer(), reply->items[i].text, call.keys[i], secrets[owner]);
    if (deniedAt && (marks[owner].kind != Mark::Kind::sub || isBegunBy(startedAt, *deniedAt))) return true;
  }
  return false;
}

}  // namespace ironjar
