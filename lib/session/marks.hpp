// What a session is denied by.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ironjar/revocation.hpp>

namespace ironjar::detail {

// Its id, and the `sid` and `sub` of its issuer; what is empty is left out.
[[nodiscard]] inline std::vector<RevocationList::Mark> marksOf(std::string id, const std::string& issuer,
                                                               std::string sid, std::string sub) {
  using Mark = RevocationList::Mark;
  std::vector<Mark> marks = {{Mark::Kind::session, std::move(id)}};
  if (!sid.empty()) marks.push_back({Mark::Kind::sid, std::move(sid), issuer});
  if (!sub.empty()) marks.push_back({Mark::Kind::sub, std::move(sub), issuer});
  return marks;
}

}  // namespace ironjar::detail
