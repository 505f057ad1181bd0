#!/usr/bin/env bash
# Fuzzes every target with libFuzzer under AddressSanitizer and UndefinedBehaviorSanitizer.
#   fuzz.sh [seconds per target] [target...]
# Starts from the corpus in tests/fuzz/corpus and what earlier runs have found (build/fuzz/corpus). What breaks an
# invariant stays in build/fuzz/findings.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

seconds=${1:-60}
need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${redis_packages[@]}" \
  "${server_packages[@]}" doctest-dev ccache clang libclang-rt-dev llvm
configure fuzz -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1 -DCMAKE_CXX_COMPILER=clang++ -DIRONJAR_BUILD_TESTS=ON \
  -DIRONJAR_BUILD_REDIS=ON -DIRONJAR_BUILD_C=ON -DIRONJAR_SANITIZE=fuzzer,address,undefined
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cd "$root/tests/fuzz" && printf '%s\n' fuzz_*.cpp | sed 's/^fuzz_//; s/\.cpp$//')
cmake --build "$build" --target "${targets[@]/#/fuzz_}"

findings="$build/findings"
mkdir -p "$findings"
fuzz_one() {
  local target=$1 grown="$build/corpus/$1" log="$build/$1.log" dictionary="$root/tests/fuzz/dictionaries/$1.dict" options=()
  mkdir -p "$grown"
  [ ! -f "$dictionary" ] || options+=("-dict=$dictionary")
  local largest=16384
  case $target in http_upstream | token_response) largest=65536 ;; esac
  if "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=$largest -timeout=5 -rss_limit_mb=512 \
    -print_final_stats=1 -artifact_prefix="$findings/$target-" "${options[@]}" "$grown" \
    "$root/tests/fuzz/corpus/$target" >"$log" 2>&1; then
    echo "$target: $(sed -n 's/.*number_of_executed_units: *//p' "$log") runs, no finding"
  else
    echo "$target: FINDING, see $findings"
    tail -n 40 "$log"
    return 1
  fi
}
export -f fuzz_one
export root build findings seconds
# What AddressSanitizer keeps of freed memory counts too; its 256 MB leave little of the limit to targets that allocate much.
export ASAN_OPTIONS=quarantine_size_mb=64
# Two at a time, or as many as there are processors; all of them, whatever one finds.
printf '%s\0' "${targets[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'fuzz_one {}'
