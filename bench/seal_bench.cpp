// Sealing and opening, each beside its floor. `text`: JSON text in and out, the formats alone, without the reading by
// which every caller's text is checked. `json`: a session's value in and out, as sealData and unsealData do, with all
// checks.
#include "floors.hpp"
#include "seal/seal_format.hpp"
#include "support.hpp"

#include <benchmark/benchmark.h>

namespace {

using ironjar::Passwords;
using ironjar::SealFormat;

constexpr SealFormat native = SealFormat::native;
constexpr SealFormat fe26 = SealFormat::fe26;

template <SealFormat format>
void sealText(benchmark::State& state) {
  const Passwords passwords(bench::password);
  const auto options = bench::sealing(format);
  const std::string json = bench::sessionText(state.range(0));
  for (auto _ : state) {
    auto seal = ironjar::detail::seal(ironjar::detail::Plain::ofText(json), passwords.keyring(), options,
                                      {.ttl = ironjar::detail::ttlOf(options)});
    if (!seal) return state.SkipWithError("not sealed");
    benchmark::DoNotOptimize(seal);
  }
}

template <SealFormat format>
void unsealText(benchmark::State& state) {
  const Passwords passwords(bench::password);
  const auto options = bench::sealing(format);
  const auto seal = ironjar::sealData(bench::session(state.range(0)), passwords, options).value();
  for (auto _ : state) {
    ironjar::detail::Scratch memory;
    auto opened = ironjar::detail::open(seal, passwords.keyring(), options, memory);
    if (!opened) return state.SkipWithError("not opened");
    benchmark::DoNotOptimize(opened->json);
  }
}

template <SealFormat format>
void sealJson(benchmark::State& state) {
  const Passwords passwords(bench::password);
  const auto options = bench::sealing(format);
  const auto data = bench::session(state.range(0));
  for (auto _ : state) {
    auto seal = ironjar::sealData(data, passwords, options);
    if (!seal) return state.SkipWithError("not sealed");
    benchmark::DoNotOptimize(seal);
  }
}

template <SealFormat format>
void unsealJson(benchmark::State& state) {
  const Passwords passwords(bench::password);
  const auto options = bench::sealing(format);
  const auto seal = ironjar::sealData(bench::session(state.range(0)), passwords, options).value();
  for (auto _ : state) {
    auto data = ironjar::unsealData(seal, passwords, options);
    if (!data) return state.SkipWithError("not opened");
    benchmark::DoNotOptimize(data);
  }
}

template <class Floor>
void sealFloor(benchmark::State& state) {
  Floor floor(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) floor.seal();
}

template <class Floor>
void unsealFloor(benchmark::State& state) {
  Floor floor(static_cast<std::size_t>(state.range(0)));
  floor.seal();
  for (auto _ : state) floor.unseal();
}

void sizes(benchmark::internal::Benchmark* run) { run->Arg(128)->Arg(1024)->Arg(3072); }
void sizesAndThreads(benchmark::internal::Benchmark* run) {
  sizes(run);
  run->Arg(1000)->ThreadRange(1, 2)->UseRealTime();
}

BENCHMARK(sealFloor<bench::NativeFloor>)->Name("floor/native/seal")->Apply(sizes);
BENCHMARK(unsealFloor<bench::NativeFloor>)->Name("floor/native/unseal")->Apply(sizes);
BENCHMARK(sealFloor<bench::Fe26Floor>)->Name("floor/fe26/seal")->Apply(sizes);
BENCHMARK(unsealFloor<bench::Fe26Floor>)->Name("floor/fe26/unseal")->Apply(sizes);

BENCHMARK(sealText<native>)->Name("text/native/seal")->Apply(sizes);
BENCHMARK(unsealText<native>)->Name("text/native/unseal")->Apply(sizes);
BENCHMARK(sealText<fe26>)->Name("text/fe26/seal")->Apply(sizes);
BENCHMARK(unsealText<fe26>)->Name("text/fe26/unseal")->Apply(sizes);

BENCHMARK(sealJson<native>)->Name("json/native/seal")->Apply(sizesAndThreads);
BENCHMARK(unsealJson<native>)->Name("json/native/unseal")->Apply(sizesAndThreads);
BENCHMARK(sealJson<fe26>)->Name("json/fe26/seal")->Apply(sizesAndThreads);
BENCHMARK(unsealJson<fe26>)->Name("json/fe26/unseal")->Apply(sizesAndThreads);

}  // namespace
