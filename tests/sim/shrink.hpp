// From a history that violates a rule to a shorter one that violates the same: faults and events are left out for as
// long as that holds. What is left happens as it did, since what is drawn for it depends on nothing else.
#pragma once

#include "sim/plan.hpp"

#include <functional>

namespace sim {

[[nodiscard]] Plan shrunk(Plan plan, const std::function<bool(const Plan&)>& stillFails);

}  // namespace sim
