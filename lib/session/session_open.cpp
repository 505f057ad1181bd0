// From a Cookie header to the session that counts, of all that came.
#include "base/ascii.hpp"
#include "base/completion.hpp"
#include "base/notify.hpp"
#include "cookie/chunks.hpp"
#include "seal/formats.hpp"
#include "seal/percent.hpp"
#include "session/policy.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

#include <ironjar/session.hpp>

namespace ironjar {
namespace {

using detail::Carried;
using detail::Trial;

// Two MACs under 8192 iterations, h3's number: what seals that do not verify may cost in one request.
constexpr std::uint64_t mostIterations = 16'384;

// Somebody else's cookie of our name is not ours to judge, nor to delete.
bool looksSealed(std::string_view text) { return detail::formatOfText(text) != nullptr || detail::isEncodedSeal(text); }

// An Fe26.2 seal holds no identity: what its MAC is over stands in, so that one cookie is one session however often,
// and in whichever of its two spellings, it is opened.
std::array<unsigned char, 16> idOf(std::string_view authenticated) {
  std::array<unsigned char, 16> id{};
  detail::blake2b(id, detail::bytes("ironjar session of a seal"), detail::bytes(authenticated));
  return id;
}

// What is asked of the sessions that open, when the answers come later: a first pass notes the questions, and takes
// every answer for `no`; a second one knows the answers. By the seals' texts.
struct Inquiry {
  std::vector<std::pair<std::string, Session>> asked = {};
  std::map<std::string, Revoked, std::less<>> known = {};

  Revoked ask(std::string_view seal, const Session& session) {
    const auto answer = known.find(seal);
    if (answer != known.end()) return answer->second;
    const auto isSame = [&](const auto& question) { return question.first == seal; };
    if (std::none_of(asked.begin(), asked.end(), isSame)) asked.emplace_back(seal, session);
    return Revoked::no;
  }
};

// Browsers keep one cookie of such a name, whoever sets it; with Partitioned, today or formerly, one more.
bool isUnique(const SessionOptions& options) {
  return detail::startsWithIgnoringCase(options.cookieName, "__Host-") && !options.cookie.partitioned &&
         options.former.empty();
}

Error notTold() { return fail(Errc::overloaded, "whether it is revoked cannot be told now", Seconds{1}); }

}  // namespace

// One call of open(). Fills `session`, which is new and empty.
class SessionJar::Opening {
 public:
  Opening(const SessionJar& jar, Session& session, std::string_view cookieHeader, Inquiry* inquiry = nullptr)
      : jar_(jar),
        options_(*jar.options_),
        now_(options_.seal.now()),
        carried_(cookieHeader, options_.cookieName, looksSealed),
        session_(session),
        inquiry_(inquiry) {}

  void run();
  // Tells the observer.
  void report() const;

 private:
  // A text whose MAC verifies under many iterations or not at all.
  struct Costly {
    std::string text;
    Carried::Candidate candidate;
    std::int64_t end;
  };

  // Those that iron-session's seals take; the numbers are in ascending order.
  [[nodiscard]] std::span<const unsigned> cheapIterations() const {
    const std::span<const unsigned> all(options_.seal.fe26Iterations);
    return all.first(all.front() == 1 ? 1 : 0);
  }
  [[nodiscard]] std::span<const unsigned> costlyIterations() const {
    return std::span<const unsigned>(options_.seal.fe26Iterations).subspan(cheapIterations().size());
  }
  [[nodiscard]] Trial attempt(const Carried::Candidate& carried, std::span<const unsigned> iterations);
  [[nodiscard]] Trial refused(const Carried::Candidate& candidate, const Error& error);
  void tryCostly();
  [[nodiscard]] Revoked ask(std::string_view seal, const Session& session) const {
    if (!options_.isRevoked) return Revoked::no;
    return inquiry_ != nullptr ? inquiry_->ask(seal, session) : options_.isRevoked(session);
  }
  void forget(Error why);

