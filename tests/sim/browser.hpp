// A browser: the cookies that it holds, and those that it held. Its tabs share them.
#pragma once

#include "sim/plan.hpp"

#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

namespace sim {

class Browser {
 public:
  // The Cookie header of a request that is sent now.
  [[nodiscard]] std::string header() const;
  // An answer has arrived.
  void take(const std::vector<std::string>& setCookies);
  // Its profile is put back to what it was some changes ago.
  void restore(Random& random);
  void evict(Random& random);

  // The logins that were made in it.
  std::set<std::string> logins;
  // Of the requests that are on their way: what ends each, as when a tab is closed.
  std::map<std::size_t, std::stop_source> open;

 private:
  using Cookies = std::map<std::string, std::string>;

  Cookies cookies_;
  std::vector<Cookies> before_;
};

}  // namespace sim
