#include "base/completion.hpp"
#include "seal/seal_format.hpp"
#include "session/marks.hpp"
#include "session/token_set.hpp"

#include <atomic>
#include <stdexcept>
#include <vector>

#include <ironjar/revocation.hpp>

namespace ironjar {
namespace {

using Mark = RevocationList::Mark;

std::vector<Mark> marksOf(const Session& session, const MarkNames& names) {
  const auto textAt = [&](const std::string& name) { return session.get<std::string>(name).value_or(""); };
  return detail::marksOf(session.id(), textAt(names.issuer), textAt(names.sid), textAt(names.sub));
}

TimePoint beginningOf(const Session& session, const MarkNames& names) {
  constexpr std::int64_t latest = 100'000'000'000;
  const auto signedIn = detail::wholeNumberAt(session.data(), names.signedInAt);
  if (!signedIn || *signedIn < 0 || *signedIn > latest) return session.startedAt();
  return detail::fromUnixMilliseconds(*signedIn * 1000);
}

// For sessions that do not say whose they are, too.
std::vector<Mark> marksOf(const LogoutToken& token) {
  if (token.sid.empty() && token.sub.empty()) return {};
  const Mark mark = token.sid.empty() ? Mark{Mark::Kind::sub, token.sub} : Mark{Mark::Kind::sid, token.sid};
  if (token.issuer.empty()) return {mark};
  return {mark, {mark.kind, mark.value, token.issuer}};
}

Mark useOf(const LogoutToken& token) { return {Mark::Kind::jti, token.id, token.issuer}; }

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

void RevocationList::startDeny(const Mark& mark, Denied done) {
  deny(mark);
  detail::completeSafely<bool>([done = std::move(done)](bool) { done(); }, true);
}

void RevocationList::startCheck(std::span<const Mark> marks, TimePoint startedAt, Checked done) {
  detail::completeSafely(done, check(marks, startedAt));
}

void LocalRevocationList::denyAt(const Mark& mark, TimePoint deniedAt) {
  const TimePoint now = options_.now();
  Key key(static_cast<int>(mark.kind), mark.issuer, mark.value);
  const std::lock_guard lock(mutex_);
  const auto [entry, isNew] = deniedAt_.try_emplace(key, deniedAt);
  if (!isNew && entry->second >= deniedAt) return;
  if (!isNew) order_.erase({entry->second, key});
  entry->second = deniedAt;
  order_.emplace(deniedAt, std::move(key));
  while (!order_.empty() && (order_.size() > options_.maxEntries || order_.begin()->first + options_.keep <= now)) {
    deniedAt_.erase(order_.begin()->second);
    order_.erase(order_.begin());
  }
}

Revoked LocalRevocationList::check(std::span<const Mark> marks, TimePoint startedAt) {
  const TimePoint now = options_.now();
  const std::lock_guard lock(mutex_);
  for (const Mark& mark : marks) {
    const auto entry = deniedAt_.find(Key(static_cast<int>(mark.kind), mark.issuer, mark.value));
    if (entry == deniedAt_.end() || entry->second + options_.keep <= now) continue;
    if (mark.kind != Mark::Kind::sub || isBegunBy(startedAt, entry->second)) return Revoked::yes;
  }
  return Revoked::no;
}

std::size_t LocalRevocationList::size() const {
  const std::lock_guard lock(mutex_);
  return order_.size();
}

RevocationCheck revokedBy(std::shared_ptr<RevocationList> list, MarkNames names) {
  if (!list) throw std::invalid_argument("ironjar: revokedBy: list is empty");
  const RevocationCheck::Blocking ask = [list, names](const Session& session) {
    return list->check(marksOf(session, names), beginningOf(session, names));
  };
  if (!list->blocks()) return RevocationCheck(ask);
  return RevocationCheck(ask, [list, names](const Session& session, RevocationList::Checked done) {
    list->startCheck(marksOf(session, names), beginningOf(session, names), std::move(done));
  });
}

CommitHooks denyingLogouts(CommitHooks hooks, std::shared_ptr<RevocationList> list) {
  if (!list) throw std::invalid_argument("ironjar: denyingLogouts: list is empty");
  const auto isLogout = [](const Session& session) { return session.destroyed() && !session.formerLogins().empty(); };
  const CommitHook<Session> hook = std::move(hooks.before);
  const auto block = [hook, list, isLogout](Session& session) {
    if (hook) hook(session);
    if (isLogout(session)) list->deny({.value = session.id()});
  };
  const auto start = [hook, list, isLogout](Session& session, std::function<void()> done) {
    const auto once = detail::exactlyOnce<bool>([done = std::move(done)](bool) { done(); }, false);
    const auto deny = [list, isLogout, &session, once](bool) {
      if (!isLogout(session)) return once(true);
      list->startDeny({.value = session.id()}, [once] { once(true); });
    };
    if (!hook || !hook.asynchronous()) {
      try {
        if (hook) hook(session);
      } catch (...) {
        deny(true);
        throw;
      }
      return deny(true);
    }
    const auto next = detail::exactlyOnce<bool>(deny, false);
    hook.asynchronous()(session, [next] { next(true); });
  };
  hooks.before = CommitHook<Session>(block, start);
  return hooks;
}

bool backChannelLogout(RevocationList& list, const LogoutToken& token) {
  const std::vector<Mark> marks = marksOf(token);
  const Mark use = useOf(token);
  if (marks.empty() || (!token.id.empty() && list.check({&use, 1}, {}) == Revoked::yes)) return false;
  for (const Mark& mark : marks) list.deny(mark);
  if (!token.id.empty()) list.deny(use);  // last: a logout that was not completed may be repeated
  return true;
}

void startBackChannelLogout(RevocationList& list, const LogoutToken& token, std::function<void(bool)> done) {
  const std::vector<Mark> marks = marksOf(token);
  const auto once = detail::exactlyOnce<bool>(std::move(done), false);  // of a list that throws: not denied
  if (marks.empty()) return once(false);
  const auto mark = [&list, use = useOf(token), once] { list.startDeny(use, [once] { once(true); }); };
  const auto deny = [&list, marks, once,
                     next = token.id.empty() ? RevocationList::Denied([once] { once(true); }) : mark] {
    const auto left = std::make_shared<std::atomic<std::size_t>>(marks.size());
    for (const Mark& each : marks) {
      list.startDeny(each, [left, next] {
        if (--*left == 0) next();
      });
    }
  };
  if (token.id.empty()) return deny();
  const Mark use = useOf(token);
  list.startCheck({&use, 1}, {}, [once, deny](Revoked used) { used == Revoked::yes ? once(false) : deny(); });
}

}  // namespace ironjar
