// From a session to the Set-Cookie values that are due.
#include "base/completion.hpp"
#include "base/notify.hpp"
#include "cookie/split.hpp"
#include "seal/seal_format.hpp"
#include "session/deletions.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

#include <ironjar/session.hpp>

namespace ironjar {
namespace {

using Cookies = std::vector<std::string>;

Cookies joined(Cookies first, Cookies second) {
  std::move(second.begin(), second.end(), std::back_inserter(first));
  return first;
}

std::string bytesOf(std::size_t size) { return std::to_string(size) + " bytes"; }

Error tooLarge(const detail::Split& split, const SessionOptions& options) {
  const std::string most = "maxCookieHeader = " + std::to_string(options.maxCookieHeader);
  if (!options.chunk) {
    return fail(Errc::tooLarge, "the cookie takes " + bytesOf(split.wholeSize) + ", the limits are " +
                                    bytesOf(maxCookieSize) + " in browsers and " + most +
                                    ": store less, or set `chunk`");
  }
  if (split.chunks == 0) return fail(Errc::tooLarge, "name and attributes alone fill the cookie");
  return fail(Errc::tooLarge, "the session takes " + std::to_string(split.chunks) + " cookies and " +
                                  bytesOf(split.chunksHeader) + " of Cookie header; the limits are " +
                                  std::to_string(detail::maxChunks) + " and " + most);
}

}  // namespace

Result<Cookies> SessionJar::commit(Session& session) const {
  const CommitHooks& hooks = options_->commitHooks;
  if (session.due_ != Session::Due::nothing && hooks.before) hooks.before(session);
  Result<Cookies> cookies = conclude(session, isToBeAsked(session) ? options_->isRevoked(session) : Revoked::no);
  if (!cookies) return cookies;
  if (!cookies->empty() && hooks.after) hooks.after(session);
  session.due_ = Session::Due::nothing;
  return cookies;
}

// Again: it may have been denied since it was opened. One that began in this request cannot have been.
bool SessionJar::isToBeAsked(const Session& session) const {
  const bool isWritten = session.state_ == Session::State::open && session.due_ != Session::Due::nothing;
  return isWritten && !session.isNew_ && options_->isRevoked;
}

// What is done between the two hooks. A session of which it cannot be told was let in when it was opened: what the user
// has changed is written, and the new seal is asked about as the old one.
Result<Cookies> SessionJar::conclude(Session& session, Revoked revoked) const {
  Result<Cookies> cookies = fail(Errc::loginRequired, "denied meanwhile");
  if (revoked == Revoked::unknown && session.isResealOnly()) {
    cookies = fail(Errc::overloaded, "whether it is revoked cannot be told now");
  } else if (revoked != Revoked::yes) {
    // One reading of the clock: an end that passes between two of them would leave a ttl of 0, which is none.
    cookies = due(session, options_->seal.now());
  }
  if (cookies || !session.isResealOnly()) return cookies;
  detail::notify(options_->observer, [&] { return event::ResealSkipped{session.tag(), cookies.error()}; });
  return Cookies();
}

// startCommit(), a step at a time.
class SessionJar::AsyncCommit : public std::enable_shared_from_this<AsyncCommit> {
 public:
  AsyncCommit(const SessionJar& jar, Session session, std::function<void(Committed)> done)
      : jar_(jar), committed_{std::move(session), fail(Errc::overloaded)}, done_(std::move(done)) {}
  AsyncCommit(const AsyncCommit&) = delete;
  AsyncCommit& operator=(const AsyncCommit&) = delete;
  // Where there was no memory for a step, the operation goes, and says so.
  ~AsyncCommit() { detail::completeSafely(done_, std::move(committed_)); }

  void begin() {
    const auto& before = hooks().before;
    if (committed_.session.due_ == Session::Due::nothing || !before) return ask();
    run(before, committed_.session, &AsyncCommit::ask);
  }

 private:
  [[nodiscard]] const CommitHooks& hooks() const { return jar_.options_->commitHooks; }

