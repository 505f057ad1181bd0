// parseCookies: headers as sites send them, and the ones that cost most.
#include "support.hpp"

#include <array>
#include <benchmark/benchmark.h>

#include <ironjar/cookie.hpp>

namespace {

// Analytics, consent and advertising, then a session: what a browser sends to a shop.
std::string realHeader(std::size_t size) {
  constexpr std::array<std::string_view, 6> others = {
      "_ga=GA1.2.1234567890.1700000000",
      "_gid=GA1.2.987654321.1700000001",
      "OptanonConsent=isGpcEnabled=0&datestamp=Sat+Nov+21+2026&version=202310.2.0&groups=C0001%3A1%2CC0002%3A0",
      "_fbp=fb.1.1700000000000.1234567890",
      "intercom-session-abcd1234=dGhpcyBpcyBub3QgYSBzZWNyZXQ",
      "theme=dark"};
  std::string header;
  for (std::size_t i = 0; header.size() + 160 < size; ++i) {
    header += std::string(others[i % others.size()]).insert(0, i < others.size() ? "" : "x" + std::to_string(i) + "_");
    header += "; ";
  }
  header += "session=";
  header.resize(std::max(header.size(), size), 'A');
  return header;
}

std::string repeated(std::string_view piece, std::size_t size) {
  std::string header;
  while (header.size() < size) header += piece;
  header.resize(size);
  return header;
}

void parse(benchmark::State& state, const std::string& header) {
  for (auto _ : state) benchmark::DoNotOptimize(ironjar::parseCookies(header));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(header.size()));
}

void parseReal(benchmark::State& state) { parse(state, realHeader(static_cast<std::size_t>(state.range(0)))); }

template <char... piece>
void parseWorst(benchmark::State& state) {
  constexpr std::array<char, sizeof...(piece)> text = {piece...};
  parse(state, repeated({text.data(), text.size()}, static_cast<std::size_t>(state.range(0))));
}

void worstSizes(benchmark::internal::Benchmark* run) { run->Arg(8192)->Arg(16384); }

BENCHMARK(parseReal)->Name("cookies/real")->RangeMultiplier(2)->Range(1024, 8192);
BENCHMARK(parseWorst<'a', '=', ';'>)->Name("cookies/manyPairs")->Apply(worstSizes);
BENCHMARK(parseWorst<'='>)->Name("cookies/onlyEquals")->Apply(worstSizes);
BENCHMARK(parseWorst<';'>)->Name("cookies/onlySemicolons")->Apply(worstSizes);
BENCHMARK(parseWorst<' '>)->Name("cookies/onlySpaces")->Apply(worstSizes);
BENCHMARK(parseWorst<'=', ';'>)->Name("cookies/emptyNames")->Apply(worstSizes);
BENCHMARK(parseWorst<' ', ' ', ' ', ' ', ' ', ' ', ' ', 'a', '=', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ';'>)
    ->Name("cookies/trimming")
    ->Apply(worstSizes);

}  // namespace
