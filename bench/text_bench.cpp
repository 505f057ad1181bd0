// What is between a session's value and its seal's text: JSON and base64url.
#include "base/base64url.hpp"
#include "json/json.hpp"
#include "support.hpp"

#include <benchmark/benchmark.h>

namespace {

using ironjar::detail::Base64urlBy;

std::string bytesOf(std::int64_t size) {
  std::string data(static_cast<std::size_t>(size), '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 131 + i / 7);
  return data;
}

void countBytes(benchmark::State& state) { state.SetBytesProcessed(state.iterations() * state.range(0)); }

template <Base64urlBy by>
void encode(benchmark::State& state) {
  const std::string data = bytesOf(state.range(0));
  std::string text(ironjar::detail::base64urlSize(data.size()), '\0');
  for (auto _ : state) {
    ironjar::detail::writeBase64url(text.data(), ironjar::detail::bytes(data), by);
    benchmark::ClobberMemory();
  }
  countBytes(state);
}

// Counted in bytes decoded to.
template <Base64urlBy by>
void decode(benchmark::State& state) {
  std::string data = bytesOf(state.range(0));
  std::string text;
  ironjar::detail::appendBase64url(text, ironjar::detail::bytes(data));
  const auto out = ironjar::detail::writable(data.data(), data.size());
  for (auto _ : state) {
    if (!ironjar::detail::decodeBase64url(text, out, by)) return state.SkipWithError("not decoded");
    benchmark::ClobberMemory();
  }
  countBytes(state);
}

void parse(benchmark::State& state) {
  const std::string text = bench::sessionText(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(ironjar::detail::parseJson(text));
  countBytes(state);
}

void write(benchmark::State& state) {
  const auto data = bench::session(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(ironjar::detail::writeJson(data));
  countBytes(state);
}

void check(benchmark::State& state) {
  const auto data = bench::session(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(ironjar::detail::jsonBound(data));
  countBytes(state);
}

BENCHMARK(encode<Base64urlBy::fastest>)->Name("base64url/encode")->Arg(1120)->Arg(16384);
BENCHMARK(decode<Base64urlBy::fastest>)->Name("base64url/decode")->Arg(1120)->Arg(16384);
BENCHMARK(encode<Base64urlBy::table>)->Name("base64url/encodeByTable")->Arg(1120)->Arg(16384);
BENCHMARK(decode<Base64urlBy::table>)->Name("base64url/decodeByTable")->Arg(1120)->Arg(16384);
BENCHMARK(parse)->Name("json/parse")->Arg(128)->Arg(1000)->Arg(1024)->Arg(3072);
BENCHMARK(write)->Name("json/write")->Arg(128)->Arg(1000)->Arg(1024)->Arg(3072);
BENCHMARK(check)->Name("json/check")->Arg(128)->Arg(1000)->Arg(1024)->Arg(3072);

}  // namespace
