#include "redis/link.hpp"
#include "seal_format.hpp"

#include <array>
#include <stdexcept>

namespace ironjar {
namespace {

using Mark = RevocationList::Mark;

constexpr std::string_view purpose = "redis-revocation";
constexpr std::array<std::string_view, 3> kinds = {"session", "sid", "sub"};
constexpr std::string_view largest = "1024";  // bytes of a sealed time, generously

std::string_view kindOf(const Mark& mark) { return kinds.at(static_cast<std::size_t>(mark.kind)); }

std::string namedBy(const Mark& mark) { return std::to_string(mark.issuer.size()) + ':' + mark.issuer + mark.value; }

}  // namespace

RedisRevocationList::RedisRevocationList(const std::shared_ptr<Redis>& redis, RevocationOptions options)
    : options_(options), local_(std::move(options)) {
  if (!redis) throw std::invalid_argument("ironjar: RedisRevocationList: redis is empty");
  link_ = redis->link_;
}

void RedisRevocationList::deny(const Mark& mark) {
  local_.deny(mark);
  const std::string secret = namedBy(mark);
  const detail::RedisNames names = link_->vault().names("deny", kindOf(mark), secret);
  const Json data = {{"t", detail::unixMilliseconds(options_.now())}};
  const auto values = link_->vault().seal(names, {purpose, secret}, data, options_.keep);
  if (!values) return;
  detail::RedisCall call{.script = &detail::storeScript(), .keys = names};
  call.arguments = {"0", std::to_string(std::chrono::milliseconds(options_.keep).count())};
  call.arguments.insert(call.arguments.end(), values->begin(), values->end());
  link_->runEventually(std::move(call));
}

bool RedisRevocationList::denies(std::span<const Mark> marks, TimePoint startedAt) {
  if (local_.denies(marks, startedAt)) return true;
  detail::RedisCall call{.script = &detail::fetchScript(), .arguments = {std::string(largest)}};
  std::vector<std::string> secrets;
  for (const Mark& mark : marks) {
    secrets.push_back(namedBy(mark));
    const detail::RedisNames names = link_->vault().names("deny", kindOf(mark), secrets.back());
    call.keys.insert(call.keys.end(), names.begin(), names.end());
  }
  const auto reply = link_->run(call);
  if (!reply) return false;
  for (std::size_t i = 0; i < call.keys.size(); ++i) {
    const std::size_t owner = i / link_->vault().copies();
    const auto data = link_->vault().open(call.keys[i], {purpose, secrets[owner]}, reply->items[i].text);
    if (!data || !data->contains("t") || !data->at("t").is_number_integer()) continue;
    if (marks[owner].kind != Mark::Kind::sub) return true;
    if (detail::unixMilliseconds(startedAt) / 1000 <= data->at("t").get<std::int64_t>() / 1000) return true;
  }
  return false;
}

}  // namespace ironjar
