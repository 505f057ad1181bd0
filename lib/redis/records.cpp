#include "redis/records.hpp"

#include "seal_format.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ironjar::detail {
namespace {

constexpr std::string_view purpose = "redis-result";
constexpr Seconds longestPause{600};
constexpr Seconds shortestFence{600};  // twice the longest lease

std::string millisecondsOf(std::chrono::milliseconds time) { return std::to_string(time.count()); }

std::string textAt(const Json& data, const char* key) {
  const auto member = data.find(key);
  return member != data.end() && member->is_string() ? member->get<std::string>() : std::string();
}

std::optional<std::int64_t> integerAt(const Json& data, const char* key) {
  const auto member = data.find(key);
  if (member == data.end() || !member->is_number_integer()) return std::nullopt;
  return member->get<std::int64_t>();
}

// `<code> <seconds> <endpoint>`, each a number, -1 for nothing.
std::string noteOf(const Failure& failure) {
  const auto seconds = failure.retryAfter.value_or(Seconds{-1});
  const int endpoint = failure.endpoint ? static_cast<int>(*failure.endpoint) : -1;
  const int refused = failure.error.code == Errc::notAllowed ? 1 : 0;
  return std::to_string(refused) + ' ' + std::to_string(seconds.count()) + ' ' + std::to_string(endpoint);
}

// Total: the note is anybody's who can write to Redis, and all it can do is to make a request try again later.
Failure readNote(std::string_view note) {
  std::array<long long, 3> numbers = {0, -1, -1};
  for (long long& number : numbers) {
    const auto [end, problem] = std::from_chars(note.data(), note.data() + note.size(), number);
    if (problem != std::errc()) break;
    note.remove_prefix(std::min(note.size(), static_cast<std::size_t>(end - note.data()) + 1));
  }
  Failure failure{fail(Errc::refreshFailed, "another process has asked in vain")};
  if (numbers[0] == 1) failure.error.code = Errc::notAllowed;
  if (numbers[1] >= 0) failure.retryAfter = Seconds{std::min<long long>(numbers[1], longestPause.count())};
  constexpr auto last = static_cast<int>(RefreshCoordinator::Endpoint::notAsked);
  if (numbers[2] >= 0 && numbers[2] <= last) failure.endpoint = static_cast<RefreshCoordinator::Endpoint>(numbers[2]);
  return failure;
}

void append(std::vector<std::string>& list, const std::vector<std::string>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

}  // namespace

Json writeTokens(const TokenSet& tokens) {
  Json data = {{"a", tokens.accessToken}, {"r", tokens.refreshToken}, {"s", tokens.scope},
               {"u", tokens.subject},     {"c", tokens.cookies},      {"f", tokens.resource}};
  if (tokens.expiresAt) data["e"] = unixMilliseconds(*tokens.expiresAt);
  if (tokens.lifetime) data["l"] = tokens.lifetime->count();
  return data;
}

std::optional<TokenSet> readTokens(const Json& data) {
  TokenSet tokens{.accessToken = textAt(data, "a"),
                  .refreshToken = textAt(data, "r"),
                  .scope = textAt(data, "s"),
                  .subject = textAt(data, "u"),
                  .cookies = textAt(data, "c"),
                  .resource = textAt(data, "f")};
  if (tokens.accessToken.empty() || tokens.refreshToken.empty()) return std::nullopt;
  if (const auto end = integerAt(data, "e")) tokens.expiresAt = fromUnixMilliseconds(*end);
  if (const auto lifetime = integerAt(data, "l")) tokens.lifetime = Seconds{*lifetime};
  return tokens;
}

RedisRecord::RedisRecord(RedisLink& link, std::string_view client, std::string_view refreshToken, Times times)
    : link_(link),
      secret_(refreshToken),
      times_(times),
      values_(link.vault().names("token", client, refreshToken)),
      passedOver_(values_.size()) {
  const auto suffixed = [this](const char* suffix) {
    RedisNames names = values_;
    for (std::string& name : names) name += suffix;
    return names;
  };
  locks_ = suffixed(":lock");
  lasts_ = suffixed(":last");
  remains_ = suffixed(":remains");
}

Result<RedisRecord::Begun> RedisRecord::begin(const std::string& owner, const std::string& awaited) {
  Result<Told> told = run(beginScript(), {.owner = owner, .what = awaited});
  if (!told) return told.error();
  if (told->record) return Begun(*std::move(told->record));
  if (told->word == "locked") return Begun(Locked{std::move(told->text)});
  if (told->word == "failed") return Begun(readNote(told->text));
  return Begun(Mine{});
}

Result<bool> RedisRecord::renew(const std::string& owner) {
  const Result<Told> told = run(renewScript(), {.owner = owner});
  if (!told) return told.error();
  return told->word == "renewed";
}

Result<RedisRecord::Finished> RedisRecord::succeeded(const std::string& owner, const TokenSet& tokens,
                                                     std::optional<TimePoint> endedAt) {
  Json data = writeTokens(tokens);
  if (endedAt) data["o"] = unixMilliseconds(*endedAt);
  auto values = sealed('r', data, times_.keep);
  if (!values) return values.error();
  const Order order{.owner = owner, .what = "r", .ttl = times_.keep, .values = *std::move(values)};
  Result<Finished> finished = finish(order);
  // Nobody else has them, and the old token is spent: the others must know as soon as Redis does.
  if (!finished) link_.runLater(callOf(finishScript(), order));
  return finished;
}

Result<RedisRecord::Finished> RedisRecord::died(const std::string& owner) {
  auto values = sealed('d', Json::object(), times_.keepDead);
  if (!values) return values.error();
  return finish({.owner = owner, .what = "d", .ttl = times_.keepDead, .values = *std::move(values)});
}

Result<RedisRecord::Finished> RedisRecord::failed(const std::string& owner, const Failure& failure) {
  return finish({.owner = owner, .what = "f", .note = noteOf(failure)});
}

Result<RedisRecord::Finished> RedisRecord::finish(const Order& order) {
  Result<Told> told = run(finishScript(), order);
  if (!told) return told.error();
  if (told->record) return Finished(*std::move(told->record));
  if (told->word == "stored") return Finished(Stored{});
  return Finished(Refused{});
}

// In whole seconds, as sessions know their beginning.
bool Record::refuses(const std::optional<TimePoint>& begun) const {
  const auto seconds = [](TimePoint time) { return std::chrono::floor<Seconds>(time.time_since_epoch()); };
  if (kind != Kind::signedOut && !endedAt) return false;
  return !endedAt || !begun || seconds(*begun) <= seconds(*endedAt);
}

std::optional<Record> RedisRecord::bury(const Logout& logout) {
  auto values = sealed('o', Json{{"o", unixMilliseconds(logout.at)}}, times_.keep);
  if (!values) return std::nullopt;
  const Order order{.ttl = times_.keep, .values = *std::move(values)};
  // Looked at apart: the script's answer may get lost, or be a planted value, and what was known is gone by then.
  const Result<std::optional<Record>> before = look();
  if (before && *before) {
    const bool isOlder = (*before)->kind == Record::Kind::signedOut && (*before)->endedAt >= logout.at;
    if (isOlder || (*before)->refuses(logout.begun)) return *before;
  }
  const Result<Told> told = before ? run(buryScript(), order) : Result<Told>(before.error());
  if (!told) link_.runLater(callOf(buryScript(), order));
  const bool isNews = told && told->record && told->record->kind != Record::Kind::signedOut;
  if (isNews) return told->record;
  return before ? *before : std::nullopt;
}

Result<std::optional<Record>> RedisRecord::look() {
  const Result<Reply> reply =
      link_.run({.script = &fetchScript(), .keys = values_, .arguments = {std::to_string(maxSealSize + 1)}});
  if (!reply) return reply.error();
  std::optional<Record> found;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const std::string& value = reply->items[i].text;
    auto record = value == passedOver_[i] ? std::nullopt : open(i, value);
    if (!record || (found && found->kind <= record->kind)) continue;
    found = std::move(record);
    lastIndex_ = i;
    lastValue_ = value;
  }
  return found;
}

