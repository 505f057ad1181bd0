// SessionJar: a request that only reads its session, and one that also writes it.
#include "support.hpp"

#include <benchmark/benchmark.h>

#include <ironjar/session.hpp>

namespace {

using ironjar::SealFormat;

ironjar::SessionJar makeJar(SealFormat format) {
  return ironjar::SessionJar(
      {.cookieName = "__Host-session", .passwords = bench::password, .seal = {.formats = {format}}});
}

std::string headerWith(const ironjar::SessionJar& jar, std::int64_t size) {
  ironjar::Session session = jar.open("");
  session.assign(bench::session(size));
  const std::string cookie = jar.commit(session).value().front();
  return "theme=dark; " + cookie.substr(0, cookie.find(';')) + "; _ga=GA1.2.1234567890.1700000000";
}

template <SealFormat format>
void open(benchmark::State& state) {
  const auto jar = makeJar(format);
  const std::string header = headerWith(jar, state.range(0));
  for (auto _ : state) {
    ironjar::Session session = jar.open(header);
    if (session.empty()) return state.SkipWithError("not opened");
    benchmark::DoNotOptimize(session);
  }
}

template <SealFormat format>
void openSetCommit(benchmark::State& state) {
  const auto jar = makeJar(format);
  const std::string header = headerWith(jar, state.range(0));
  int visits = 0;
  for (auto _ : state) {
    ironjar::Session session = jar.open(header);
    session.set("visits", ++visits);
    auto cookies = jar.commit(session);
    if (!cookies || cookies->size() != 1) return state.SkipWithError("not committed");
    benchmark::DoNotOptimize(cookies);
  }
}

void setSameValue(benchmark::State& state) {
  const auto value = bench::session(state.range(0));
  ironjar::Session session;
  session.set("all", value);
  for (auto _ : state) session.set("all", value);
}

BENCHMARK(open<SealFormat::native>)->Name("session/native/open")->Arg(1024);
BENCHMARK(open<SealFormat::fe26>)->Name("session/fe26/open")->Arg(1024);
BENCHMARK(openSetCommit<SealFormat::native>)->Name("session/native/openCommit")->Arg(1024);
BENCHMARK(openSetCommit<SealFormat::fe26>)->Name("session/fe26/openCommit")->Arg(1024);
BENCHMARK(setSameValue)->Name("session/setSameValue")->Arg(1024);

}  // namespace
