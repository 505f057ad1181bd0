#!/usr/bin/env bash
# Simulated histories of refreshing: sim.sh [SEEDS] [ironjar_sim's options]. Without SEEDS 25,000 of them.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${redis_packages[@]}" \
  "${server_packages[@]}" doctest-dev ccache
configure release -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_TESTS=ON -DIRONJAR_BUILD_REDIS=ON
cmake --build "$build" --target ironjar_sim >/dev/null

options=(--seeds 25000)
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
  options=(--seeds "$1")
  shift
elif [[ $# -gt 0 ]]; then
  options=()
fi
exec "$build/tests/sim/ironjar_sim" "${options[@]}" "$@"
