// What the coordinator adds to each request: asking for newer tokens, by how many it remembers.
#include "support.hpp"

#include <benchmark/benchmark.h>
#include <map>
#include <memory>

#include <ironjar/coordinator.hpp>

namespace {

using ironjar::LocalCoordinator;
using ironjar::RefreshCoordinator;
using ironjar::TokenSet;

constexpr const char* client = "https://id.example web";

TokenSet tokensOf(const char* kind, std::int64_t n) {
  const std::string text = std::to_string(n);
  return {.accessToken = std::string("access-") + kind + text, .refreshToken = std::string("refresh-") + kind + text};
}

// One that remembers as many spent tokens, each with its successor. Filling takes a while, so it is kept.
LocalCoordinator& filledWith(std::int64_t entries) {
  static std::map<std::int64_t, std::unique_ptr<LocalCoordinator>> filled;
  auto& coordinator = filled[entries];
  if (coordinator) return *coordinator;
  coordinator = std::make_unique<LocalCoordinator>(ironjar::LocalCoordinatorOptions{
      .keepUnconfirmed = std::chrono::hours{1}, .maxEntries = 4'000'000, .maxBytes = std::size_t{4} << 30U});
  for (std::int64_t n = 0; n < entries; ++n) {
    const auto answer = [n](const TokenSet&) { return ironjar::RefreshAnswer{tokensOf("new", n)}; };
    const auto refreshed = coordinator->refresh(client, tokensOf("old", n), answer,
                                                std::chrono::steady_clock::now() + std::chrono::minutes{1});
    if (!refreshed) throw std::runtime_error("the coordinator could not be filled");
  }
  return *coordinator;
}

void ask(benchmark::State& state, const char* kind, RefreshCoordinator::From from) {
  auto& coordinator = filledWith(state.range(0));
  std::int64_t n = 0;
  for (auto _ : state) {
    const auto result = coordinator.newest(client, tokensOf(kind, n), from);
    if (!result) return state.SkipWithError("refused");
    benchmark::DoNotOptimize(result);
    n = (n + 7919) % state.range(0);
  }
}

// The tokens are the newest of a chain.
void newest(benchmark::State& state) { ask(state, "new", RefreshCoordinator::From::memory); }
// They are spent: their successors come back.
void chain(benchmark::State& state) { ask(state, "old", RefreshCoordinator::From::memory); }
// Nothing is known of them: the usual case.
void miss(benchmark::State& state) { ask(state, "unknown", RefreshCoordinator::From::memory); }

void entries(benchmark::internal::Benchmark* run) { run->Arg(1)->Arg(10'000)->Arg(1'000'000); }

BENCHMARK(newest)->Name("coordinator/hit")->Apply(entries);
BENCHMARK(chain)->Name("coordinator/chain")->Apply(entries);
BENCHMARK(miss)->Name("coordinator/miss")->Apply(entries);

}  // namespace
