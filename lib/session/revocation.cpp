#include "seal/seal_format.hpp"
#include "session/token_set.hpp"

#include <stdexcept>
#include <vector>

#include <ironjar/revocation.hpp>

namespace ironjar {
namespace {

using Mark = RevocationList::Mark;

std::vector<Mark> marksOf(const Session& session, const MarkNames& names) {
  std::vector<Mark> marks = {{Mark::Kind::session, session.id()}};
  const std::string issuer = session.get<std::string>(names.issuer).value_or("");
  const auto add = [&](Mark::Kind kind, const std::string& name) {
    auto value = session.get<std::string>(name);
    if (value && !value->empty()) marks.push_back({kind, *std::move(value), issuer});
  };
  add(Mark::Kind::sid, names.sid);
  add(Mark::Kind::sub, names.sub);
  return marks;
}

}  // namespace

bool RevocationList::isBegunBy(TimePoint startedAt, TimePoint deniedAt) {
  return detail::unixSeconds(startedAt) <= detail::unixSeconds(deniedAt);
}

LocalRevocationList::LocalRevocationList(RevocationOptions options) : options_(std::move(options)) {
  constexpr Seconds longest{1'000'000'000};
  if (options_.keep <= Seconds{0} || options_.keep > longest || options_.maxEntries == 0 || !options_.now) {
    throw std::invalid_argument("ironjar: RevocationOptions: keep and maxEntries must be positive, now set");
  }
}

void LocalRevocationList::deny(const Mark& mark) {
  const TimePoint now = options_.now();
  Key key(static_cast<int>(mark.kind), mark.issuer, mark.value);
  const std::lock_guard lock(mutex_);
  const auto [entry, isNew] = deniedAt_.try_emplace(key, now);
  if (!isNew) order_.erase({entry->second, key});
  entry->second = now;
  order_.emplace(now, std::move(key));
  while (!order_.empty() && (order_.size() > options_.maxEntries || order_.begin()->first + options_.keep <= now)) {
    deniedAt_.erase(order_.begin()->second);
    order_.erase(order_.begin());
  }
}

bool LocalRevocationList::denies(std::span<const Mark> marks, TimePoint startedAt) {
  const TimePoint now = options_.now();
  const std::lock_guard lock(mutex_);
  for (const Mark& mark : marks) {
    const auto entry = deniedAt_.find(Key(static_cast<int>(mark.kind), mark.issuer, mark.value));
    if (entry == deniedAt_.end() || entry->second + options_.keep <= now) continue;
    if (mark.kind != Mark::Kind::sub || isBegunBy(startedAt, entry->second)) return true;
  }
  return false;
}

std::function<bool(const Session&)> revokedBy(std::shared_ptr<RevocationList> list, MarkNames names) {
  if (!list) throw std::invalid_argument("ironjar: revokedBy: list is empty");
  return [list = std::move(list), names = std::move(names)](const Session& session) {
    TimePoint begun = session.startedAt();
    if (const auto signedIn = detail::wholeNumberAt(session.data(), names.signedInAt)) {
      constexpr std::int64_t latest = 100'000'000'000;
      if (*signedIn >= 0 && *signedIn <= latest) begun = detail::fromUnixMilliseconds(*signedIn * 1000);
    }
    return list->denies(marksOf(session, names), begun);
  };
}

CommitHooks denyingLogouts(CommitHooks hooks, std::shared_ptr<RevocationList> list) {
  if (!list) throw std::invalid_argument("ironjar: denyingLogouts: list is empty");
  hooks.before = [hook = std::move(hooks.before), list = std::move(list)](Session& session) {
    if (hook) hook(session);
    if (session.destroyed() && !session.formerTokens().empty()) list->deny({.value = session.id()});
  };
  return hooks;
}

bool backChannelLogout(RevocationList& list, const LogoutToken& token) {
  if (token.sid.empty() && token.sub.empty()) return false;
  const Mark mark = token.sid.empty() ? Mark{Mark::Kind::sub, token.sub} : Mark{Mark::Kind::sid, token.sid};
  list.deny(mark);  // for sessions that do not say whose they are
  if (!token.issuer.empty()) list.deny({mark.kind, mark.value, token.issuer});
  return true;
}

}  // namespace ironjar
