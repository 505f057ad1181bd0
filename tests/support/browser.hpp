// A browser's cookies for one site, and requests with them.
#pragma once

#include "support.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace support {

using Cookies = std::vector<std::string>;

inline ironjar::SessionOptions basicOptions(
    const ironjar::testing::VirtualClock& clock = ironjar::testing::VirtualClock()) {
  return {.cookieName = "sid", .passwords = password, .seal = {.now = clock.wall()}, .observer = teller()};
}

inline std::string pairOf(const std::string& cookie) { return cookie.substr(0, cookie.find(';')); }

inline bool deletes(const std::string& cookie, const std::string& name) {
  return cookie.starts_with(name + "=; Max-Age=0;");
}

// A browser, as far as one site's cookies go: deletions delete, everything else replaces.
class Browser {
 public:
  void take(const Cookies& cookies) {
    for (const std::string& cookie : cookies) {
      const std::string name = cookie.substr(0, cookie.find('='));
      std::erase_if(pairs_, [&](const std::string& pair) { return pair.starts_with(name + "="); });
      if (cookie.find("; Max-Age=0;") == std::string::npos) pairs_.push_back(pairOf(cookie));
    }
  }
  std::string header() const {
    std::string header;
    for (const std::string& pair : pairs_) header += (header.empty() ? "" : "; ") + pair;
    return header;
  }
  const std::vector<std::string>& pairs() const { return pairs_; }

 private:
  std::vector<std::string> pairs_;
};

// One request: opens, lets `work` do its part, commits into the browser.
template <class Work>
Cookies visit(const ironjar::SessionJar& jar, Browser& browser, Work work) {
  ironjar::Session session = jar.open(browser.header());
  work(session);
  Cookies cookies = jar.commit(session).value();
  browser.take(cookies);
  return cookies;
}

inline void look(ironjar::Session&) {}

inline std::string ofBytes(std::size_t size) { return std::string(size, 'x'); }

}  // namespace support
