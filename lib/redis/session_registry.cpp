#include "base/base64url.hpp"
#include "base/completion.hpp"
#include "base/time.hpp"
#include "crypto/sodium.hpp"
#include "redis/link.hpp"
#include "redis/scripts.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <stdexcept>

namespace ironjar {
namespace {

using detail::RedisCall;
using detail::RedisLink;
using detail::RedisNames;
using detail::RedisScript;
using detail::Reply;
using Entry = SessionRegistry::Entry;
using User = SessionRegistry::User;

constexpr std::string_view purpose = "redis-session";
constexpr std::size_t mostPerUser = 100;           // a reply has at most mostItems
constexpr std::string_view largestEntry = "2048";  // bytes of a value, generously

// A hash for each user: a field for each session, whose value is a seal behind its time, which the script compares.
// KEYS = it; ARGV = keep, the most fields, the field, the value. Of two values of one session the later one stays; of
// too many the oldest goes. What is no hash, or has more than we would write, is removed.
const RedisScript& recordScript() {
  static const RedisScript script{R"(
local kind = redis.call('TYPE', KEYS[1]).ok
local most = tonumber(ARGV[2])
if kind ~= 'none' and (kind ~= 'hash' or redis.call('HLEN', KEYS[1]) > most) then redis.call('UNLINK', KEYS[1]) end
local held = redis.call('HGET', KEYS[1], ARGV[3])
if held and held >= ARGV[4] then return {'stored'} end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
if redis.call('HLEN', KEYS[1]) > most then
  local all = redis.call('HGETALL', KEYS[1])
  local oldest = 1
  for i = 3, #all, 2 do if all[i + 1] < all[oldest + 1] then oldest = i end end
  redis.call('HDEL', KEYS[1], all[oldest])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {'stored'}
)",
                                  {"stored"}};
  return script;
}

// KEYS = a user's; ARGV = the field. {stored}
const RedisScript& forgetScript() {
  static const RedisScript script{R"(
if redis.call('TYPE', KEYS[1]).ok == 'hash' then redis.call('HDEL', KEYS[1], ARGV[1]) end
return {'stored'}
)",
                                  {"stored"}};
  return script;
}

// KEYS = a user's; ARGV = size, the most fields. {entries, field, value, field, value, ...}
const RedisScript& listScript() {
  static const RedisScript script{R"(
local entries = {'entries'}
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' or redis.call('HLEN', KEYS[1]) > tonumber(ARGV[2]) then return entries end
for i, text in ipairs(redis.call('HGETALL', KEYS[1])) do
  entries[i + 1] = #text <= tonumber(ARGV[1]) and text or ''
end
return entries
)",
                                  {"entries"}};
  return script;
}

std::string secretOf(const User& user) { return std::to_string(user.issuer.size()) + ':' + user.issuer + user.subject; }

// What a session is called in its user's hash: nothing can be read from it.
std::string fieldOf(const std::string& id) {
  std::array<unsigned char, 24> digest{};
  detail::blake2b(digest, detail::bytes("ironjar listed session"), detail::bytes(id));
  std::string field;
  detail::appendBase64url(field, digest);
  return field;
}

Json jsonOf(const Entry& entry) {
  return {{"i", entry.id},
          {"g", entry.tag},
          {"d", entry.sid},
          {"s", detail::unixMilliseconds(entry.startedAt)},
          {"t", detail::unixMilliseconds(entry.lastSeen)},
          {"l", entry.label}};
}

// What jsonOf() has written, and a seal kept from others.
Entry entryOf(const Json& json) {
  return {.id = json.at("i").get<std::string>(),
          .tag = json.at("g").get<std::string>(),
          .sid = json.at("d").get<std::string>(),
          .startedAt = detail::fromUnixMilliseconds(json.at("s").get<std::int64_t>()),
          .lastSeen = detail::fromUnixMilliseconds(json.at("t").get<std::int64_t>()),
          .label = json.at("l").get<std::string>()};
}

}  // namespace

class RedisSessionRegistry::State {
 public:
  State(std::shared_ptr<RedisLink> link, SessionRegistryOptions options)
      : link_(std::move(link)), options_(std::move(options)) {
    static_cast<void>(LocalSessionRegistry(options_));  // looks at the numbers
    if (options_.maxPerUser > mostPerUser) {
      throw std::invalid_argument("ironjar: RedisSessionRegistry: maxPerUser is 100 at most");
    }
  }

