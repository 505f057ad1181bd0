#include "session/deletions.hpp"

#include "base/ascii.hpp"

#include <string_view>
#include <utility>

namespace ironjar::detail {

// Without SameSite=None a browser ignores the field in a page that is embedded elsewhere.
CookieOptions attributesOf(const CookieShape& shape, const SessionOptions& options) {
  const CookieOptions& today = options.cookie;
  const bool promisesHttpOnly = startsWithIgnoringCase(options.cookieName, "__Http-") ||
                                startsWithIgnoringCase(options.cookieName, "__Host-Http-");
  return {.domain = shape.domain,
          .path = shape.path,
          .httpOnly = promisesHttpOnly,
          .secure = today.secure || shape.partitioned,
          .partitioned = shape.partitioned,
          .sameSite = today.sameSite == SameSite::none ? SameSite::none : SameSite::unset};
}

CookieShape normal(CookieShape shape) {
  shape.domain = lower(shape.domain);
  if (shape.domain.starts_with('.')) shape.domain.erase(0, 1);
  return shape;
}

bool isToday(const CookieShape& shape, const CookieOptions& today) {
  return normal(shape) == normal({today.domain, today.path, today.partitioned});
}

bool canDeleteAll(const SessionOptions& options) {
  constexpr CookieSet all{true, allChunks};
  Deletions deletions(options.cookieName);
  deletions.add(all, options.cookie);
  const CookieSet former{true, options.chunk ? allChunks : 0};
  for (const CookieShape& shape : options.former) deletions.add(former, attributesOf(shape, options));
  return deletions.take().size() == 1 + maxChunks + options.former.size() * (options.chunk ? 1 + maxChunks : 1);
}

void Deletions::add(const CookieSet& stale, const CookieOptions& attributes) {
  if (stale.whole) add(cookieName_, attributes);
  for (std::size_t i = 0; i < maxChunks; ++i) {
    if ((stale.chunks >> i & 1U) != 0) add(chunkName(cookieName_, i), attributes);
  }
}

void Deletions::add(const CookieSet& stale, const CookieSet& brought, const CookieOptions& attributes) {
  add(CookieSet{stale.whole && brought.whole, stale.chunks & brought.chunks}, attributes);
  add(CookieSet{stale.whole && !brought.whole, stale.chunks & ~brought.chunks}, attributes);
}

void Deletions::add(const std::string& name, const CookieOptions& attributes) {
  constexpr std::size_t field = std::string_view("Set-Cookie: \r\n").size();
  CookieOptions ended = attributes;
  ended.maxAge = Seconds{0};
  auto cookie = serializeCookie(name, "", ended);
  if (!cookie || cookie->size() + field >= left_) return;
  left_ -= cookie->size() + field;
  cookies_.push_back(*std::move(cookie));
}

}  // namespace ironjar::detail
