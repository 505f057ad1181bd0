#include "sim/plan.hpp"

#include <algorithm>
#include <utility>

namespace sim {
namespace {

using ironjar::Seconds;
using ironjar::testing::Rotation;

constexpr std::array<std::string_view, static_cast<std::size_t>(Fault::count)> faults = {
    "lostAnswers",     "slowBrowsers", "lostApi",      "slowApi",     "refusingApi",  "lostTokens",   "unreachable",
    "slowProvider",    "garbled",      "doubled",      "outage",      "poisoned",     "killedGrants", "crash",
    "restart",         "clocks",       "restored",     "evicted",     "leaving",      "severalTabs",  "longPauses",
    "smallTable",      "shortKeep",    "twoProcesses", "longChains",  "lostCommands", "lostReplies",  "slowRedis",
    "doubledCommands", "lostMessages", "redisDown",    "redisStalls", "failovers",    "cutOff",       "paused",
    "stepUp",          "mixedUp",      "proofs",       "oddErrors",   "impatient",    "bigNotes",     "tightBounds"};

constexpr std::array<std::string_view, 24> kinds = {
    "fetch",   "post",    "write", "login",      "logout",       "status",   "refresh",    "probe",
    "restore", "evict",   "leave", "outage",     "poison",       "refuse",   "end access", "kill grant",
    "crash",   "restart", "clock", "redis down", "redis stalls", "failover", "cut off",    "pause"};

// How fast one thing follows the other.
struct Tempo {
  std::int64_t usual;
  std::int64_t pause;
  double pauses;
};

Settings settingsOf(Random& random, const Mix& mix) {
  Settings s;
  s.isPlain = random.chance(0.4);
  s.profile = random.of(ironjar::profiles::names);
  s.rotation =
      random.of({Rotation::none, Rotation::strict, Rotation::strict, Rotation::singleUse, Rotation::graceSamePair,
                 Rotation::graceNewChild, Rotation::graceNewChildRevokesPrevious, Rotation::untilConfirmed});
  s.grace = Seconds{random.of({5, 30, 120})};
  s.gracedClient = s.rotation != Rotation::strict && s.rotation != Rotation::singleUse && random.chance(0.6);
  s.strictClient = !s.gracedClient && random.chance(0.25);
  s.revokes = random.chance(0.6);
  s.tellsSubject = random.chance(0.3);
  s.lifetime = Seconds{random.of({3, 10, 60, 300, 3600})};
  if (mix.has(Fault::shortKeep)) {
    s.keep = Seconds{random.of({1, 5, 20})};
    s.keepUnconfirmed = s.keep + Seconds{random.of({0, 10, 60})};
  }
  if (mix.has(Fault::smallTable)) s.maxEntries = static_cast<std::size_t>(random.of({2, 3, 5, 8}));
  s.maxRetries = random.of({1U, 1U, 1U, 2U});
  s.settleDelay = Millis{random.of({0, 0, 0, 200})};
  s.threshold = Seconds{random.of({0, 600, 600, 60})};
  s.tokenTimeout = Seconds{random.of({2, 10, 10})};
  s.fetchTimeout = Seconds{random.of({3, 30, 30})};
  s.rolling = random.chance(0.2);
  s.chunk = random.chance(0.1);
  s.browsers = static_cast<unsigned>(random.of({1, 1, 2, 3, 5}));
  s.processes = mix.has(Fault::twoProcesses) ? 2 : 1;
  return s;
}

Kind kindOf(Random& random, const Mix& mix) {
  struct Weighted {
    Kind kind;
    unsigned weight;
  };
  const auto ifHas = [&](Fault fault, unsigned weight) { return mix.has(fault) ? weight : 0; };
  const std::array<Weighted, 18> all = {{{Kind::fetch, 50},
                                         {Kind::post, 8},
                                         {Kind::write, 6},
                                         {Kind::login, 4},
                                         {Kind::logout, 4},
                                         {Kind::status, 6},
                                         {Kind::refresh, 3},
                                         {Kind::endAccess, 4},
                                         {Kind::restore, ifHas(Fault::restored, 4)},
                                         {Kind::evict, ifHas(Fault::evicted, 2)},
                                         {Kind::leave, ifHas(Fault::leaving, 5)},
                                         {Kind::outage, ifHas(Fault::outage, 3)},
                                         {Kind::poison, ifHas(Fault::poisoned, 3)},
                                         {Kind::refuseApi, ifHas(Fault::refusingApi, 3)},
                                         {Kind::kill, ifHas(Fault::killedGrants, 2)},
                                         {Kind::crash, ifHas(Fault::crash, 2)},
                                         {Kind::restart, ifHas(Fault::restart, 2)},
                                         {Kind::clock, ifHas(Fault::clocks, 3)}}};
  unsigned sum = 0;
  for (const Weighted& one : all) sum += one.weight;
  std::size_t left = random.below(sum);
  for (const Weighted& one : all) {
    if (left < one.weight) return one.kind;
    left -= one.weight;
  }
  return Kind::fetch;
}

// Takes all faults out but an outage, and makes the browsers five: the endpoint's circuit breaker opens and closes.
void keepOutageOnly(Plan& plan, Random& random) {
  plan.mix = {};
  plan.mix.set(Fault::outage);
  plan.mix.set(Fault::impatient);
  std::erase_if(plan.actions, [](const Action& action) {
    return action.kind != Kind::fetch && action.kind != Kind::login && action.kind != Kind::outage;
  });
  const Settings usual;
  plan.settings.keep = usual.keep;
  plan.settings.keepUnconfirmed = usual.keepUnconfirmed;
  plan.settings.maxEntries = usual.maxEntries;
  plan.settings.processes = usual.processes;
  for (Action& action : plan.actions) action.process = 0;
  constexpr unsigned browsers = 5;
  for (; plan.settings.browsers < browsers; ++plan.settings.browsers) {
    plan.actions.insert(plan.actions.begin(), {Millis{0}, Kind::login, plan.settings.browsers, 0, random.next()});
  }
  plan.actions.push_back({plan.actions.back().at, Kind::outage, 0, 0, random.next()});
}

// What the rules of conduct.hpp need, from draws of its own: the seed's other draws do not depend on it.
void drawConduct(Plan& plan, Random& random) {
  const double most = random.of({0.0, 0.0, 0.1, 0.4});
  for (auto fault = static_cast<unsigned>(firstOfConduct); fault < static_cast<unsigned>(Fault::count); ++fault) {
    if (random.chance(most)) plan.mix.set(static_cast<Fault>(fault));
  }
  plan.settings.tellsSubjectOnce = random.chance(0.2);
  if (random.chance(0.15)) plan.settings.absoluteTtl = Seconds{random.of({600, 3600})};
  if (!plan.mix.has(Fault::impatient)) return;
  if (random.chance(0.3)) keepOutageOnly(plan, random);
  const Millis last = plan.actions.back().at;
  for (std::int64_t times = random.between(1, 3); times > 0; --times) {
    Millis at{random.between(4'000, std::max<std::int64_t>(last.count(), 4'000))};
    // Best when something has just begun to fail, and every access token is over.
    const auto fails = std::find_if(plan.actions.begin(), plan.actions.end(), [](const Action& action) {
      return action.kind == Kind::outage || action.kind == Kind::poison || action.kind == Kind::refuseApi;
    });
    if (fails != plan.actions.end() && random.chance(0.7)) {
      at = fails->at;
      if (fails->kind != Kind::refuseApi) plan.actions.push_back({at, Kind::endAccess, 0, 0, random.next()});
    }
    const auto steps = random.between(20, 60);
    const auto pace = random.of({5, 300, 1'000});
    for (std::int64_t i = 0; i < steps; ++i) {
      at += Millis{random.between(pace / 2, pace)};
      plan.actions.push_back({at, Kind::fetch, static_cast<unsigned>(random.below(plan.settings.browsers)),
                              static_cast<unsigned>(random.below(plan.settings.processes)), random.next()});
    }
  }
  sortByTime(plan);
}

std::string describeRedis(const Settings& s) {
  if (!s.redis.isUsed) return {};
  std::string text = ", " + std::to_string(s.processes) + " processes over Redis";
  if (s.redis.sentinel) text += " with sentinels";
  if (s.redis.list) text += ", a list of logouts";
  return text + (s.redis.failsWithout ? ", fails without" : "");
}

Plan drawn(Random& random, std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  const double most = random.of({0.05, 0.15, 0.3, 0.6});
  for (unsigned fault = 0; fault < static_cast<unsigned>(firstOfRedis); ++fault) {
    const auto one = static_cast<Fault>(fault);
    const bool isOften = one == Fault::severalTabs || one == Fault::longPauses;
    if (random.chance(isOften ? 0.5 : most)) plan.mix.set(one);
  }
  plan.settings = settingsOf(random, plan.mix);
  const Tempo tempo = random.of({Tempo{40, 3'000, 0.1}, Tempo{1'000, 20'000, 0.1}, Tempo{8'000, 70'000, 0.2}});
  Millis at{0};
  const auto add = [&](Kind kind, unsigned browser) {
    plan.actions.push_back(
        {at, kind, browser, static_cast<unsigned>(random.below(plan.settings.processes)), random.next()});
  };
  for (unsigned browser = 0; browser < plan.settings.browsers; ++browser) add(Kind::login, browser);
  at += Millis{4'000};
  const std::int64_t steps = random.between(8, 45);
  for (std::int64_t i = 0; i < steps; ++i) {
    if (plan.mix.has(Fault::longPauses) && random.chance(0.08)) {
      at += Millis{random.of({61'000, 130'000, 601'000, 1'300'000, 3'700'000})};
    } else {
      at += Millis{random.between(0, random.chance(tempo.pauses) ? tempo.pause : tempo.usual)};
    }
    const auto browser = static_cast<unsigned>(random.below(plan.settings.browsers));
    if (plan.mix.has(Fault::longChains) && random.chance(0.06)) {
      for (std::int64_t links = random.between(17, 22); links > 0; --links) {
        add(Kind::refresh, browser);
        at += Millis{random.between(350, 450)};
      }
    }
    const Kind kind = kindOf(random, plan.mix);
    const bool isBurst = kind == Kind::fetch && plan.mix.has(Fault::severalTabs) && random.chance(0.4);
    for (std::int64_t more = isBurst ? random.between(2, 5) : 1; more > 0; --more) {
      add(kind, browser);
      if (more > 1) at += Millis{random.between(0, 30)};
    }
  }
  return plan;
}

}  // namespace

std::string_view nameOf(Fault fault) { return faults.at(static_cast<std::size_t>(fault)); }
std::string_view nameOf(Kind kind) { return kinds.at(static_cast<std::size_t>(kind)); }

void sortByTime(Plan& plan) {
  std::stable_sort(plan.actions.begin(), plan.actions.end(),
                   [](const Action& a, const Action& b) { return a.at < b.at; });
}

Plan draw(std::uint64_t seed) {
  Random random(mixed(seed, "plan"));
  Plan plan = drawn(random, seed);
  Random ofConduct(mixed(seed, "conduct"));
  drawConduct(plan, ofConduct);
  Random ofPlaces(mixed(seed, "places"));
  if (ofPlaces.chance(0.2)) plan.settings.maxCalls = 1;
  plan.settings.refusalMayEnd = plan.settings.isPlain && ofPlaces.chance(0.4);
  return plan;
}

Plan drawFrom(std::span<const std::uint8_t> bytes) {
  const bool isOverRedis = !bytes.empty() && bytes.front() % 2 == 1;
  Random random(bytes.subspan(bytes.empty() ? 0 : 1));
  const std::uint64_t seed = random.next();
  Plan plan = drawn(random, seed);
  drawConduct(plan, random);
  return isOverRedis ? overRedis(std::move(plan), random) : plan;
}

std::string describe(const Plan& plan) {
  const Settings& s = plan.settings;
  std::string text = "seed " + std::to_string(plan.seed) + ": ";
  text += s.isPlain ? "rotation " + std::to_string(static_cast<int>(s.rotation)) + " with grace " +
                          std::to_string(s.grace.count()) + " s"
                    : "provider " + std::string(ironjar::profiles::nameOf(s.profile));
  text += s.strictClient ? ", strict" : s.gracedClient ? ", replays within grace" : "";
  text += ", access tokens of " + std::to_string(s.lifetime.count()) + " s, keep " + std::to_string(s.keep.count()) +
          "/" + std::to_string(s.keepUnconfirmed.count()) + " s, " + std::to_string(s.maxEntries) + " entries" +
          describeRedis(s) + ", faults:";
  for (unsigned fault = 0; fault < static_cast<unsigned>(Fault::count); ++fault) {
    if (plan.mix.has(static_cast<Fault>(fault))) text += " " + std::string(nameOf(static_cast<Fault>(fault)));
  }
  return text;
}

}  // namespace sim
