#include "session/deletions.hpp"

#include <string_view>

namespace ironjar::detail {

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
