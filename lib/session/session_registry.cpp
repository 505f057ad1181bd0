#include "base/completion.hpp"
#include "base/utf8.hpp"
#include "session/marks.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <stdexcept>

#include <ironjar/session_registry.hpp>
#include <ironjar/tokens.hpp>

namespace ironjar {
namespace {

using Entry = SessionRegistry::Entry;
using User = SessionRegistry::User;
using Mark = RevocationList::Mark;

constexpr std::size_t longestLabel = 100;
constexpr std::size_t longestName = 255;  // of a user or an issuer; longer ones are nobody's

// The size of the character at the text's beginning, which is UTF-8.
std::size_t characterSize(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return std::min(size, text.size());
}

// Controls, and what turns the direction or begins a line (U+2028 to U+202E, U+2066 to U+2069): a label must not change
// what stands around it.
bool isControl(std::string_view character) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return at(0) < 0x20 || at(0) == 0x7F;
  if (character.size() == 2) return at(0) == 0xC2 && at(1) < 0xA0;
  if (character.size() != 3 || at(0) != 0xE2) return false;
  return (at(1) == 0x80 && at(2) >= 0xA8 && at(2) <= 0xAE) || (at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9);
}

std::string labelOf(std::string_view text) {
  std::string label;
  if (!detail::utf16Length(text)) return label;
  while (!text.empty()) {
    const std::string_view character = text.substr(0, characterSize(text));
    if (label.size() + character.size() > longestLabel) break;
    if (!isControl(character)) label += character;
    text.remove_prefix(character.size());
  }
  return label;
}

std::optional<User> userOf(const Session& session, const MarkNames& names) {
  User user{.subject = session.get<std::string>(names.sub).value_or(""),
            .issuer = session.get<std::string>(names.issuer).value_or("")};
  const bool isSomebody = !user.subject.empty() && user.subject.size() <= longestName &&
                          user.issuer.size() <= longestName && session.tokens();
  return isSomebody ? std::optional(std::move(user)) : std::nullopt;
}

// Calls `done` with those that are not denied, when all have been asked about.
void startSieve(RevocationList& denied, const User& user, std::vector<Entry> entries,
                std::function<void(std::vector<Entry>)> done) {
  struct Sieve {
    std::vector<Entry> entries;
    std::vector<std::atomic<bool>> isOver;
    std::atomic<std::size_t> left;
  };
  if (entries.empty()) return done({});
  const auto sieve = std::make_shared<Sieve>();
  sieve->entries = std::move(entries);
  sieve->isOver = std::vector<std::atomic<bool>>(sieve->entries.size());
  sieve->left = sieve->entries.size();
  for (std::size_t i = 0; i < sieve->isOver.size(); ++i) {
    const Entry& entry = sieve->entries[i];
    const std::vector<Mark> marks = detail::marksOf(entry.id, user.issuer, entry.sid, user.subject);
    denied.startCheck(marks, entry.startedAt, [sieve, i, done](Revoked revoked) {
      sieve->isOver[i] = revoked == Revoked::yes;
      if (--sieve->left > 0) return;
      std::vector<Entry> kept;
      for (std::size_t each = 0; each < sieve->isOver.size(); ++each) {
        if (!sieve->isOver[each]) kept.push_back(sieve->entries[each]);
      }
      done(std::move(kept));
    });
  }
}

Error unavailable() { return fail(Errc::overloaded, "the list of sessions cannot be told now"); }

}  // namespace

// ---- In this process

