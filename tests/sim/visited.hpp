// Which transitions of the table of token states (refresh/token_states.hpp) the histories have been through.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sim {

// A new history: its tables are others.
void beginVisits();
struct Visits {
  std::size_t visited = 0;
  std::size_t all = 0;
  std::vector<std::string> missing;
};
[[nodiscard]] Visits visits();

}  // namespace sim
