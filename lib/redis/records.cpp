#include "redis/records.hpp"

#include "base/base64url.hpp"
#include "base/time.hpp"
#include "crypto/secret.hpp"
#include "crypto/sodium.hpp"
#include "redis/policy.hpp"
#include "session/token_set.hpp"

#include <algorithm>
#include <cstdint>

namespace ironjar::detail {
namespace {

constexpr std::string_view purpose = "redis-result";
constexpr std::string_view purposeOfNotes = "redis-note";
constexpr Seconds longestLock{600};    // of any process with any options, generously: one with more left is none
constexpr Seconds shortestFence{600};  // twice the longest lease

std::string millisecondsOf(std::chrono::milliseconds time) { return std::to_string(time.count()); }

// Without what a provider may have made too large, or no text: others shall at least know which tokens are good.
TokenSet bare(const TokenSet& tokens) {
  return {.accessToken = tokens.accessToken,
          .refreshToken = tokens.refreshToken,
          .expiresAt = tokens.expiresAt,
          .lifetime = tokens.lifetime,
          .dpopKey = tokens.dpopKey,
          .resource = tokens.resource};
}

template <class T, class Start>
Result<T> blocking(const RedisLink& link, const Start& start) {
  if (link.loop().isOnItsThread()) return fail(Errc::overloaded, "the thread of the connections cannot wait");
  return waitFor<Result<T>>(start, Error{Errc::unreachable, {}});
}

void append(std::vector<std::string>& list, const std::vector<std::string>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

}  // namespace

Json writeTokens(const TokenSet& tokens) {
  Json data = {{"f", tokens.resource}};
  forEachTokenMember([&](const auto& member) {
    Json value = tokenJson(tokens.*member.value);
    if (!value.is_null()) data[member.letter] = std::move(value);
  });
  return data;
}

std::optional<TokenSet> readTokens(const Json& data) {
  TokenSet tokens;
  readTokenJson(data, "f", tokens.resource);
  forEachTokenMember([&](const auto& member) { readTokenJson(data, member.letter, tokens.*member.value); });
  if (tokens.accessToken.empty() || tokens.refreshToken.empty()) return std::nullopt;
  return tokens;
}

RedisNames tokenNames(const RedisSealer& sealer, std::string_view client, std::string_view refreshToken) {
  std::string message = std::to_string(client.size());
  const WipeAtExit wiped(message);
  message.append(1, ':').append(client).append(refreshToken);
  std::array<unsigned char, 16> hash{};
  blake2b(hash, bytes("ironjar redis slots v1"), bytes(message));
  std::string tag;
  appendBase64url(tag, hash);
  return sealer.names("token:{" + tag.substr(0, 2) + "}", client, refreshToken);
}

RedisRecord::RedisRecord(RedisLink& link, std::string_view client, std::string_view refreshToken, Times times)
    : link_(link),
      secret_(refreshToken),
      times_(times),
      values_(tokenNames(link.sealer(), client, refreshToken)),
      passedOver_(values_.size()) {
  const auto suffixed = [this](const char* suffix) {
    RedisNames names = values_;
    for (std::string& name : names) name += suffix;
    return names;
  };
  locks_ = suffixed(":lock");
  lasts_ = suffixed(":last");
  orphaned_ = suffixed(":orphaned");
}

// For this owner's call alone. A seal for each password, one after the other: the note is one for all of them.
std::string RedisRecord::noteOf(const std::string& owner, const Failure& failure) const {
  Json data = {{"w", owner}};
  if (failure.error.code == Errc::notAllowed) data["c"] = 1;
  if (failure.retryAfter) data["s"] = failure.retryAfter->count();
  if (failure.endpoint) data["e"] = static_cast<int>(*failure.endpoint);
  if (failure.mayBeOver) data["m"] = 1;
  const auto seals = link_.sealer().seal(lasts_, {purposeOfNotes, secret_}, data, times_.keep);
  std::string note;
  for (const std::string& seal : seals ? *seals : std::vector<std::string>()) note.append(seal).append(1, ' ');
  return note;
}

// Total: of what is not authentic nothing counts but that there was a note.
Failure RedisRecord::readNote(const std::string& owner, std::string_view note) const {
  Failure failure{fail(Errc::refreshFailed, "another process has asked in vain")};
  const auto data = openedNote(owner, note);
  if (!data) return failure;
  const auto numberIn = [&](const char* name) { return wholeNumberAt(*data, name).value_or(-1); };
  if (numberIn("c") == 1) failure.error.code = Errc::notAllowed;
  if (numberIn("s") >= 0) failure.retryAfter = std::min<Seconds>(Seconds{numberIn("s")}, longestNoted);
  constexpr auto last = static_cast<int>(EndpointState::notAsked);
  const std::int64_t endpoint = numberIn("e");
  if (endpoint >= 0 && endpoint <= last) failure.endpoint = static_cast<EndpointState>(endpoint);
  failure.mayBeOver = numberIn("m") == 1;
  return failure;
}

std::optional<Json> RedisRecord::openedNote(const std::string& owner, std::string_view note) const {
  while (!note.empty()) {
    const std::string_view seal = note.substr(0, note.find(' '));
    note.remove_prefix(std::min(note.size(), seal.size() + 1));
    for (const std::string& name : lasts_) {
      auto data = link_.sealer().open(name, {purposeOfNotes, secret_}, seal);
      if (data && data->value("w", Json()) == owner) return data;
    }
  }
  return std::nullopt;
}

void RedisRecord::claim(const std::string& owner, const std::string& awaited, Told<Claim> done) {
  const auto claimed = [this, awaited, done = std::move(done)](Result<Answer> answer) {
    if (!answer) return done(answer.error());
    if (answer->record) return done(Claim(*std::move(answer->record)));
    if (answer->word == "locked") return done(Claim(Locked{std::move(answer->text)}));
    if (answer->word == "failed") return done(Claim(readNote(awaited, answer->text)));
    done(Claim(Claimed{}));
  };
  run(claimScript(), std::make_shared<const Order>(Order{.owner = owner, .what = awaited}), claimed);
}

void RedisRecord::renew(const std::string& owner, Told<bool> done) {
  const auto renewed = [told = std::move(done)](const Result<Answer>& answer) {
    if (!answer) return told(answer.error());
    told(answer->word == "renewed");
  };
  run(renewScript(), std::make_shared<const Order>(Order{.owner = owner}), renewed);
}

void RedisRecord::publish(const std::string& owner, const TokenSet& tokens, std::optional<TimePoint> endedAt,
                          Told<Outcome> done, std::function<void(const Record&)> late) {
  const auto sealedTokens = [&](const TokenSet& what) {
    Json data = writeTokens(what);
    if (endedAt) data["o"] = unixMilliseconds(*endedAt);
    return sealed('r', data, times_.keep);
  };
  auto values = sealedTokens(tokens);
  if (!values) values = sealedTokens(bare(tokens));
  if (!values) return done(values.error());
  Order order{.owner = owner, .what = "r", .ttl = times_.keep, .values = *std::move(values)};
  if (late) {
    order.answered = [late = std::move(late), self = std::make_shared<RedisRecord>(*this)](const Reply& reply) {
      const Answer answer = self->read(reply);
      if (answer.record && answer.record->kind == Record::Kind::loggedOut) late(*answer.record);
    };
  }
  runPublish(order, [this, order, done = std::move(done)](Result<Outcome> outcome) {
    // Nobody else has them, and the old token is spent: the others must know as soon as Redis does.
    if (!outcome) link_.runLater(callOf(publishScript(), order));
    done(std::move(outcome));
  });
}

void RedisRecord::endGrant(const std::string& owner, Told<Outcome> done) {
  auto values = sealed('d', Json::object(), times_.keepInvalidGrant);
  if (!values) return done(values.error());
  runPublish({.owner = owner, .what = "d", .ttl = times_.keepInvalidGrant, .values = *std::move(values)},
             std::move(done));
}

void RedisRecord::release(const std::string& owner, const Failure& failure, Told<Outcome> done) {
  // The token may be spent: a logout that came meanwhile is remembered as long as after any other call.
  runPublish({.owner = owner, .what = "f", .note = noteOf(owner, failure), .ttl = times_.keep}, std::move(done));
}

void RedisRecord::runPublish(Order order, Told<Outcome> done) {
  const auto published = [done = std::move(done)](Result<Answer> answer) {
    if (!answer) return done(answer.error());
    if (answer->record) return done(Outcome(*std::move(answer->record)));
    answer->word == "stored" ? done(Outcome(Stored{})) : done(Outcome(Refused{}));
  };
  run(publishScript(), std::make_shared<const Order>(std::move(order)), published);
}

Result<RedisRecord::Claim> RedisRecord::claim(const std::string& owner, const std::string& awaited) {
  return blocking<Claim>(link_, [&](Told<Claim> done) { claim(owner, awaited, std::move(done)); });
}
Result<bool> RedisRecord::renew(const std::string& owner) {
  return blocking<bool>(link_, [&](Told<bool> done) { renew(owner, std::move(done)); });
}
Result<RedisRecord::Outcome> RedisRecord::publish(const std::string& owner, const TokenSet& tokens,
                                                  std::optional<TimePoint> endedAt) {
  return blocking<Outcome>(link_, [&](Told<Outcome> done) { publish(owner, tokens, endedAt, std::move(done)); });
}
Result<RedisRecord::Outcome> RedisRecord::release(const std::string& owner, const Failure& failure) {
  return blocking<Outcome>(link_, [&](Told<Outcome> done) { release(owner, failure, std::move(done)); });
}
Result<std::optional<Record>> RedisRecord::lookUp() {
  return blocking<std::optional<Record>>(link_, [&](Told<std::optional<Record>> done) { lookUp(std::move(done)); });
}

// In whole seconds, as sessions know their beginning.
bool Record::refuses(const std::optional<TimePoint>& begun) const {
  const auto seconds = [](TimePoint time) { return std::chrono::floor<Seconds>(time.time_since_epoch()); };
  if (kind != Kind::loggedOut && !endedAt) return false;
  return !endedAt || !begun || seconds(*begun) <= seconds(*endedAt);
}

// Looks the record up before the script overwrites it: the script's own answer may get lost, or be a planted value.
void RedisRecord::logOut(const Logout& logout, Told<std::optional<Record>> done) {
  auto values = sealed('o', Json{{"o", unixMilliseconds(logout.at)}}, times_.keep);
  if (!values) return done(std::optional<Record>());
  for (std::string& value : *values) value.insert(1, sortable(logout.at));
  const Order order{
      .note = logout.begun ? sortable(*logout.begun) : "", .ttl = times_.keep, .values = *std::move(values)};
  lookUp([this, logout, order, done = std::move(done)](Result<std::optional<Record>> before) {
    if (!before) {
      link_.runLater(callOf(logOutScript(), order));
      return done(std::optional<Record>());
    }
    std::optional<Record> known = *std::move(before);
    const bool isOlder = known && known->kind == Record::Kind::loggedOut && known->endedAt >= logout.at;
    if (isOlder || (known && known->refuses(logout.begun))) return done(std::move(known));
    const auto stored = [this, order, known = std::move(known), done](const Result<Answer>& answer) {
      if (!answer) link_.runLater(callOf(logOutScript(), order));
      const bool isNews = answer && answer->record && answer->record->kind != Record::Kind::loggedOut;
      done(isNews ? answer->record : known);
    };
    run(logOutScript(), std::make_shared<const Order>(order), stored);
  });
}

std::optional<Record> RedisRecord::logOut(const Logout& logout) {
  return blocking<std::optional<Record>>(link_,
                                         [&](Told<std::optional<Record>> done) { logOut(logout, std::move(done)); })
      .value_or(std::nullopt);
}

void RedisRecord::lookUp(Told<std::optional<Record>> done) {
  RedisCall call{.script = &lookUpScript(), .keys = values_, .arguments = {std::to_string(maxSealSize + 1)}};
  link_.start(std::move(call), [this, done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    std::optional<Record> found;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const std::string& value = reply->items[i].text;
      auto record = value == passedOver_[i] ? std::nullopt : open(i, value);
      if (!record || (found && found->kind <= record->kind)) continue;
      found = std::move(record);
      lastIndex_ = i;
      lastValue_ = value;
    }
    done(std::move(found));
  });
}

void RedisRecord::passOver() { passedOver_.at(lastIndex_) = lastValue_; }

void RedisRecord::storeOrphaned(const TokenSet& tokens, Told<bool> done) {
  const auto values = link_.sealer().seal(orphaned_, {purpose, secret_}, writeTokens(tokens), times_.keep);
  if (!values) return done(values.error());
  RedisCall call{.script = &storeScript(), .keys = orphaned_, .arguments = {"0", millisecondsOf(times_.keep)}};
  append(call.arguments, *values);
  link_.start(call, [this, call, done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) link_.runLater(call);
    reply ? done(true) : done(reply.error());
  });
}

