#include "sim/browser.hpp"

#include <algorithm>
#include <utility>

namespace sim {

std::string Browser::header() const {
  std::string header;
  for (const auto& [name, value] : cookies_) header += (header.empty() ? "" : "; ") + name + "=" + value;
  return header;
}

void Browser::take(const std::vector<std::string>& setCookies) {
  if (setCookies.empty()) return;
  before_.push_back(cookies_);
  for (const std::string& line : setCookies) {
    const std::size_t equals = line.find('=');
    const std::size_t end = line.find(';', equals);
    const std::string name = line.substr(0, equals);
    const bool isDeletion = line.find("Max-Age=0") != std::string::npos;
    if (isDeletion) {
      cookies_.erase(name);
    } else {
      cookies_[name] = line.substr(equals + 1, end - equals - 1);
    }
  }
}

void Browser::restore(Random& random) {
  if (before_.empty()) return;
  const std::size_t back = 1 + random.below(std::min<std::size_t>(before_.size(), 4));
  Cookies then = before_[before_.size() - back];
  before_.push_back(std::exchange(cookies_, std::move(then)));
}

void Browser::evict(Random& random) {
  if (cookies_.empty()) return;
  before_.push_back(cookies_);
  auto at = cookies_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random.below(cookies_.size())));
  cookies_.erase(at);
}

}  // namespace sim
