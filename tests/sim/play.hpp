// A history from its first event to its last.
#pragma once

#include "sim/world.hpp"

#include <string>

namespace sim {

[[nodiscard]] Played play(const Plan& plan, bool traces = false);
// What is violated, by the whole history and by the shortest that does so too; and that one, drawn.
[[nodiscard]] std::string explain(const Plan& plan, const Violation& violation);

}  // namespace sim
