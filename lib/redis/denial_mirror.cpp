#include "redis/denial_mirror.hpp"

#include "redis/policy.hpp"

#include <algorithm>
#include <charconv>

namespace ironjar::detail {
namespace {

// Two texts each, of which an answer may have mostItems.
constexpr std::size_t entriesOfPage = 100;
static_assert(2 * entriesOfPage + 1 <= mostItems);

}  // namespace

DenialMirror::DenialMirror(RedisLink& link, const RedisRevocationOptions& options)
    : link_(link),
      sealer_(link.sealer()),
      now_(options.now),
      maxStaleness_(options.maxStaleness),
      mostPages_(2 * options.maxEntries / entriesOfPage + 100),
      table_(options.keep, options.maxEntries) {
  for (std::string& name : sealer_.logs()) logs_.push_back({.name = std::move(name)});
}

bool DenialMirror::isFresh() const {
  const Time::time_point knownUntil{Time::duration(knownUntil_.load())};
  return knownUntil > Time::time_point::min() && Time::now() - knownUntil <= maxStaleness_;
}

void DenialMirror::begin(Completion<bool> filled) {
  filled_ = std::move(filled);
  startRound();
  try {
    std::vector<std::string> channels;
    for (const Log& log : logs_) channels.push_back(log.name);
    ticket_ = link_.listen(std::move(channels), [weak = weak_from_this()](RedisLink::Heard heard) {
      const auto self = weak.lock();
      if (self && heard != RedisLink::Heard::lost) self->startRound();
    });
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the timer is enough
  }
}

void DenialMirror::end() noexcept {
  isEnded_ = true;
  link_.loop().cancel(timer_);
  if (ticket_) link_.stopListening(*ticket_);
  ticket_.reset();
}

void DenialMirror::startRound() {
  if (isEnded_) return;
  if (isReading_) {
    isAwoken_ = true;
    return;
  }
  link_.loop().cancel(timer_);
  isReading_ = true;
  isAwoken_ = false;
  at_ = pages_ = 0;
  begun_ = Time::now();
  for (Log& log : logs_) log.isAnew = false;
  try {
    readLog();
  } catch (const std::exception&) {
    endRound(false);
  }
}

void DenialMirror::readLog() {
  const Log& log = logs_[at_];
  RedisCall call{.script = &readLogScript(), .keys = {log.name}};
  call.arguments = {std::string(largestDenial), log.last.empty() ? "-" : log.last, std::to_string(entriesOfPage)};
  const auto read = [weak = weak_from_this()](const Result<Reply>& reply) {
    const auto self = weak.lock();
    if (!self || self->isEnded_) return;
    try {
      const bool isGood =
          reply && ++self->pages_ <= self->mostPages_ && self->take(self->logs_[self->at_], reply->items);
      if (!isGood) return self->endRound(false);
      self->at_ == self->logs_.size() ? self->endRound(true) : self->readLog();
    } catch (const std::exception&) {  // no memory: the next round may have some
      self->endRound(false);
    }
  };
  link_.start(std::move(call), exactlyOnce<Result<Reply>>(read, Error{Errc::overloaded, {}}));
}

std::optional<DenialMirror::Id> DenialMirror::parsed(std::string_view id) {
  Id read{};
  const char* const end = id.data() + id.size();
  const auto first = std::from_chars(id.data(), end, read.first);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, read.second);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return read;
}

// A page of entries, in ascending order, the first of which is the one that was read last. False for what no log says.
bool DenialMirror::take(Log& log, const std::vector<Reply>& items) {
  const std::size_t count = items.size() / 2;
  const bool goesOn = !log.last.empty();
  if (goesOn && (count == 0 || items[1].text != log.last || items[2].text != log.entry)) {
    if (std::exchange(log.isAnew, true)) return false;  // lost while it is being read: the next round has it
    log.last.clear();
    ++resyncs_;
    return true;
  }
  const std::size_t first = goesOn ? 1 : 0;
  Id before = parsed(log.last).value_or(Id());  // no entry has that one
  for (std::size_t i = first; i < count; ++i) {
    const auto id = parsed(items[1 + 2 * i].text);
    if (!id || *id <= before) return false;
    before = *id;
    if (const auto denial = sealer_.read(items[2 + 2 * i].text, log.name)) table_.add(*denial, now_());
    log.last = items[1 + 2 * i].text;
    log.entry = items[2 + 2 * i].text;
  }
  if (count < entriesOfPage || count == first) ++at_;
  return true;
}

void DenialMirror::endRound(bool isGood) {
  isReading_ = false;
  if (isGood) knownUntil_ = begun_.time_since_epoch().count();
  if (filled_) completeSafely(std::exchange(filled_, nullptr), isGood);
  const bool isToGoOn = isGood && isAwoken_;
  isToGoOn ? startRound() : wakeLater();
}

void DenialMirror::wakeLater() {
  const auto period = std::min<std::chrono::milliseconds>(maxStaleness_ / 4, std::chrono::seconds{1});
  try {
    timer_ = link_.loop().at(Time::now() + period, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->timer_.reset();
      self->startRound();
    });
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): a message wakes it, or it is stale and says so
  }
}

}  // namespace ironjar::detail
