#include "seal/formats.hpp"
#include "session/deletions.hpp"
#include "session/token_set.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <ironjar/session.hpp>

namespace ironjar {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("ironjar: SessionOptions: " + why); }

// A browser keeps no cookie for a public suffix, of which only those of one label can be told, nor for an address.
void requireSite(std::string_view domain, const std::string& what) {
  if (domain.starts_with('.')) domain.remove_prefix(1);
  if (domain.empty()) return;
  const std::size_t dot = domain.rfind('.');
  if (dot == std::string_view::npos) {
    refuse(what + " is one label, such as `com` or `localhost`: leave it out for this host, or write `example.com`");
  }
  if (domain.find_first_not_of("0123456789", dot + 1) == std::string_view::npos) {
    refuse(what + " is an IP address, which no Domain may be: leave it out for this host");
  }
}

// What browsers would drop at once, so that nobody could sign in.
void requireLasting(const SessionOptions& options) {
  if (options.cookie.maxAge && *options.cookie.maxAge <= Seconds{0}) {
    refuse("cookie.maxAge deletes the cookie: leave it out to follow seal.ttl, or set untilBrowserCloses");
  }
  if (options.seal.ttl && *options.seal.ttl < Seconds{0}) {
    refuse("seal.ttl is negative, so that every seal has ended: write 0 for one that never does");
  }
  if (options.cookie.expires && *options.cookie.expires <= options.seal.now()) {
    refuse(
        "cookie.expires is in the past, so that browsers drop the cookie: use seal.ttl, which counts from each write");
  }
}

void requireShapes(const SessionOptions& options) {
  const std::vector<CookieShape>& former = options.former;
  for (auto shape = former.begin(); shape != former.end(); ++shape) {
    const auto deletion = serializeCookie(options.cookieName, "", detail::attributesOf(*shape, options));
    if (!deletion) refuse("former holds what no browser keeps: " + deletion.error().detail);
    requireSite(shape->domain, "former: a domain");
    if (!shape->path.starts_with('/')) refuse("former: a path does not start with `/`");
    if (detail::isToday(*shape, options.cookie)) refuse("former holds today's domain, path and partitioned: remove it");
    const auto isSame = [&](const CookieShape& other) { return detail::normal(other) == detail::normal(*shape); };
    if (std::any_of(former.begin(), shape, isSame)) refuse("former holds a shape twice");
  }
  if (former.empty() || detail::canDeleteAll(options)) return;
  refuse("former: with today's its deletions take more than " + std::to_string(detail::maxDeletionsSize) +
         " bytes of a response: list fewer shapes");
}

SessionOptions checked(SessionOptions options) {
  detail::requireValid(options.seal);
  if (options.seal.context.empty()) options.seal.context = options.cookieName;
  if (!options.seal.ttl) options.seal.ttl = options.untilBrowserCloses ? Seconds{0} : defaultTtl;
  if (options.untilBrowserCloses && options.cookie.maxAge) refuse("cookie.maxAge contradicts untilBrowserCloses");
  const auto sample = serializeCookie(options.cookieName, "", options.cookie);
  if (!sample) refuse("cookieName `" + options.cookieName + "` and cookie: " + sample.error().detail);
  requireSite(options.cookie.domain, "cookie.domain");
  requireLasting(options);
  requireShapes(options);
  constexpr Seconds longest{100'000'000'000};  // as SealOptions.ttl
  if (options.absoluteTtl < Seconds{0} || options.absoluteTtl > longest) refuse("absoluteTtl is out of range");
  if (options.maxCookieHeader == 0) refuse("maxCookieHeader is 0: nothing could be kept");
  if (!options.cookie.path.empty() && options.cookie.path.front() != '/') refuse("cookie.path does not start with `/`");
  if (options.absoluteTtl > Seconds{0} && !detail::formatOf(options.seal.formats.front()).isBound) {
    refuse("absoluteTtl needs SealFormat::native first: Fe26.2 has no place for a session's start");
  }
  std::sort(options.seal.fe26Iterations.begin(), options.seal.fe26Iterations.end());  // the cheapest are tried first
  if (options.rolling && detail::ttlOf(options.seal) == Seconds{0}) refuse("rolling needs a seal.ttl to extend");
  std::set<std::string_view> names;
  detail::forEachTokenName([&](const char*, std::string TokenNames::*which) {
    const std::string& name = options.tokenNames.*which;
    if (name.empty()) refuse("tokenNames holds an empty name");
    if (!names.insert(name).second) refuse("tokenNames holds `" + name + "` twice");
  });
  return options;
}

}  // namespace

SessionJar::SessionJar(SessionOptions options)
    : options_(std::make_shared<const SessionOptions>(checked(std::move(options)))),
      tokenNames_(options_, &options_->tokenNames) {}

bool SessionJar::isPastAbsoluteTtl(std::int64_t start, TimePoint now) const {
  const std::int64_t limit = options_->absoluteTtl.count();
  return limit != 0 && detail::unixSeconds(now) - start >= limit;
}

}  // namespace ironjar
