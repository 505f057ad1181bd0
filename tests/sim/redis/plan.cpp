// What a seed's history over Redis has besides: drawn apart, so that the history without is what it was.
#include "sim/plan.hpp"

#include <algorithm>

namespace sim {
namespace {

using ironjar::Seconds;

// Not while clocks jump: processes over Redis must agree on the time.
void leaveOut(Plan& plan) {
  plan.mix.clear(Fault::clocks);
  plan.mix.clear(Fault::twoProcesses);
  std::erase_if(plan.actions, [](const Action& action) { return action.kind == Kind::clock; });
}

struct Befalls {
  Fault fault;
  Kind kind;
};

}  // namespace

Plan drawOverRedis(std::uint64_t seed) { return overRedis(draw(seed), Random(mixed(seed, "over Redis"))); }

Plan overRedis(Plan plan, Random random) {
  leaveOut(plan);
  const double most = random.of({0.0, 0.1, 0.25, 0.5});
  for (auto fault = static_cast<unsigned>(firstOfRedis); fault < static_cast<unsigned>(firstOfConduct); ++fault) {
    if (random.chance(most)) plan.mix.set(static_cast<Fault>(fault));
  }
  Settings& settings = plan.settings;
  settings.processes = random.of({1U, 2U, 2U, 3U, 5U});
  settings.redis.isUsed = true;
  settings.maxCalls = Settings().maxCalls;  // who waits for another process takes a place
  settings.refusalMayEnd = false;
  settings.redis.sentinel = random.chance(0.4);
  settings.redis.list = random.chance(0.5);
  settings.redis.failsWithout = random.chance(0.3);
  settings.redis.lease = settings.tokenTimeout + Seconds{2};
  for (Action& action : plan.actions) action.process = static_cast<unsigned>(random.below(settings.processes));
  const Millis last = plan.actions.empty() ? Millis{0} : plan.actions.back().at;
  constexpr std::array<Befalls, 5> all = {{{Fault::redisDown, Kind::redisDown},
                                           {Fault::redisStalls, Kind::redisStall},
                                           {Fault::failovers, Kind::failOver},
                                           {Fault::cutOff, Kind::cutOff},
                                           {Fault::pausedProcess, Kind::pause}}};
  for (const auto& [fault, kind] : all) {
    if (!plan.mix.has(fault)) continue;
    for (std::int64_t times = random.between(1, 4); times > 0; --times) {
      // Soon after something has begun as a rule.
      const Millis at = random.chance(0.7)
                            ? plan.actions.at(random.below(plan.actions.size())).at + Millis{random.between(0, 300)}
                            : Millis{random.between(0, last.count())};
      plan.actions.push_back(
          {std::min(at, last), kind, 0, static_cast<unsigned>(random.below(settings.processes)), random.next()});
    }
  }
  sortByTime(plan);
  return plan;
}

}  // namespace sim