LocalSessionRegistry::LocalSessionRegistry(SessionRegistryOptions options) : options_(std::move(options)) {
  constexpr Seconds longest{1'000'000'000};
  const bool isPositive = options_.keep > Seconds{0} && options_.maxPerUser > 0 && options_.maxEntries > 0;
  if (!isPositive || options_.keep > longest || !options_.now) {
    throw std::invalid_argument("ironjar: SessionRegistryOptions: keep, maxPerUser and maxEntries must be positive");
  }
}

void LocalSessionRegistry::drop(std::map<User, ById>::iterator user, ById::iterator entry) {
  ages_.erase({entry->second.lastSeen, user->first, entry->first});
  user->second.erase(entry);
  if (user->second.empty()) users_.erase(user);
}

void LocalSessionRegistry::dropOldestOf(const User& user) {
  const auto found = users_.find(user);
  drop(found, std::min_element(found->second.begin(), found->second.end(),
                               [](const auto& a, const auto& b) { return a.second.lastSeen < b.second.lastSeen; }));
}

void LocalSessionRegistry::record(const User& user, const Entry& entry) noexcept try {
  const TimePoint now = options_.now();
  const std::lock_guard lock(mutex_);
  auto found = users_.try_emplace(user).first;
  if (const auto known = found->second.find(entry.id); known != found->second.end()) {
    ages_.erase({known->second.lastSeen, user, entry.id});
  }
  found->second.insert_or_assign(entry.id, entry);
  ages_.emplace(entry.lastSeen, user, entry.id);
  if (found->second.size() > options_.maxPerUser) dropOldestOf(user);
  while (!ages_.empty()) {
    const auto& [seen, whose, id] = *ages_.begin();
    if (ages_.size() <= options_.maxEntries && seen + options_.keep > now) break;
    found = users_.find(whose);
    drop(found, found->second.find(id));
  }
} catch (...) {  // NOLINT(bugprone-empty-catch): no memory: it is recorded again when the session is written again
}

void LocalSessionRegistry::forget(const User& user, const std::string& id) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = users_.find(user);
  if (found == users_.end()) return;
  const auto entry = found->second.find(id);
  if (entry != found->second.end()) drop(found, entry);
}

void LocalSessionRegistry::startList(const User& user, Listed listed) const {
  const TimePoint now = options_.now();
  std::vector<Entry> entries;
  {
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(user);
    if (found != users_.end()) {
      for (const auto& [id, entry] : found->second) {
        if (entry.lastSeen + options_.keep > now) entries.push_back(entry);
      }
    }
  }
  detail::completeSafely<Result<std::vector<Entry>>>(listed, std::move(entries));
}

std::size_t LocalSessionRegistry::size() const {
  const std::lock_guard lock(mutex_);
  return ages_.size();
}

// ---- What is recorded

SessionOptions recordingSessions(SessionOptions options, std::shared_ptr<SessionRegistry> registry,
                                 SessionRecordNames names) {
  if (!registry) throw std::invalid_argument("ironjar: recordingSessions: registry is empty");
  if (!options.isRevoked) {
    throw std::invalid_argument("ironjar: recordingSessions: set SessionOptions::isRevoked to revokedBy() of a list");
  }
  if (options.seal.formats.empty() || options.seal.formats.front() != SealFormat::native) {
    throw std::invalid_argument("ironjar: recordingSessions: Fe26.2 has no session id: seal in the native format");
  }
  const auto record = [registry = std::move(registry), names = std::move(names),
                       now = options.seal.now](const Session& session) {
    const auto user = userOf(session, names.marks);
    if (!user || session.destroyed()) return;
    registry->record(*user, {.id = session.id(),
                             .tag = session.tag(),
                             .sid = session.get<std::string>(names.marks.sid).value_or(""),
                             .startedAt = session.startedAt(),
                             .lastSeen = now(),
                             .label = labelOf(session.get<std::string>(names.label).value_or(""))});
  };
  const CommitHook<const Session> hook = std::move(options.commitHooks.after);
  const auto block = [hook, record](const Session& session) {
    record(session);
    if (hook) hook(session);
  };
  if (!hook.asynchronous()) {
    options.commitHooks.after = CommitHook<const Session>(block);
    return options;
  }
  const auto start = [hook, record](const Session& session, std::function<void()> done) {
    record(session);
    hook.asynchronous()(session, std::move(done));
  };
  options.commitHooks.after = CommitHook<const Session>(block, start);
  return options;
}

void forgetSession(SessionRegistry& registry, const Session& session, const SessionRecordNames& names) noexcept try {
  if (const auto user = userOf(session, names.marks)) registry.forget(*user, session.id());
} catch (...) {  // NOLINT(bugprone-empty-catch): no memory: it stays in the list
}

// ---- The user's own

