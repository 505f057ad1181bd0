#include "sim/play.hpp"

#include "sim/deterministic.hpp"
#include "sim/shrink.hpp"
#include "sim/visited.hpp"

namespace sim {
namespace {

Played playNow(const Plan& plan, bool traces) {
  seedRandom(plan.seed);
  beginVisits();
  World world(plan, traces);
  return world.play();
}

// What is made once in a process, such as the decoy keys of static passwords, draws from the random bytes of whichever
// history is first. So that is one in which nothing happens.
Plan nothing() {
  Plan plan = drawOverRedis(1);
  plan.actions.clear();
  return plan;
}

}  // namespace

Played play(const Plan& plan, bool traces) {
  [[maybe_unused]] static const Played first = playNow(nothing(), false);
  return playNow(plan, traces);
}

std::string explain(const Plan& plan, const Violation& violation) {
  const Plan shortest = shrunk(plan, [&](const Plan& shorter) {
    const Played again = play(shorter);
    return again.violation && again.violation->rule == violation.rule;
  });
  const Played played = play(shortest, true);
  return "VIOLATION of \"" + violation.rule + "\" at " + std::to_string(violation.at.count()) +
         " ms: " + violation.what + "\n" + describe(plan) + "\n\nshortened from " +
         std::to_string(plan.actions.size()) + " to " + std::to_string(shortest.actions.size()) + " events:\n" +
         describe(shortest) + "\n" + played.violation->rule + ": " + played.violation->what + "\n\n" + played.diagram;
}

}  // namespace sim
