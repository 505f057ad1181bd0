#include "redis/scripts.hpp"

#include "base/time.hpp"

#include <algorithm>
#include <array>

namespace ironjar::detail {
namespace {

constexpr const char* reading = R"(
local size = tonumber(ARGV[1])
local function read(key)
  local length = redis.pcall('STRLEN', key)
  if type(length) == 'number' then
    if length == 0 then return false end
    if length <= size then return redis.call('GET', key) end
  end
  redis.call('UNLINK', key)
  return false
end
)";

constexpr const char* token = R"(
local n = #KEYS / 3
local owner, lease, keep, longest = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local what, note, ttl = ARGV[6], ARGV[7], ARGV[8]

local function known()
  local values = {}
  for i = 1, n do
    values[i] = read(KEYS[i])
    if values[i] == ARGV[8 + i] then values[i] = false end
  end
  for _, kind in ipairs({'o', 'r', 'd'}) do
    for i = 1, n do
      if values[i] and values[i]:sub(1, 1) == kind then return i, values[i], kind end
    end
  end
end

local function holder(i)
  local left = redis.call('PTTL', KEYS[n + i])
  if left == -2 then return false end
  if left == -1 or left > longest then
    redis.call('UNLINK', KEYS[n + i])
    return false
  end
  return read(KEYS[n + i])
end

local function belongs(last) return last and last:sub(1, #owner) == owner end

local function each(change)
  for i = 1, n do change(i) end
end
)";

constexpr const char* claim = R"(
local i, value = known()
if i then return {'value', i, value} end
for j = 1, n do
  local other = holder(j)
  if other and other ~= owner then return {'locked', other} end
end
if what ~= '' then
  for j = 1, n do
    local last = read(KEYS[2 * n + j])
    if last and last:sub(1, #what + 2) == what .. '|f' then return {'failed', last:sub(#what + 3)} end
  end
end
each(function(j)
  if not redis.call('SET', KEYS[n + j], owner, 'NX', 'PX', lease) then redis.call('PEXPIRE', KEYS[n + j], lease) end
  redis.call('SET', KEYS[2 * n + j], owner, 'PX', keep)
end)
return {'mine'}
)";

// Tokens of a login that has ended are left behind before the lock is released: whoever ended it looks for them until
// then. The logout is remembered from the end of that call on, which has spent the token.
constexpr const char* publish = R"(
local i, value, kind = known()
if kind == 'o' then
  each(function(j)
    if redis.call('PTTL', KEYS[j]) < tonumber(ttl) then redis.call('PEXPIRE', KEYS[j], ttl) end
  end)
end
if kind == 'o' and what == 'r' then return {'value', i, value} end
local newest = true
for j = 1, n do
  local last = read(KEYS[2 * n + j])
  if last and not belongs(last) then newest = false end
  if holder(j) == owner then redis.call('DEL', KEYS[n + j]) end
end
for j = 1, n do redis.pcall('PUBLISH', KEYS[n + j], '') end
if newest then
  local mark = what == 'f' and '|f' .. note or '|' .. what
  each(function(j) redis.call('SET', KEYS[2 * n + j], owner .. mark, 'PX', keep) end)
end
if kind == 'o' then return {'value', i, value} end
if kind == 'r' and not (what == 'r' and newest) then return {'value', i, value} end
if kind == 'd' and what == 'r' and not newest then return {'value', i, value} end
if what == 'f' then return {'stored'} end
if what == 'd' and not newest then return {'refused'} end
each(function(j) redis.call('SET', KEYS[j], ARGV[8 + n + j], 'PX', ttl) end)
return {'stored'}
)";

constexpr const char* storeLatest = R"(
for i = 1, #KEYS do
  local held = read(KEYS[i])
  if not held or held < ARGV[2 + i] then redis.call('SET', KEYS[i], ARGV[2 + i], 'PX', ARGV[2]) end
end
return {'stored'}
)";

// What has been published is not locked again: the last owner's entry has a mark then.
constexpr const char* renew = R"(
for j = 1, n do
  local other, last = holder(j), read(KEYS[2 * n + j])
  if other and other ~= owner or last and last ~= owner then return {'lost'} end
end
each(function(j)
  redis.call('SET', KEYS[n + j], owner, 'PX', lease)
  redis.call('SET', KEYS[2 * n + j], owner, 'PX', keep)
end)
return {'renewed'}
)";

