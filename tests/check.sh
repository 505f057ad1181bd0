#!/usr/bin/env bash
# The one command for everything: installs what is missing, builds, tests.
#
#   bash tests/check.sh            g++, Release: build and all tests
#   bash tests/check.sh clang      the same with clang++
#   bash tests/check.sh asan       the same under AddressSanitizer and UndefinedBehaviorSanitizer
#   bash tests/check.sh tsan       what shares data among threads, under ThreadSanitizer
#   bash tests/check.sh install    every way to consume the library, and every public header alone
#   bash tests/check.sh bench      the benchmarks build and run; no figures
#   bash tests/check.sh format     clang-format, nothing changed
#   bash tests/check.sh fuzz [s]   every fuzzer, 60 s each or as long as told
#   bash tests/check.sh ct         constant time: no branch or address depends on a key
#   bash tests/check.sh static     clang-tidy and cppcheck; with `cppcheck` behind it, that alone
#   bash tests/check.sh canary     no secret in logs, errors, metrics, core dumps or argv; --brief: without the suite
#   bash tests/check.sh coverage   which lines and branches of lib/ the tests run
#   bash tests/check.sh soak [min] the demo under load while its provider fails in every way
#   bash tests/check.sh security   smuggling through nginx and haproxy, a hostile API
#   bash tests/check.sh browsers [n]
#                                  n histories of browsers with several tabs, 2,000 unless told
#   bash tests/check.sh mutants [--seeds N] [number...]
#                                  faults planted one by one, all or those: each must fail a test, most the simulator
#   bash tests/check.sh sim [seeds] [--seed n [--redis] --trace]
#                                  simulated histories of refreshing, 25,000 seeds unless told; one of them, drawn
#   bash tests/check.sh hardened   what our binaries are built with
#   bash tests/check.sh reproducible
#                                  two builds in different folders are one
#   bash tests/check.sh chromium [folder]
#                                  the demo in Debian's Chromium: tabs, back button, profiles, preloading, a service
#                                  worker; screenshots in the folder, if one is named. Nightly: the download is large
#   bash tests/check.sh all        what every change must pass, in an hour on two slow cores: all of these but clang,
#                                  which asan's build stands for, and what is nightly
#   bash tests/check.sh nightly    longer loads, the benchmarks, tsan, clang-tidy, secrets in the suite, coverage,
#                                  Chromium, two builds, planted faults, 10 min a fuzzer, an hour of soak, 100,000
#                                  histories of browsers
#
# Warnings are errors. Build folders are under build/.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=support/packages.sh
. "$root/tests/support/packages.sh"
export CTEST_OUTPUT_ON_FAILURE=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime  # for precompiled headers

test_packages=("${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${curl_packages[@]}"
  "${redis_packages[@]}" "${front_packages[@]}" "${server_packages[@]}" doctest-dev ccache openssl curl libcli11-dev
  binutils python3 mypy)

# build_and_test NAME [cmake options]
build_and_test() {
  need_node
  local build="$root/build/$1" node=OFF
  echo "== $1"
  if [[ " $* " == *IRONJAR_SANITIZE* ]]; then
    echo "(the bindings of Node and Python cannot be loaded with a sanitizer in them: built and tested without)"
  elif command -v node >/dev/null && need_node_headers "$build"; then
    node=ON
  else
    echo "NODE OR ITS HEADERS ARE MISSING: the Node package is NOT tested"
  fi
  cmake -S "$root" -B "$build" -G Ninja -DIRONJAR_DEVELOPER=ON -DIRONJAR_BUILD_NODE=$node \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache "${@:2}" >/dev/null
  cmake --build "$build"
  echo "the redis_* tests start redis-servers of their own, each on a free port and in a temporary folder"
  ctest --test-dir "$build" --no-tests=error -j "$(nproc)"
}

release() { IRONJAR_LOAD=${IRONJAR_LOAD:-10} build_and_test release -DCMAKE_BUILD_TYPE=Release; }
clang() {
  need_packages clang
  build_and_test clang -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=clang++
}
# clang's sanitizers; -O1 keeps the build and the tests short. The demo and the command line are what the tests have
# walked through already.
sanitized() {
  need_packages clang libclang-rt-dev llvm
  build_and_test "$1" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_CXX_FLAGS=-O1 "-DIRONJAR_SANITIZE=$2" \
    -DIRONJAR_BUILD_DEMO=OFF -DIRONJAR_BUILD_CLI=OFF -DIRONJAR_PRECOMPILE=ON "${@:3}"
}
asan() { sanitized asan address,undefined; }
# Races are a matter of luck: what refreshes runs twice more.
tsan() {
  sanitized tsan thread -DIRONJAR_BUILD_C=OFF
  ctest --test-dir "$root/build/tsan" -L refresh --repeat until-fail:2
}
install() {
  echo "== install"
  bash "$root/tests/consumer/run.sh" "$root" "$root/build/consumer"
}
# Every benchmark but the largest once, briefly: one that fails says so in its row. And the report, on canned figures.
bench() {
  need_packages libbenchmark-dev
  local build="$root/build/release" rows
  echo "== bench"
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DIRONJAR_STRICT=ON -DIRONJAR_BUILD_BENCH=ON \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null
  cmake --build "$build" --target ironjar_bench ironjar_bench_server ironjar_reach ironjar_reach_server \
    ironjar_proxy_bench ironjar_request_bench
  local server="$build/bench/ironjar_reach_server"
  "$build/bench/ironjar_reach" "$server" 200 50
  "$build/bench/ironjar_proxy_bench" "$server" 16 1
  "$build/bench/ironjar_request_bench" "$server" 1 20
  rows=$("$build/bench/ironjar_bench" --benchmark_min_time=0.001 --benchmark_filter='-/1000000(/|$)' 2>&1)
  if [[ $rows != *json/native/seal/1024* || $rows == *ERROR* ]]; then
    echo "$rows"
    return 1
  fi
  need_node
  ! command -v node >/dev/null || node --test "$root/bench/report.test.mjs"
}
format() {
  need_packages clang-format
  echo "== format"
  find "$root"/{include,lib,bindings,tests,bench} \( -name '*.hpp' -o -name '*.cpp' \) -print0 |
    xargs -0 clang-format --dry-run -Werror
}

chromium() {
  echo "== chromium"
  bash "$root/tests/chromium/run.sh" "$@"
}

# A check with a file of its own, tests/checks/NAME.sh.
check() {
  echo "== $1"
  bash "$root/tests/checks/$1.sh" "${@:2}"
}
checks() {
  local step
  for step in "$@"; do
    # shellcheck disable=SC2086
    timed check $step
  done
}
# Says how long it took.
timed() {
  local begin=$SECONDS
  "$@"
  echo "-- $*: $((SECONDS - begin)) s"
}
all() {
  local step
  for step in format release asan install; do timed "$step"; done
  checks sim security "static cppcheck" hardened ct "canary --brief"
}
nightly() {
  IRONJAR_LOAD=50 timed release
  timed bench
  timed tsan
  timed chromium
  checks static canary coverage reproducible mutants "fuzz 600" "soak 60" "browsers 100000"
}

need_packages "${test_packages[@]}"
case "${1:-release}" in
  release | clang | asan | tsan | install | bench | format | all | nightly) "${1:-release}" ;;
  chromium) chromium "${@:2}" ;;
  fuzz | ct | static | canary | coverage | soak | security | browsers | mutants | sim | hardened | reproducible) check "$@" ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | head -n -1
    exit 2
    ;;
esac