void RedisRecord::passOver() { passedOver_.at(lastIndex_) = lastValue_; }

void RedisRecord::leaveBehind(const TokenSet& tokens) {
  const auto values = link_.vault().seal(remains_, {purpose, secret_}, writeTokens(tokens), times_.keep);
  if (!values) return;
  RedisCall call{.script = &storeScript(), .keys = remains_, .arguments = {"0", millisecondsOf(times_.keep)}};
  append(call.arguments, *values);
  link_.runEventually(std::move(call));
}

RedisRecord::Remains RedisRecord::remains() {
  RedisCall call{.script = &fetchScript(), .keys = remains_, .arguments = {std::to_string(maxSealSize + 1)}};
  append(call.keys, locks_);
  const Result<Reply> reply = link_.run(call);
  if (!reply) return {};
  Remains remains;
  for (std::size_t i = 0; i < remains_.size(); ++i) {
    const auto data = link_.vault().open(remains_[i], {purpose, secret_}, reply->items[i].text);
    if (data && !remains.tokens) remains.tokens = readTokens(*data);
    remains.mayCome = remains.mayCome || !reply->items[remains_.size() + i].text.empty();
  }
  return remains;
}

// A value that is not authentic is passed over, and the script asked again.
Result<RedisRecord::Told> RedisRecord::run(const RedisScript& script, const Order& order) {
  for (std::size_t tries = 0; tries < values_.size() + 2; ++tries) {
    const Result<Reply> reply = link_.run(callOf(script, order));
    if (!reply) return reply.error();
    Told told = read(*reply);
    if (told.word != "value" || told.record) return told;
    passOver();
  }
  return fail(Errc::malformed, "values that do not open, again and again");
}