void RedisRecord::orphaned(Told<Orphaned> done) {
  RedisCall call{.script = &lookUpScript(), .keys = orphaned_, .arguments = {std::to_string(maxSealSize + 1)}};
  append(call.keys, locks_);
  link_.start(std::move(call), [this, done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    Orphaned found;
    for (std::size_t i = 0; i < orphaned_.size(); ++i) {
      const auto data = link_.sealer().open(orphaned_[i], {purpose, secret_}, reply->items[i].text);
      if (data && !found.tokens) found.tokens = readTokens(*data);
      found.mayCome = found.mayCome || !reply->items[orphaned_.size() + i].text.empty();
    }
    done(std::move(found));
  });
}

// A value that is not authentic is passed over, and the script asked again.
void RedisRecord::run(const RedisScript& script, std::shared_ptr<const Order> order, Told<Answer> done,
                      std::size_t tries) {
  RedisCall call = callOf(script, *order);
  call.outlastsFailover = &script != &logOutScript();  // for which a thread may wait
  call.comesAfterOthers = &script == &claimScript();
  call.isGivenUp = times_.isGivenUp;
  link_.start(std::move(call), [this, &script, order, done = std::move(done), tries](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    Answer answer = read(*reply);
    if (answer.word != "value" || answer.record) return done(std::move(answer));
    passOver();
    if (tries > values_.size()) return done(fail(Errc::malformed, "values that do not open, again and again"));
    run(script, order, done, tries + 1);
  });
}

