// A history of the simulator, of which each byte is a draw: its faults, its settings, what happens when. What violates
// a rule is shortened and drawn, as ironjar_sim does (tests/sim).
#include "fuzz.hpp"
#include "sim/play.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const sim::Plan plan = sim::drawFrom({data, size});
  const sim::Played played = sim::play(plan);
  if (played.violation) {
    std::fprintf(stderr, "%s: %s\n", played.violation->rule.c_str(), played.violation->what.c_str());
    std::fprintf(stderr, "%s\n", sim::explain(plan, *played.violation).c_str());
    fuzz::require(false, played.violation->rule.c_str());
  }
  return 0;
}