RedisRecord::Told RedisRecord::read(const Reply& reply) {
  const auto& items = reply.items;
  Told told{.word = items.at(0).text};
  if (told.word == "value") {
    lastIndex_ = static_cast<std::size_t>(items.at(1).number) - 1;
    lastValue_ = items.at(2).text;
    told.record = open(lastIndex_, lastValue_);
  } else if (items.size() > 1) {
    told.text = items[1].text;
  }
  return told;
}

std::optional<Record> RedisRecord::open(std::size_t index, std::string_view value) const {
  if (value.empty()) return std::nullopt;
  const auto data = link_.vault().open(values_[index], {purpose, secret_}, value.substr(1));
  // The letter in front is for the scripts; what was sealed is what counts.
  if (!data || textAt(*data, "k") != value.substr(0, 1)) return std::nullopt;
  std::optional<TimePoint> endedAt;
  if (const auto ended = integerAt(*data, "o")) endedAt = fromUnixMilliseconds(*ended);
  if (value.front() == 'o') return Record{.kind = Record::Kind::signedOut, .endedAt = endedAt};
  if (value.front() == 'd') return Record{Record::Kind::dead};
  auto tokens = readTokens(*data);
  if (!tokens) return std::nullopt;
  return Record{Record::Kind::succeeded, *std::move(tokens), endedAt};
}

Result<std::vector<std::string>> RedisRecord::sealed(char kind, const Json& data, Seconds ttl) const {
  Json marked = data;
  marked["k"] = std::string(1, kind);
  auto values = link_.vault().seal(values_, {purpose, secret_}, marked, ttl);
  if (values) {
    for (std::string& value : *values) value.insert(value.begin(), kind);
  }
  return values;
}

RedisCall RedisRecord::callOf(const RedisScript& script, const Order& order) const {
  // Who had the lock last is known for as long as an earlier holder may come back.
  const auto fence = std::max<std::chrono::milliseconds>(times_.keep, shortestFence);
  RedisCall call{.script = &script, .keys = values_};
  append(call.keys, locks_);
  append(call.keys, lasts_);
  call.arguments = {std::to_string(maxSealSize + 1), order.owner, millisecondsOf(times_.lease),
                    millisecondsOf(fence),           order.what,  order.note,
                    millisecondsOf(order.ttl)};
  append(call.arguments, passedOver_);
  append(call.arguments, order.values);
  return call;
}

}  // namespace ironjar::detail