RedisRecord::Answer RedisRecord::read(const Reply& reply) {
  const auto& items = reply.items;
  Answer answer{.word = items.at(0).text};
  if (answer.word == "value") {
    lastIndex_ = static_cast<std::size_t>(items.at(1).number) - 1;
    lastValue_ = items.at(2).text;
    answer.record = open(lastIndex_, lastValue_);
  } else if (items.size() > 1) {
    answer.text = items[1].text;
  }
  return answer;
}

std::optional<Record> RedisRecord::open(std::size_t index, std::string_view value) const {
  if (value.empty()) return std::nullopt;
  const std::size_t front = value.front() == 'o' ? std::min(1 + sortableSize, value.size()) : 1;
  const auto data = link_.sealer().open(values_[index], {purpose, secret_}, value.substr(front));
  // The prefix, which the scripts read, is not authenticated: it must agree with the sealed text.
  std::string kind;
  if (data) readTokenJson(*data, "k", kind);
  if (!data || kind != value.substr(0, 1)) return std::nullopt;
  std::optional<TimePoint> endedAt;
  readTokenJson(*data, "o", endedAt);
  if (value.front() == 'o') {
    if (!endedAt || value.substr(1, sortableSize) != sortable(*endedAt)) return std::nullopt;
    return Record{.kind = Record::Kind::loggedOut, .endedAt = endedAt};
  }
  if (value.front() == 'd') return Record{Record::Kind::invalidGrant};
  auto tokens = readTokens(*data);
  if (!tokens) return std::nullopt;
  return Record{Record::Kind::rotated, *std::move(tokens), endedAt};
}

Result<std::vector<std::string>> RedisRecord::sealed(char kind, const Json& data, Seconds ttl) const {
  Json marked = data;
  marked["k"] = std::string(1, kind);
  auto values = link_.sealer().seal(values_, {purpose, secret_}, marked, ttl);
  if (values) {
    for (std::string& value : *values) value.insert(value.begin(), kind);
  }
  return values;
}

RedisCall RedisRecord::callOf(const RedisScript& script, const Order& order) const {
  // Who had the lock last is known for as long as an earlier holder may come back.
  const auto fence = std::max<std::chrono::milliseconds>(times_.keep, shortestFence);
  RedisCall call{.script = &script, .keys = values_, .answered = order.answered};
  append(call.keys, locks_);
  append(call.keys, lasts_);
  call.arguments = {std::to_string(maxSealSize + 1),
                    order.owner,
                    millisecondsOf(times_.lease),
                    millisecondsOf(fence),
                    millisecondsOf(longestLock),
                    order.what,
                    order.note,
                    millisecondsOf(order.ttl)};
  append(call.arguments, passedOver_);
  append(call.arguments, order.values);
  return call;
}

}  // namespace ironjar::detail