  template <class Hook, class S>
  void run(const Hook& hook, S& session, void (AsyncCommit::*next)()) {
    if (!hook.asynchronous()) {
      hook(session);
      return (this->*next)();
    }
    const auto once =
        detail::exactlyOnce<bool>([self = shared_from_this(), next](bool) { (self.get()->*next)(); }, false);
    hook.asynchronous()(session, [once] { once(true); });
  }

  void ask() {
    const RevocationCheck& isRevoked = jar_.options_->isRevoked;
    if (!jar_.isToBeAsked(committed_.session)) return conclude(Revoked::no);
    if (!isRevoked.asynchronous()) return conclude(isRevoked(committed_.session));
    const auto once = detail::exactlyOnce<Revoked>(
        [self = shared_from_this()](Revoked revoked) { self->conclude(revoked); }, Revoked::unknown);
    isRevoked.asynchronous()(committed_.session, once);
  }

  void conclude(Revoked revoked) {
    committed_.setCookies = jar_.conclude(committed_.session, revoked);
    if (!committed_.setCookies) return;
    const Session& session = committed_.session;
    const bool isWritten = !committed_.setCookies->empty();
    isWritten&& hooks().after ? run(hooks().after, session, &AsyncCommit::end) : end();
  }
  void end() { committed_.session.due_ = Session::Due::nothing; }

