#include "sim/shrink.hpp"

#include <algorithm>

namespace sim {
namespace {

using Fails = std::function<bool(const Plan&)>;

bool leaveFaultsOut(Plan& plan, const Fails& stillFails) {
  bool isShorter = false;
  for (unsigned i = 0; i < static_cast<unsigned>(Fault::count); ++i) {
    Plan without = plan;
    without.mix.clear(static_cast<Fault>(i));
    if (!plan.mix.has(static_cast<Fault>(i)) || !stillFails(without)) continue;
    plan = std::move(without);
    isShorter = true;
  }
  return isShorter;
}

bool leaveActionsOut(Plan& plan, const Fails& stillFails) {
  bool isShorter = false;
  for (std::size_t size = std::max<std::size_t>(plan.actions.size() / 2, 1); size > 0; size /= 2) {
    for (std::size_t at = 0; at < plan.actions.size();) {
      Plan without = plan;
      const std::size_t end = std::min(at + size, plan.actions.size());
      without.actions.erase(without.actions.begin() + static_cast<std::ptrdiff_t>(at),
                            without.actions.begin() + static_cast<std::ptrdiff_t>(end));
      if (!without.actions.empty() && stillFails(without)) {
        plan = std::move(without);
        isShorter = true;
      } else {
        at = end;
      }
    }
  }
  return isShorter;
}

}  // namespace

Plan shrunk(Plan plan, const Fails& stillFails) {
  while (leaveActionsOut(plan, stillFails) || leaveFaultsOut(plan, stillFails)) continue;
  return plan;
}

}  // namespace sim