  const SessionJar& jar_;
  const SessionOptions& options_;
  const TimePoint now_;
  Carried carried_;
  Session& session_;  // that counts, of those looked at
  Inquiry* const inquiry_;
  bool found_ = false;
  bool isUnknown_ = false;   // whether one of those that may count is revoked
  bool differ_ = false;      // whether two sessions opened
  std::int64_t issued_ = 0;  // of the seal that counts
  std::size_t bytes_ = 0;
  std::vector<Costly> costly_;
};

void SessionJar::Opening::run() {
  session_.presence_.headerBytes = carried_.headerBytes();
  session_.presence_.whole = carried_.hasWhole();
  for (std::size_t i = 0; i < detail::maxChunks; ++i) {
    if (carried_.hasChunk(i)) session_.presence_.chunks |= 1U << i;
  }
  const auto cheaply = [this](const Carried::Candidate& candidate) { return attempt(candidate, cheapIterations()); };
  carried_.offer(std::ref(cheaply));
  tryCostly();
  if (isUnknown_) {
    found_ = false;
    forget(notTold());
    session_.begin(now_);
    return session_.detach();
  }
  if (found_ && differ_ && isUnique(options_)) {
    found_ = false;
    forget(fail(Errc::loginRequired, "two different sessions under a __Host- name: one was planted"));
  }
  if (found_) {
    session_.rejection_.reset();
    session_.twoCame_ = !options_.former.empty() && carried_.hasTwoOpened();
    if (session_.twoCame_) session_.due_ = Session::Due::reseal;
    return;
  }
  session_.begin(now_);
  if (carried_.came() && !session_.rejection_) session_.rejection_ = fail(Errc::malformed, "not a seal");
}

void SessionJar::Opening::report() const {
  detail::notify(found_ || session_.rejection_ ? options_.observer : nullptr, [&]() -> Event {
    if (found_) return event::Unsealed{session_.tag(), bytes_};
    return event::Rejected{*session_.rejection_};
  });
}

Trial SessionJar::Opening::attempt(const Carried::Candidate& carried, std::span<const unsigned> iterations) {
  Carried::Candidate candidate = carried;
  std::string decoded;
  if (detail::isEncodedSeal(carried.text)) candidate.text = decoded = detail::decodedSeal(carried.text);
  Result<detail::OpenedJson> unsealed = jar_.unsealSession(candidate.text, {now_, iterations});
  if (!unsealed) return refused(candidate, unsealed.error());
  const detail::Provenance from = unsealed->provenance;
  if (found_) {
    Session other(jar_.tokenNames_, options_.seal.now);
    jar_.adopt(other, *std::move(unsealed), now_);
    const bool isSame = other.id_ == session_.id_;
    // Of one session the seal made last counts, of different ones that which began last; of equals, the first.
    const bool isNext = isSame ? from.issued > issued_ : other.start_ > session_.start_;
    const bool mayCount = isNext || !(isSame || !isUnique(options_));
    if (!mayCount && inquiry_ == nullptr) return Trial::opened;  // asking may be a call over the network
    const Revoked revoked = ask(candidate.text, other);
    if (!mayCount || revoked == Revoked::yes) return Trial::opened;
    isUnknown_ = isUnknown_ || revoked == Revoked::unknown;
    differ_ = differ_ || !isSame;
    if (!isNext) return Trial::opened;
    other.presence_ = session_.presence_;
    session_ = std::move(other);
  } else {
    jar_.adopt(session_, *std::move(unsealed), now_);
    const Revoked revoked = ask(candidate.text, session_);
    if (revoked == Revoked::yes) {
      forget(fail(Errc::loginRequired, "revoked"));
      return Trial::opened;
    }
    isUnknown_ = isUnknown_ || revoked == Revoked::unknown;
  }
  found_ = true;
  issued_ = from.issued;
  bytes_ = candidate.text.size();
  return Trial::opened;
}

Trial SessionJar::Opening::refused(const Carried::Candidate& candidate, const Error& error) {
  if (!session_.rejection_) session_.rejection_ = error;
  const detail::Format* const format = detail::formatOfText(candidate.text);
  const bool isCostly = format != nullptr && format->claimedEnd != nullptr && !costlyIterations().empty();
  if (error.code == Errc::tampered && isCostly) {
    costly_.push_back({std::string(candidate.text), candidate, format->claimedEnd(candidate.text)});
  }
  return error.code == Errc::expired ? Trial::ended : Trial::refused;  // only authentic seals give Errc::expired
}

// Tries the seals that claim the latest end first. So only forgeries that claim a later end than the visitor's session
// can use up the iterations that it needs.
void SessionJar::Opening::tryCostly() {
  if (costly_.empty()) return;
  std::vector<Costly> waiting = std::exchange(costly_, {});
  std::stable_sort(waiting.begin(), waiting.end(), [](const Costly& a, const Costly& b) { return a.end > b.end; });
  const std::vector<unsigned>& all = options_.seal.fe26Iterations;
  std::uint64_t left = std::max(mostIterations, std::accumulate(all.begin(), all.end(), std::uint64_t{0}));
  for (const unsigned& iterations : costlyIterations()) {
    for (Costly& next : waiting) {
      if (!carried_.isFree(next.candidate)) continue;
      if (iterations > left) return;
      left -= iterations;
      next.candidate.text = next.text;
      const Trial trial = attempt(next.candidate, {&iterations, 1});
      if (trial == Trial::refused) continue;
      carried_.recordTrial(next.candidate, trial);
      left -= std::min<std::uint64_t>(left, iterations);  // the other key's
    }
  }
}

void SessionJar::Opening::forget(Error why) {
  const Session::Presence presence = session_.presence_;
  session_ = Session(jar_.tokenNames_, options_.seal.now);
  session_.presence_ = presence;
  session_.rejection_ = std::move(why);
}

Session SessionJar::open(std::string_view cookieHeader) const {
  Session session(tokenNames_, options_->seal.now);
  Opening opening(*this, session, cookieHeader);
  opening.run();
  opening.report();
  return session;
}

// startOpen(). Asks about all sessions that open, at once: then two passes are enough, whatever is answered.
class SessionJar::AsyncOpening : public std::enable_shared_from_this<AsyncOpening> {
 public:
  AsyncOpening(const SessionJar& jar, std::string cookieHeader, std::function<void(Session)> done)
      : jar_(jar), header_(std::move(cookieHeader)), session_(unknown()), done_(std::move(done)) {}
  AsyncOpening(const AsyncOpening&) = delete;
  AsyncOpening& operator=(const AsyncOpening&) = delete;
  // Where there was no memory for a step, the operation goes, and it is not known who came.
  ~AsyncOpening() { detail::completeSafely(done_, std::move(session_)); }

