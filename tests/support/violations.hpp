// What checkTransport and checkAdapter return, as text and by its rules.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace support {

inline std::string listed(const std::vector<std::string>& violations) {
  std::string text;
  for (const std::string& line : violations) text += line + "\n";
  return text;
}

inline std::set<std::string> rulesOf(const std::vector<std::string>& violations) {
  std::set<std::string> names;
  for (const std::string& line : violations) names.insert(line.substr(0, line.find(':')));
  return names;
}

}  // namespace support
