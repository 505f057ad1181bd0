// performFetch over a transport that answers at once: what ironjar itself adds to a request.
#include "support.hpp"

#include <benchmark/benchmark.h>

#include <ironjar/fetch.hpp>
#include <ironjar/tokens.hpp>

namespace {

ironjar::Result<ironjar::Response> answer(const ironjar::Request&, ironjar::Deadline) {
  return ironjar::Response{.status = 200, .body = "{}"};
}

void fetchNull(benchmark::State& state) {
  const ironjar::Fetcher api(
      {.transport = answer,
       .allowedOrigins = {"https://api.example"},
       .tokenEndpoint = {.url = "https://id.example/token", .clientAuth = ironjar::basicAuth("web", "secret")}});
  ironjar::Session session;
  session.assign(bench::session(1024));
  session.setTokens({.accessToken = std::string(600, 'a'),
                     .refreshToken = std::string(43, 'r'),
                     .expiresAt = ironjar::systemClock() + std::chrono::hours{1},
                     .lifetime = ironjar::Seconds{3600}});
  for (auto _ : state) {
    auto response = api.performFetch(session, {.url = "https://api.example/profile"});
    if (!response) return state.SkipWithError("no response");
    benchmark::DoNotOptimize(response);
  }
}

void transportAlone(benchmark::State& state) {
  const ironjar::Transport transport = answer;
  for (auto _ : state) {
    auto response = transport(
        {.url = "https://api.example/profile", .headers = {{"Authorization", "Bearer " + std::string(600, 'a')}}},
        std::chrono::steady_clock::now() + std::chrono::seconds{30});
    benchmark::DoNotOptimize(response);
  }
}

BENCHMARK(fetchNull)->Name("fetch/nullTransport");
BENCHMARK(transportAlone)->Name("floor/fetch/nullTransport");

}  // namespace