  void begin() {
    run();
    left_ = inquiry_.asked.size();
    for (std::size_t i = 0; i < inquiry_.asked.size(); ++i) {
      const auto answered = [self = shared_from_this(), i](Revoked revoked) { self->answered(i, revoked); };
      jar_.options_->isRevoked.asynchronous()(inquiry_.asked[i].second,
                                              detail::exactlyOnce<Revoked>(answered, Revoked::unknown));
    }
    if (inquiry_.asked.empty()) end();
  }

 private:
  [[nodiscard]] Session empty() const { return {jar_.tokenNames_, jar_.options_->seal.now}; }
  [[nodiscard]] Session unknown() const {
    Session session = empty();
    session.begin(jar_.options_->seal.now());
    session.rejection_ = notTold();
    session.detach();
    return session;
  }
  void run() {
    found_ = empty();
    opening_ = std::make_unique<Opening>(jar_, found_, header_, &inquiry_);
    opening_->run();
  }
  // Each of them once, on any thread.
  void answered(std::size_t i, Revoked revoked) {
    {
      const std::lock_guard lock(mutex_);
      inquiry_.known.emplace(inquiry_.asked[i].first, revoked);
    }
    if (--left_ > 0) return;
    const auto isNo = [](const auto& answer) { return answer.second == Revoked::no; };
    const bool isAsTaken = inquiry_.known.size() == inquiry_.asked.size() &&
                           std::all_of(inquiry_.known.begin(), inquiry_.known.end(), isNo);
    if (!isAsTaken) run();
    end();
  }
  void end() {
    opening_->report();
    session_ = std::move(found_);
  }

