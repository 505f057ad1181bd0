#!/usr/bin/env bash
# Two revisions side by side: builds each with its own benchmarks and runs them in turn.
#
#   bash bench/compare.sh A B [--rounds N] [--filter REGEX]
#
# Prints, for every benchmark that both have, the medians in nanoseconds of processor time and the median over the
# rounds of B's divided by A's: below 1, B is faster. A revision is anything git knows; `.` is the working tree.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=../tests/support/packages.sh
. "$root/tests/support/packages.sh"

[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | head -n -1 && exit 2; }
revisions=("$1" "$2")
shift 2
rounds=7 filter='-/1000000$|threads:2'
while [ $# -gt 0 ]; do
  case "$1" in
    --rounds) rounds=$2 ;;
    --filter) filter=$2 ;;
    *) echo "unknown option $1" >&2 && exit 2 ;;
  esac
  shift 2
done

# shellcheck disable=SC2154
need_packages "${build_packages[@]}" "${httplib_packages[@]}" libbenchmark-dev git
command -v node >/dev/null || need_packages nodejs
work=$root/build/compare
results=$work/results
rm -rf "$results"
mkdir -p "$results"

# build REVISION: prints the benchmarks' program.
build() {
  local source=$root name=tree
  if [ "$1" != . ]; then
    name=$(git -C "$root" rev-parse --verify "$1^{commit}")
    source=$work/$name
    if [ ! -d "$source" ]; then  # whole or not at all
      rm -rf "$source.part"
      mkdir "$source.part"
      git -C "$root" archive "$name" | tar -x -C "$source.part"
      mv "$source.part" "$source"
    fi
  fi
  [ -f "$source/bench/CMakeLists.txt" ] || { echo "$1 has no benchmarks" >&2 && return 1; }
  if ! { cmake -S "$source" -B "$work/build-$name" -G Ninja -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_BENCH=ON &&
    cmake --build "$work/build-$name" --target ironjar_bench; } >"$work/build.log" 2>&1; then
    cat "$work/build.log" >&2
    return 1
  fi
  echo "$work/build-$name/bench/ironjar_bench"
}

programs=()
for revision in "${revisions[@]}"; do programs+=("$(build "$revision")"); done
for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2
  for side in 0 1; do
    "${programs[$side]}" --benchmark_filter="$filter" --benchmark_min_time=0.03 --benchmark_format=json \
      >"$results/$side.$round.json" 2>/dev/null
  done
done
node "$root/bench/compare.mjs" "$results" "$rounds" "${revisions[@]}"
