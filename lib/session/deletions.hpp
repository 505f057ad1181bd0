// The Set-Cookie values that delete a session's cookies. A browser keeps cookies of one name apart by Domain, Path and
// Partitioned, so that a deletion has to have those of the cookie.
#pragma once

#include "cookie/chunks.hpp"
#include "cookie/split.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <ironjar/session.hpp>

namespace ironjar::detail {

inline constexpr unsigned allChunks = (1U << maxChunks) - 1;

// What all deletions of a response may take. nginx takes a response's head of 4 KiB by default (proxy_buffer_size), and
// a session's cookie may be nearly as large.
inline constexpr std::size_t maxDeletionsSize = 1024;

// Those of a cookie that was set with a former shape, without what deleting does not need.
[[nodiscard]] CookieOptions attributesOf(const CookieShape& shape, const SessionOptions& options);

[[nodiscard]] bool isToday(const CookieShape& shape, const CookieOptions& today);
// As browsers compare domains: without a leading dot, in lower case.
[[nodiscard]] CookieShape normal(CookieShape shape);

// Whether all names of every shape can be deleted at once.
[[nodiscard]] bool canDeleteAll(const SessionOptions& options);

// Collects them, as long as they fit.
class Deletions {
 public:
  explicit Deletions(const std::string& cookieName) : cookieName_(cookieName) {}

  void add(const CookieSet& stale, const CookieOptions& attributes);
  // Of `stale`, first what the request brought.
  void add(const CookieSet& stale, const CookieSet& brought, const CookieOptions& attributes);

  // Those added since the last time.
  [[nodiscard]] std::vector<std::string> take() { return std::exchange(cookies_, {}); }

 private:
  void add(const std::string& name, const CookieOptions& attributes);

  const std::string& cookieName_;
  std::size_t left_ = maxDeletionsSize;
  std::vector<std::string> cookies_;
};

}  // namespace ironjar::detail
