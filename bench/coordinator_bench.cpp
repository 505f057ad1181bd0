// What the coordinator adds to each request: asking for newer tokens, by how many it remembers and by threads.
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
constexpr int digits = 8;

// Tokens by number, written in place: what they cost is not what is measured.
class Tokens {
 public:
  explicit Tokens(const std::string& kind)
      : tokens_{.accessToken = "access-token-of-" + kind + std::string(digits, '0'),
                .refreshToken = "refresh-token-of-" + kind + std::string(digits, '0')} {}
  const TokenSet& at(std::int64_t n) {
    char* access = tokens_.accessToken.data() + tokens_.accessToken.size();
    char* refresh = tokens_.refreshToken.data() + tokens_.refreshToken.size();
    for (int i = 0; i < digits; ++i, n /= 10) *--access = *--refresh = static_cast<char>('0' + n % 10);
    return tokens_;
  }

 private:
  TokenSet tokens_;
};

// One that remembers as many spent tokens, each with its successor, which its browser has brought. Filling takes a
// while, so it is kept.
LocalCoordinator& filledWith(std::int64_t entries) {
  static std::map<std::int64_t, std::unique_ptr<LocalCoordinator>> filled;
  auto& coordinator = filled[entries];
  if (coordinator) return *coordinator;
  coordinator =
      std::make_unique<LocalCoordinator>(ironjar::LocalCoordinatorOptions{.keep = std::chrono::hours{1},
                                                                          .keepUnconfirmed = std::chrono::hours{1},
                                                                          .maxEntries = 4'000'000,
                                                                          .maxBytes = std::size_t{8} << 30U});
  Tokens spent("old");
  for (std::int64_t n = 0; n < entries; ++n) {
    const auto answer = [n](const TokenSet&) { return ironjar::RefreshAnswer{Tokens("new").at(n)}; };
    const auto refreshed =
        coordinator->refresh(client, spent.at(n), answer, std::chrono::steady_clock::now() + std::chrono::minutes{1});
    if (!refreshed || !coordinator->newest(client, refreshed->tokens, RefreshCoordinator::From::cookie))
      throw std::runtime_error("the coordinator could not be filled");
  }
  return *coordinator;
}

void ask(benchmark::State& state, const char* kind) {
  static LocalCoordinator* coordinator = nullptr;
  if (state.thread_index() == 0) coordinator = &filledWith(state.range(0));
  Tokens tokens(kind);
  std::int64_t n = state.thread_index();
  for (auto _ : state) {
    const auto result = coordinator->newest(client, tokens.at(n), RefreshCoordinator::From::cookie);
    if (!result) return state.SkipWithError("refused");
    benchmark::DoNotOptimize(result);
    n = (n + 7919) % state.range(0);
  }
}

// The tokens are the newest of a chain.
void newest(benchmark::State& state) { ask(state, "new"); }
// They are spent: their successors come back.
void chain(benchmark::State& state) { ask(state, "old"); }
// Nothing is known of them: the usual case.
void miss(benchmark::State& state) { ask(state, "unknown"); }

void entries(benchmark::internal::Benchmark* run) { run->Arg(1)->Arg(10'000)->Arg(1'000'000)->ThreadRange(1, 2); }

BENCHMARK(newest)->Name("coordinator/hit")->Apply(entries)->UseRealTime();
BENCHMARK(chain)->Name("coordinator/chain")->Apply(entries)->UseRealTime();
BENCHMARK(miss)->Name("coordinator/miss")->Apply(entries)->UseRealTime();

}  // namespace