OwnSessions::OwnSessions(std::shared_ptr<SessionRegistry> registry, std::shared_ptr<RevocationList> denied,
                         SessionRecordNames names)
    : registry_(std::move(registry)), denied_(std::move(denied)), names_(std::move(names)) {
  if (!registry_ || !denied_) throw std::invalid_argument("ironjar: OwnSessions: registry and denied must be set");
}

void OwnSessions::startList(const Session& session, Listed done) const {
  const auto once = detail::exactlyOnce<Result<std::vector<ListedSession>>>(std::move(done), unavailable());
  const auto user = userOf(session, names_.marks);
  if (!user) return once(std::vector<ListedSession>());
  const auto present = [once, current = session.id()](std::vector<Entry> entries) {
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry& a, const Entry& b) { return a.lastSeen > b.lastSeen; });
    std::vector<ListedSession> listed;
    for (const Entry& entry : entries) {
      listed.push_back({.id = entry.tag,
                        .startedAt = entry.startedAt,
                        .lastSeen = entry.lastSeen,
                        .label = entry.label,
                        .isCurrent = entry.id == current});
    }
    once(std::move(listed));
  };
  registry_->startList(*user, [once, present, user, denied = denied_](Result<std::vector<Entry>> entries) {
    if (!entries) return once(entries.error());
    startSieve(*denied, *user, *std::move(entries), present);
  });
}

// Others of the user's, by ids that were looked up under his name.
void OwnSessions::deny(const User& user, std::vector<std::string> ids, std::function<void()> done) const {
  if (ids.empty()) return done();
  const auto left = std::make_shared<std::atomic<std::size_t>>(ids.size());
  for (const std::string& id : ids) {
    denied_->startDeny({Mark::Kind::session, id}, [left, done, registry = registry_, user, id] {
      registry->forget(user, id);
      if (--*left == 0) done();
    });
  }
}

void OwnSessions::startEnd(const Session& session, const std::string& id, Ended done) const {
  const auto once = detail::exactlyOnce<Result<bool>>(std::move(done), unavailable());
  const auto user = userOf(session, names_.marks);
  if (!user) return once(false);
  registry_->startList(*user, [this, once, user, id, current = session.id()](Result<std::vector<Entry>> entries) {
    if (!entries) return once(entries.error());
    std::vector<std::string> ids;
    for (const Entry& entry : *entries) {
      if (entry.tag == id && entry.id != current) ids.push_back(entry.id);
    }
    const bool isThere = !ids.empty();
    deny(*user, std::move(ids), [once, isThere] { once(isThere); });
  });
}

void OwnSessions::startEndOthers(const Session& session, EndedOthers done) const {
  const auto once = detail::exactlyOnce<Result<std::size_t>>(std::move(done), unavailable());
  const auto user = userOf(session, names_.marks);
  if (!user) return once(std::size_t{0});
  const auto endAll = [this, once, user, current = session.id()](const std::vector<Entry>& entries) {
    std::vector<std::string> ids;
    for (const Entry& entry : entries) {
      if (entry.id != current) ids.push_back(entry.id);
    }
    const std::size_t count = ids.size();
    deny(*user, std::move(ids), [once, count] { once(count); });
  };
  registry_->startList(*user, [once, endAll, user, denied = denied_](Result<std::vector<Entry>> entries) {
    if (!entries) return once(entries.error());
    startSieve(*denied, *user, *std::move(entries), endAll);
  });
}

namespace {

template <class T, class Start>
Result<T> waitFor(const Start& start) {
  return detail::waitFor<Result<T>>(start, unavailable());
}

}  // namespace

Result<std::vector<ListedSession>> OwnSessions::list(const Session& session) const {
  return waitFor<std::vector<ListedSession>>([&](Listed done) { startList(session, std::move(done)); });
}

Result<bool> OwnSessions::end(const Session& session, const std::string& id) const {
  return waitFor<bool>([&](Ended done) { startEnd(session, id, std::move(done)); });
}

Result<std::size_t> OwnSessions::endOthers(const Session& session) const {
  return waitFor<std::size_t>([&](EndedOthers done) { startEndOthers(session, std::move(done)); });
}

}  // namespace ironjar
