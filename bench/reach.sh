#!/usr/bin/env bash
# How far one Beast server with one thread reaches: requests that wait for a provider that hangs, what each of them
# takes, whom they hold up, and how soon all are served; and sessions whose tokens end at once. Fails when one was lost.
#
#   bash bench/reach.sh [WAITERS]   10,000 unless it is said: each takes two descriptors
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=../tests/support/packages.sh
. "$root/tests/support/packages.sh"
need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${asio_packages[@]}" libbenchmark-dev

build=$root/build/bench
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_BENCH=ON >/dev/null
cmake --build "$build" --target ironjar_reach ironjar_reach_server
ulimit -n "$(ulimit -Hn)"
exec "$build/bench/ironjar_reach" "$build/bench/ironjar_reach_server" "${1:-10000}"