  void record(const User& user, const Entry& entry) const {
    const std::string secret = secretOf(user);
    const RedisNames names = link_->sealer().names("sessions", "", secret);
    const auto values = link_->sealer().seal(names, {purpose, secret}, jsonOf(entry), options_.keep);
    if (!values) return;
    for (std::size_t i = 0; i < names.size(); ++i) {
      send({.script = &recordScript(),
            .keys = {names[i]},
            .arguments = {std::to_string(std::chrono::milliseconds(options_.keep).count()),
                          std::to_string(options_.maxPerUser), fieldOf(entry.id),
                          detail::sortable(entry.lastSeen) + values->at(i)}});
    }
  }

  void forget(const User& user, const std::string& id) const {
    for (const std::string& name : link_->sealer().names("sessions", "", secretOf(user))) {
      send({.script = &forgetScript(), .keys = {name}, .arguments = {fieldOf(id)}});
    }
  }

  // From all passwords' keys: of one session the entry that was written last.
  void list(const User& user, Listed listed) const {
    struct Found {
      std::mutex mutex;
      std::map<std::string, Entry> byId;
      std::size_t left = 0;
      bool isUnknown = false;
    };
    const auto once = detail::exactlyOnce<Result<std::vector<Entry>>>(
        std::move(listed), fail(Errc::overloaded, "Redis has not told the sessions"));
    const std::string secret = secretOf(user);
    const RedisNames names = link_->sealer().names("sessions", "", secret);
    const auto found = std::make_shared<Found>();
    found->left = names.size();
    const TimePoint oldest = options_.now() - options_.keep;
    for (const std::string& name : names) {
      const auto take = [link = link_, found, once, secret, name, oldest](const Result<Reply>& reply) {
        std::vector<Entry> all;
        {
          const std::lock_guard lock(found->mutex);
          if (!reply) found->isUnknown = true;
          for (std::size_t i = 1; reply && i + 1 < reply->items.size(); i += 2) {
            const std::string& value = reply->items[i + 1].text;
            const auto json = link->sealer().open(name, {purpose, secret},
                                                  value.substr(std::min(value.size(), detail::sortableSize)));
            if (!json) continue;
            Entry entry = entryOf(*json);
            if (entry.lastSeen <= oldest || fieldOf(entry.id) != reply->items[i].text) continue;
            const auto [known, isNew] = found->byId.try_emplace(entry.id, entry);
            if (!isNew && known->second.lastSeen < entry.lastSeen) known->second = std::move(entry);
          }
          if (--found->left > 0) return;
          for (auto& [id, entry] : found->byId) all.push_back(std::move(entry));
        }
        if (found->isUnknown) return once(fail(Errc::overloaded, "Redis has not told the sessions"));
        once(std::move(all));
      };
      link_->start({.script = &listScript(),
                    .keys = {name},
                    .arguments = {std::string(largestEntry), std::to_string(mostPerUser)}},
                   take);
    }
  }

 private:
  // Now, or as soon as Redis takes it.
  void send(RedisCall call) const {
    const auto sent = [link = link_, call](const Result<Reply>& reply) {
      if (!reply) link->runLater(call);
    };
    link_->start(std::move(call), sent);
  }

  const std::shared_ptr<RedisLink> link_;
  const SessionRegistryOptions options_;
};

RedisSessionRegistry::RedisSessionRegistry(const std::shared_ptr<Redis>& redis, SessionRegistryOptions options) {
  if (!redis) throw std::invalid_argument("ironjar: RedisSessionRegistry: redis is empty");
  state_ = std::make_unique<State>(redis->link_, std::move(options));
}

RedisSessionRegistry::~RedisSessionRegistry() = default;

void RedisSessionRegistry::record(const User& user, const Entry& entry) noexcept try {
  state_->record(user, entry);
} catch (...) {  // NOLINT(bugprone-empty-catch): no memory: it is recorded again when the session is written again
}

void RedisSessionRegistry::forget(const User& user, const std::string& id) noexcept try {
  state_->forget(user, id);
} catch (...) {  // NOLINT(bugprone-empty-catch): no memory: it stays in the list until its time is over
}

void RedisSessionRegistry::startList(const User& user, Listed listed) const { state_->list(user, std::move(listed)); }

}  // namespace ironjar