// What the provider has ended needs no fence. An earlier logout takes nothing back, nor does that of a session which an
// earlier one has ended; `note` is when that session began. It may come here late, after an outage.
constexpr const char* logOut = R"(
local i, value, kind = known()
if kind == 'd' then return {'value', i, value} end
if kind == 'o' then
  local ended = value:sub(2, 17)
  local isOlder = ended >= ARGV[8 + n + i]:sub(2, 17)
  if isOlder or note:sub(1, 13) <= ended:sub(1, 13) then return {'value', i, value} end
end
each(function(j) redis.call('SET', KEYS[j], ARGV[8 + n + j], 'PX', ttl) end)
if i then return {'value', i, value} end
return {'none'}
)";

constexpr const char* fetch = R"(
local values = {}
for i = 1, #KEYS do values[i] = read(KEYS[i]) end
return values
)";

constexpr const char* store = R"(
for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[2 + i], 'PX', ARGV[2]) end
return {'stored'}
)";

// What is no stream is removed, and one whose last entry leaves no room for another.
constexpr const char* append = R"(
local function add() return redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'd', ARGV[5]) end
local id = add()
if type(id) ~= 'string' then
  redis.call('UNLINK', KEYS[1])
  id = add()
end
if type(id) ~= 'string' then return id end
local oldest = string.format('%.0f', tonumber(id:match('^%d+')) - tonumber(ARGV[2]))
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', oldest, 'COUNT', 10)) do
  redis.call('XDEL', KEYS[1], entry[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.pcall('PUBLISH', KEYS[1], '')
return {'stored'}
)";

constexpr const char* readLog = R"(
local entries = {'entries'}
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then return entries end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[2], '+', 'COUNT', ARGV[3])) do
  local value = entry[2][2] or ''
  entries[#entries + 1] = entry[1]
  entries[#entries + 1] = #value <= tonumber(ARGV[1]) and value or ''
end
return entries
)";

RedisScript joined(const char* body, std::vector<std::string_view> words) {
  return {std::string(reading) + token + body, std::move(words)};
}

}  // namespace

std::string sortable(TimePoint time) {
  const std::string digits = std::to_string(std::max<std::int64_t>(unixMilliseconds(time), 0));
  return digits.size() < sortableSize ? std::string(sortableSize - digits.size(), '0') + digits
                                      : std::string(sortableSize, '9');
}

bool RedisScript::canAnswer(const Reply& reply, std::size_t keys) const {
  const std::vector<Reply>& items = reply.items;
  if (reply.kind != Reply::Kind::array) return false;
  if (words.empty()) return items.size() == keys;
  if (items.empty() || items[0].kind != Reply::Kind::text) return false;
  const std::string& word = items[0].text;
  if (std::find(words.begin(), words.end(), word) == words.end()) return false;
  if (word == "value") {
    return items.size() == 3 && items[1].number >= 1 && items[1].number <= static_cast<long long>(keys / 3) &&
           items[2].kind == Reply::Kind::text && !items[2].text.empty();
  }
  if (word == "entries") {
    const auto isText = [](const Reply& item) { return item.kind == Reply::Kind::text; };
    return items.size() % 2 == 1 && std::all_of(items.begin(), items.end(), isText);
  }
  const bool saysMore = word == "locked" || word == "failed";
  return items.size() == (saysMore ? 2U : 1U) && items.back().kind == Reply::Kind::text;
}

bool RedisScript::hasWritten(const Reply& reply) const {
  constexpr std::array<std::string_view, 3> storing = {"mine", "renewed", "stored"};
  return !words.empty() && std::find(storing.begin(), storing.end(), reply.items.at(0).text) != storing.end();
}

const RedisScript& claimScript() {
  static const RedisScript script = joined(claim, {"value", "locked", "failed", "mine"});
  return script;
}
const RedisScript& publishScript() {
  static const RedisScript script = joined(publish, {"value", "stored", "refused"});
  return script;
}
const RedisScript& renewScript() {
  static const RedisScript script = joined(renew, {"renewed", "lost"});
  return script;
}
const RedisScript& logOutScript() {
  static const RedisScript script = joined(logOut, {"value", "none"});
  return script;
}
const RedisScript& lookUpScript() {
  static const RedisScript script{std::string(reading) + fetch, {}, 1};
  return script;
}
const RedisScript& storeScript() {
  static const RedisScript script{store, {"stored"}, 2};
  return script;
}
const RedisScript& storeLatestScript() {
  static const RedisScript script{std::string(reading) + storeLatest, {"stored"}, 2};
  return script;
}
const RedisScript& appendScript() {
  static const RedisScript script{append, {"stored"}};
  return script;
}
const RedisScript& readLogScript() {
  static const RedisScript script{readLog, {"entries"}};
  return script;
}

}  // namespace ironjar::detail
