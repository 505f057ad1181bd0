// A browser's cookies for one page, as RFC 6265bis section 5.7 stores and section 5.8.3 sends them.
#pragma once

#include "browser.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

namespace support {

// The page is https://app.example.com/me/page, so that every domain and path that tests take matches it.
class CookieStore {
  struct Stored {
    std::string name;
    std::string pair;
    std::string domain;
    std::string path;
    bool isPartitioned;

    [[nodiscard]] auto place() const { return std::tie(name, domain, path, isPartitioned); }
  };

 public:
  void take(const Cookies& cookies) {
    for (const std::string& line : cookies) {
      Stored cookie{.name = line.substr(0, line.find('=')),
                    .pair = pairOf(line),
                    .domain = attribute(line, "Domain"),
                    .path = attribute(line, "Path"),
                    .isPartitioned = line.find("; Partitioned") != std::string::npos};
      const auto same = std::find_if(stored_.begin(), stored_.end(),
                                     [&](const Stored& other) { return other.place() == cookie.place(); });
      if (line.find("; Max-Age=0") != std::string::npos) {
        if (same != stored_.end()) stored_.erase(same);
      } else if (same != stored_.end()) {
        same->pair = cookie.pair;  // the time of its creation stays
      } else {
        stored_.push_back(cookie);
      }
    }
  }

  // Longer paths first, then what was created earlier.
  [[nodiscard]] std::string header() const {
    std::vector<Stored> sent = stored_;
    std::stable_sort(sent.begin(), sent.end(),
                     [](const Stored& a, const Stored& b) { return a.path.size() > b.path.size(); });
    std::string text;
    for (const Stored& cookie : sent) text += (text.empty() ? "" : "; ") + cookie.pair;
    return text;
  }
  [[nodiscard]] std::size_t size() const { return stored_.size(); }

 private:
  static std::string attribute(const std::string& line, const std::string& name) {
    const std::size_t at = line.find("; " + name + "=");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 3;
    return line.substr(begin, line.find(';', begin) - begin);
  }

  std::vector<Stored> stored_;
};

}  // namespace support
