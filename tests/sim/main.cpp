// Plays histories, and says which violate what:
//   ironjar_sim [--seeds N] [--from N] [--seconds N] [--all]    two of each seed, without Redis and over it, or one:
//   [--alone | --redis] [--fingerprints]                        --all goes on after a violation, and says a line of
//                                                               each; --fingerprints says what each history came to,
//                                                               and shows it with --trace
//   ironjar_sim --seed N [--redis] [--trace]                    one; --trace shows it, shortened if it violates
//                                                               something
// Exits with 1 at the first violation.
#include "sim/play.hpp"
#include "sim/random.hpp"
#include "sim/visited.hpp"

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
  bool isAlone = false;
  bool isOverRedis = false;
  bool saysFingerprints = false;
};

void report(const Plan& plan, const sim::Violation& violation) {
  std::printf("%s\nagain: ironjar_sim --seed %llu%s --trace\n", sim::explain(plan, violation).c_str(),
              static_cast<unsigned long long>(plan.seed), plan.settings.redis.isUsed ? " --redis" : "");
}

int playOne(const Options& options) {
  const Plan plan = options.isOverRedis ? sim::drawOverRedis(*options.seed) : sim::draw(*options.seed);
  const Played played = sim::play(plan, options.traces);
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
  std::uint64_t histories = 0;
  std::uint64_t violations = 0;
  std::map<std::string, std::uint64_t> causes;
  while (options.seconds ? passed() < static_cast<double>(*options.seconds) : seeds < options.seeds) {
    const bool isOverRedis = options.isOverRedis || (!options.isAlone && histories % 2 == 1);
    const std::uint64_t seed = options.from + seeds;
    const Plan plan = isOverRedis ? sim::drawOverRedis(seed) : sim::draw(seed);
    const Played played = sim::play(plan, options.saysFingerprints);
    ++histories;
    if (options.saysFingerprints) {
      std::printf("%llu%s %016llx\n", static_cast<unsigned long long>(seed), isOverRedis ? " --redis" : "",
                  static_cast<unsigned long long>(sim::mixed(0, played.diagram)));
      if (options.traces) std::printf("%s\n", played.diagram.c_str());
    }
    if (isOverRedis || options.isAlone) ++seeds;
    requests += played.requests;
    for (const auto& [name, count] : played.causes) causes[name] += count;
    if (!played.violation) continue;
    if (!options.goesOn) {
      report(plan, *played.violation);
      return 1;
    }
    ++violations;
    std::printf("%llu%s: %s: %s\n", static_cast<unsigned long long>(plan.seed), isOverRedis ? " --redis" : "",
                played.violation->rule.c_str(), played.violation->what.c_str());
  }
  std::printf("%llu histories from seed %llu, %llu requests, %.0f a second\n",
              static_cast<unsigned long long>(histories), static_cast<unsigned long long>(options.from),
              static_cast<unsigned long long>(requests), static_cast<double>(requests) / passed());
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
    bool* const flag = name == "--trace"          ? &options.traces
                       : name == "--all"          ? &options.goesOn
                       : name == "--alone"        ? &options.isAlone
                       : name == "--redis"        ? &options.isOverRedis
                       : name == "--fingerprints" ? &options.saysFingerprints
                                                  : nullptr;
    if (flag != nullptr) {
      *flag = true;
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
    std::fputs(
        "ironjar_sim [--seeds N] [--from N] [--seconds N] [--all] [--alone | --redis] [--fingerprints [--trace]]\n"
        "ironjar_sim --seed N [--redis] [--trace]\n",
        stderr);
    return 2;
  }
  return options->seed ? playOne(*options) : playMany(*options);
}
