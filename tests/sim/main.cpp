// Plays histories, and says which violate what:
//   ironjar_sim [--seeds N] [--from N] [--seconds N] [--all]    --all goes on after a violation, and says one line of
//   each ironjar_sim --seed N [--trace]    one of them; --trace shows it, shortened if it violates something
// Exits with 1 at the first violation.
#include "sim/deterministic.hpp"
#include "sim/shrink.hpp"
#include "sim/visited.hpp"
#include "sim/world.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string>

namespace {

using sim::Plan;
using sim::Played;

struct Options {
  std::uint64_t from = 1;
  std::uint64_t seeds = 1000;
  std::optional<std::uint64_t> seconds;
  std::optional<std::uint64_t> seed;
  bool traces = false;
  bool goesOn = false;
};

Played play(const Plan& plan, bool traces = false) {
  sim::seedRandom(plan.seed);
  sim::beginVisits();
  sim::World world(plan, traces);
  return world.play();
}

void report(const Plan& plan, const sim::Violation& violation) {
  const Plan shortest = sim::shrunk(plan, [&](const Plan& shorter) {
    const Played again = play(shorter);
    return again.violation && again.violation->rule == violation.rule;
  });
  const Played played = play(shortest, true);
  std::printf("VIOLATION of \"%s\" at %.3f s: %s\n", violation.rule.c_str(),
              static_cast<double>(violation.at.count()) / 1000, violation.what.c_str());
  std::printf("%s\n\nshortened from %zu to %zu events:\n%s\n%s: %s\n\n", sim::describe(plan).c_str(),
              plan.actions.size(), shortest.actions.size(), sim::describe(shortest).c_str(),
              played.violation->rule.c_str(), played.violation->what.c_str());
  std::printf("%s\nagain: ironjar_sim --seed %llu --trace\n", played.diagram.c_str(),
              static_cast<unsigned long long>(plan.seed));
}

int playOne(const Options& options) {
  const Plan plan = sim::draw(*options.seed);
  const Played played = play(plan, options.traces);
  if (played.violation) {
    report(plan, *played.violation);
    return 1;
  }
  std::printf("%s\n%s", sim::describe(plan).c_str(), played.diagram.c_str());
  return 0;
}

int playMany(const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  std::uint64_t requests = 0;
  std::uint64_t seeds = 0;
  std::uint64_t violations = 0;
  std::map<std::string, std::uint64_t> causes;
  while (options.seconds ? passed() < static_cast<double>(*options.seconds) : seeds < options.seeds) {
    const Plan plan = sim::draw(options.from + seeds);
    const Played played = play(plan);
    ++seeds;
    requests += played.requests;
    for (const auto& [name, count] : played.causes) causes[name] += count;
    if (!played.violation) continue;
    if (!options.goesOn) {
      report(plan, *played.violation);
      return 1;
    }
    ++violations;
    std::printf("%llu: %s: %s\n", static_cast<unsigned long long>(plan.seed), played.violation->rule.c_str(),
                played.violation->what.c_str());
  }
  std::printf("%llu histories from seed %llu, %llu requests, %.0f a second\n", static_cast<unsigned long long>(seeds),
              static_cast<unsigned long long>(options.from), static_cast<unsigned long long>(requests),
              static_cast<double>(requests) / passed());
  for (const auto& [name, count] : causes)
    std::printf("  %-45s %llu\n", name.c_str(), static_cast<unsigned long long>(count));
  const sim::Visits visits = sim::visits();
  std::printf("%zu of %zu transitions of the token states were visited\n", visits.visited, visits.all);
  for (const std::string& missing : visits.missing) std::printf("  not %s\n", missing.c_str());
  if (violations > 0) std::printf("%llu violate something\n", static_cast<unsigned long long>(violations));
  return violations > 0 ? 1 : 0;
}

std::optional<std::uint64_t> number(const char* text) {
  std::uint64_t value = 0;
  const char* end = text + std::strlen(text);
  const auto [at, problem] = std::from_chars(text, end, value);
  return problem == std::errc() && at == end ? std::optional(value) : std::nullopt;
}

std::optional<Options> optionsIn(std::span<char*> arguments) {
  Options options;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string name = arguments[i];
    if (name == "--trace" || name == "--all") {
      (name == "--all" ? options.goesOn : options.traces) = true;
      continue;
    }
    const auto value = i + 1 < arguments.size() ? number(arguments[++i]) : std::nullopt;
    if (!value) return std::nullopt;
    if (name == "--seeds") {
      options.seeds = *value;
    } else if (name == "--from") {
      options.from = *value;
    } else if (name == "--seconds") {
      options.seconds = value;
    } else if (name == "--seed") {
      options.seed = value;
    } else {
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = optionsIn({argv, static_cast<std::size_t>(argc)});
  if (!options) {
    std::fputs("ironjar_sim [--seeds N] [--from N] [--seconds N] | --seed N [--trace]\n", stderr);
    return 2;
  }
  return options->seed ? playOne(*options) : playMany(*options);
}