  const SessionJar jar_;
  const std::string header_;
  Session session_;  // for `done_`
  Session found_;
  Inquiry inquiry_;
  std::mutex mutex_;  // for the answers
  std::atomic<std::size_t> left_ = 0;
  std::unique_ptr<Opening> opening_;
  const std::function<void(Session)> done_;
};

void SessionJar::startOpen(std::string cookieHeader, std::function<void(Session)> done) const {
  const std::function<void(Session)> told = std::move(done);
  if (!options_->isRevoked.asynchronous()) return detail::completeSafely(told, open(cookieHeader));
  const auto opening = std::make_shared<AsyncOpening>(*this, std::move(cookieHeader), told);
  try {
    opening->begin();
  } catch (...) {  // NOLINT(bugprone-empty-catch): said at its end
  }
}

Result<detail::OpenedJson> SessionJar::unsealSession(std::string_view text, const detail::Attempt& attempt) const {
  Result<detail::OpenedJson> unsealed = detail::unseal(text, options_->passwords.keyring(), options_->seal, attempt);
  if (!unsealed) return unsealed;
  if (!unsealed->data.is_object()) return fail(Errc::malformed, "sealed, but not a JSON object");
  const detail::Provenance& from = unsealed->provenance;
  if (options_->absoluteTtl == Seconds{0}) return unsealed;
  if (!from.lineage && from.expires == 0)
    return fail(Errc::notAllowed, "absoluteTtl, and an Fe26.2 cookie without end");
  const std::int64_t start = startOf(from, attempt.now);
  const bool isUnknown = !from.lineage && start == 0;
  if (!isUnknown && isPastAbsoluteTtl(start, attempt.now)) return fail(Errc::expired, "past absoluteTtl");
  return unsealed;
}

// An Fe26.2 seal tells its end alone. Its session is taken to have begun a ttl before, and so early that absoluteTtl
// ends it no later than the seal: it may be opened and sealed natively any number of times. One that would not have
// begun yet was sealed for longer, or by a clock that is ahead: when it began is unknown, and must be the same at each
// opening, lest a logout that came between count as one before.
std::int64_t SessionJar::startOf(const detail::Provenance& from, TimePoint now) const {
  if (from.lineage) return from.lineage->start;
  if (from.expires == 0) return 0;
  const std::int64_t life = std::max(detail::ttlOf(options_->seal), options_->absoluteTtl).count();
  const std::int64_t start = from.expires / 1000 - life;
  return start > detail::unixSeconds(now + detail::longestSkew) ? 0 : std::max<std::int64_t>(start, 0);
}

void SessionJar::adopt(Session& session, detail::OpenedJson&& unsealed, TimePoint now) const {
  const detail::Provenance& from = unsealed.provenance;
  session.data_ = detail::SharedJson(std::move(unsealed.data));
  session.tokensAreFromCookie_ = true;
  session.start_ = startOf(from, now);
  session.id_ = from.lineage ? from.lineage->id : idOf(from.authenticated);
  const SealOptions& sealing = options_->seal;
  if (!from.isSealingKey || from.format != sealing.formats.front()) session.due_ = Session::Due::reseal;
  if (from.expires == 0) return;
  session.expiresAt_ = detail::fromUnixMilliseconds(from.expires);
  if (options_->rolling && isHalfOver(from, session.start_, now)) session.due_ = Session::Due::reseal;
}

// Whether a cookie has half of its life behind it, in the browser or as a seal, and would have a longer one.
bool SessionJar::isHalfOver(const detail::Provenance& from, std::int64_t start, TimePoint now) const {
  const Seconds ttl = detail::ttlOf(options_->seal);
  const Seconds life = std::min(options_->cookie.maxAge.value_or(ttl), ttl);
  const std::int64_t issued = from.lineage ? from.issued : from.expires - ttl.count() * 1000;
  const std::int64_t end = life < ttl ? std::min(from.expires, issued + life.count() * 1000) : from.expires;
  const bool mayBeLonger = options_->absoluteTtl == Seconds{0} || end < (start + options_->absoluteTtl.count()) * 1000;
  return mayBeLonger && end - detail::unixMilliseconds(now) < life.count() * 1000 / 2;
}

}  // namespace ironjar
