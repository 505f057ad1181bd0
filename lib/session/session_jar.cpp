#include "base/notify.hpp"
#include "cookie/chunks.hpp"
#include "cookie/split.hpp"
#include "seal/formats.hpp"
#include "session/token_set.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>
#include <stdexcept>

#include <ironjar/session.hpp>

namespace ironjar {
namespace {

using Cookies = std::vector<std::string>;

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("ironjar: SessionOptions: " + why); }

SessionOptions checked(SessionOptions options) {
  detail::requireValid(options.seal);
  if (options.seal.context.empty()) options.seal.context = options.cookieName;
  if (options.untilBrowserCloses) options.seal.ttl = Seconds{0};
  if (options.untilBrowserCloses && options.cookie.maxAge) refuse("cookie.maxAge contradicts untilBrowserCloses");
  const auto sample = serializeCookie(options.cookieName, "", options.cookie);
  if (!sample) refuse("cookieName `" + options.cookieName + "` and cookie: " + sample.error().detail);
  constexpr Seconds longest{100'000'000'000};  // as SealOptions.ttl
  if (options.absoluteTtl < Seconds{0} || options.absoluteTtl > longest) refuse("absoluteTtl is out of range");
  if (options.maxCookieHeader == 0) refuse("maxCookieHeader is 0: nothing could be kept");
  if (!options.cookie.path.empty() && options.cookie.path.front() != '/') refuse("cookie.path does not start with `/`");
  if (options.absoluteTtl > Seconds{0} && !detail::formatOf(options.seal.formats.front()).isBound) {
    refuse("absoluteTtl needs SealFormat::native first: Fe26.2 has no place for a session's start");
  }
  std::sort(options.seal.fe26Iterations.begin(), options.seal.fe26Iterations.end());  // the cheapest are tried first
  if (options.rolling && options.seal.ttl <= Seconds{0}) refuse("rolling needs a seal.ttl to extend");
  std::set<std::string_view> names;
  detail::forEachTokenName([&](const char*, std::string TokenNames::*which) {
    const std::string& name = options.tokenNames.*which;
    if (name.empty()) refuse("tokenNames holds an empty name");
    if (!names.insert(name).second) refuse("tokenNames holds `" + name + "` twice");
  });
  return options;
}

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

SessionJar::SessionJar(SessionOptions options)
    : options_(std::make_shared<const SessionOptions>(checked(std::move(options)))),
      tokenNames_(options_, &options_->tokenNames) {}

bool SessionJar::isPastAbsoluteTtl(std::int64_t start, TimePoint now) const {
  const std::int64_t limit = options_->absoluteTtl.count();
  return limit != 0 && detail::unixSeconds(now) - start >= limit;
}

Result<Cookies> SessionJar::commit(Session& session) const {
  const CommitHooks& hooks = options_->commitHooks;
  const bool isDue = session.due_ != Session::Due::nothing;
  if (isDue && hooks.before) hooks.before(session);
  // One reading of the clock: an end that passes between two of them would leave a ttl of 0, which is none.
  Result<Cookies> cookies = due(session, options_->seal.now());
  if (!cookies) return cookies;
  if (isDue && hooks.after) hooks.after(session);
  session.due_ = Session::Due::nothing;
  session.ended_ = {};
  return cookies;
}

Result<Cookies> SessionJar::due(const Session& session, TimePoint now) const {
  if (session.detached()) return Cookies();
  if (session.destroyed()) {
    if (!session.changed()) return Cookies();
    const auto& former = session.former_;
    const bool wasThere = session.presence_.whole || session.presence_.chunks != 0 ||
                          std::any_of(former.begin(), former.end(), [](const Json& data) { return !data.empty(); });
    if (wasThere) detail::notify(options_->observer, [&] { return event::LoggedOut{session.tag()}; });
    return expire({.whole = true, .chunks = session.presence_.chunks});
  }
  if (isPastAbsoluteTtl(session.start_, now)) return expire(session.presence_);
  if (session.due_ != Session::Due::nothing) return write(session, now);
  return expire(session.ended_);
}

Result<Cookies> SessionJar::write(const Session& session, TimePoint now) const {
  const SealOptions& sealing = options_->seal;
  Seconds ttl = sealing.ttl;
  if (options_->absoluteTtl > Seconds{0}) {
    const Seconds left{session.start_ + options_->absoluteTtl.count() - detail::unixSeconds(now)};  // > 0: see due()
    if (ttl == Seconds{0} || ttl > left) ttl = left;
  }
  CookieOptions attributes = options_->cookie;
  if (!attributes.maxAge && !options_->untilBrowserCloses) attributes.maxAge = detail::maxAgeFor(ttl);
  if (attributes.expires && *attributes.expires <= now) {
    return fail(Errc::expired, "cookie.expires is in the past: use seal.ttl instead");
  }
  detail::Lineage lineage{session.start_, {}};
  std::copy_n(session.id_.begin(), std::min(session.id_.size(), lineage.id.size()), lineage.id.begin());
  const auto seal = detail::seal(session.data_, options_->passwords.keyring(), sealing, {ttl, lineage, now});
  if (!seal) return seal.error();
  Result<Cookies> cookies = wrap(*seal, attributes, session.presence_);
  if (!cookies) return cookies;
  const auto add = [](std::size_t sum, const std::string& cookie) { return sum + cookie.size(); };
  detail::notify(options_->observer, [&] {
    return event::Sealed{session.tag(), std::accumulate(cookies->begin(), cookies->end(), std::size_t{0}, add)};
  });
  return cookies;
}

Result<Cookies> SessionJar::wrap(std::string_view seal, const CookieOptions& attributes,
                                 const Session::Presence& presence) const {
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
  return joined(std::move(cookies), expire({.whole = presence.whole && !split.written.whole,
                                            .chunks = presence.chunks & ~split.written.chunks}));
}

// Deletions carry the attributes that the cookies were set with: browsers keep a cookie apart by Path and Domain.
Cookies SessionJar::expire(const Session::Presence& stale) const {
  if (!stale.whole && stale.chunks == 0) return {};
  CookieOptions attributes = options_->cookie;
  attributes.maxAge = Seconds{0};
  Cookies cookies;
  const auto add = [&](const std::string& name) {
    if (auto cookie = serializeCookie(name, "", attributes)) cookies.push_back(*std::move(cookie));
  };
  if (stale.whole) add(options_->cookieName);
  for (std::size_t i = 0; i < detail::maxChunks; ++i) {
    if ((stale.chunks >> i & 1U) != 0) add(detail::chunkName(options_->cookieName, i));
  }
  return cookies;
}

}  // namespace ironjar