  const SessionJar jar_;
  Committed committed_;
  const std::function<void(Committed)> done_;
};

void SessionJar::startCommit(Session session, std::function<void(Committed)> done) const {
  const auto commit = std::make_shared<AsyncCommit>(*this, std::move(session), std::move(done));
  try {
    commit->begin();
  } catch (...) {  // NOLINT(bugprone-empty-catch): a hook has thrown: `done` gets the error that is there
  }
}

bool SessionJar::hasAsynchronousForms() const {
  const CommitHooks& hooks = options_->commitHooks;
  return options_->isRevoked.asynchronous() || hooks.before.asynchronous() || hooks.after.asynchronous();
}

Result<Cookies> SessionJar::due(const Session& session, TimePoint now) const {
  if (session.detached()) return Cookies();
  if (session.destroyed()) {
    if (!session.changed()) return Cookies();
    const auto& former = session.former_;
    const bool wasThere =
        session.presence_.whole || session.presence_.chunks != 0 ||
        std::any_of(former.begin(), former.end(), [](const auto& ended) { return !ended.data->empty(); });
    if (wasThere) detail::notify(options_->observer, [&] { return event::LoggedOut{session.tag()}; });
    return all(expire({.whole = true, .chunks = detail::allChunks}, session));
  }
  // An ended session is neither written nor deleted: a login may have replaced its cookie since the request was sent.
  if (session.due_ == Session::Due::nothing || isPastAbsoluteTtl(startToSeal(session, now), now)) return Cookies();
  return write(session, now);
}

// Where an absolute lifetime has to begin somewhere, one whose beginning is unknown begins when it is first written.
std::int64_t SessionJar::startToSeal(const Session& session, TimePoint now) const {
  const bool mustBegin = session.start_ == 0 && options_->absoluteTtl > Seconds{0};
  return mustBegin ? detail::unixSeconds(now) : session.start_;
}

Result<Cookies> SessionJar::write(const Session& session, TimePoint now) const {
  const SealOptions& sealing = options_->seal;
  Seconds ttl = detail::ttlOf(sealing);
  if (options_->absoluteTtl > Seconds{0}) {
    const std::int64_t end = startToSeal(session, now) + options_->absoluteTtl.count();
    const Seconds left{end - detail::unixSeconds(now)};  // > 0: see due()
    if (ttl == Seconds{0} || ttl > left) ttl = left;
  }
  CookieOptions attributes = options_->cookie;
  if (!attributes.maxAge && !options_->untilBrowserCloses) attributes.maxAge = detail::maxAgeFor(ttl);
  if (attributes.expires && *attributes.expires <= now) {
    return fail(Errc::expired, "cookie.expires is in the past: use seal.ttl instead");
  }
  const detail::Lineage lineage{startToSeal(session, now), session.id_};
  const auto seal = detail::seal(*session.data_, options_->passwords.keyring(), sealing, {ttl, lineage, now});
  if (!seal) return seal.error();
  Result<Cookies> cookies = wrap(*seal, attributes, session);
  if (!cookies) return cookies;
  const auto add = [](std::size_t sum, const std::string& cookie) { return sum + cookie.size(); };
  detail::notify(options_->observer, [&] {
    return event::Sealed{session.tag(), std::accumulate(cookies->begin(), cookies->end(), std::size_t{0}, add)};
  });
  return cookies;
}

Result<Cookies> SessionJar::wrap(std::string_view seal, const CookieOptions& attributes, const Session& session) const {
  const std::string& name = options_->cookieName;
  auto whole = serializeCookie(name, seal, attributes);
  if (!whole) return whole.error();
  const detail::Split split = detail::splitSeal(name, seal.size(),
                                                {.attributesSize = whole->size() - name.size() - 1 - seal.size(),
                                                 .chunk = options_->chunk,
                                                 .maxCookieHeader = options_->maxCookieHeader});
  if (split.written == detail::CookieSet()) return tooLarge(split, *options_);
  Cookies cookies;
  if (split.written.whole) {
    cookies.push_back(*std::move(whole));
  } else {
    for (std::size_t i = 0; i < split.chunks; ++i) {
      auto chunk =
          serializeCookie(detail::chunkName(name, i), seal.substr(i * split.chunkSize, split.chunkSize), attributes);
      if (!chunk) return chunk.error();
      cookies.push_back(*std::move(chunk));
    }
  }
  const Session::Presence written{split.written.whole, split.written.chunks};
  Ended ended = expire(besides(written, session), session, cookies);
  // Former shapes first: a browser that does not know Partitioned, or whose default path is a former one, takes them
  // for today's.
  return joined(joined(std::move(ended.former), std::move(cookies)), std::move(ended.today));
}

// Another tab may have written since the request was sent, and without `chunk` it writes no chunks.
Session::Presence SessionJar::besides(const Session::Presence& written, const Session& session) const {
  const unsigned chunks = options_->chunk ? detail::allChunks : session.presence_.chunks;
  return {!written.whole, chunks & ~written.chunks};
}

// Whether a browser's next request stays within maxCookieHeader if it sends the cookies written now and, under a former
// shape, those that came with this request.
bool SessionJar::fitsBesideFormer(const Cookies& written, const Session& session) const {
  const auto add = [](std::size_t sum, const std::string& cookie) { return sum + cookie.find(';') + 2; };
  const std::size_t bytes = std::accumulate(written.begin(), written.end(), session.presence_.headerBytes, add);
  return bytes <= options_->maxCookieHeader + 2;
}

SessionJar::Ended SessionJar::expire(const Session::Presence& stale, const Session& session,
                                     const Cookies& written) const {
  const auto& brought = session.presence_;
  detail::Deletions deletions(options_->cookieName);
  deletions.add({stale.whole, stale.chunks}, {brought.whole, brought.chunks}, options_->cookie);
  Cookies today = deletions.take();
  const bool endsFormer =
      session.due_ != Session::Due::nothing &&
      (session.isNew_ || session.twoCame_ || session.destroyed() || !fitsBesideFormer(written, session));
  if (endsFormer) {
    const unsigned chunks = options_->chunk ? detail::allChunks : brought.chunks;
    for (const CookieShape& shape : options_->former) {
      deletions.add(detail::CookieSet{true, chunks}, detail::attributesOf(shape, *options_));
    }
  }
  return {deletions.take(), std::move(today)};
}

Cookies SessionJar::all(Ended ended) { return joined(std::move(ended.today), std::move(ended.former)); }

}  // namespace ironjar
