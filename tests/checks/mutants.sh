#!/usr/bin/env bash
# Planted faults, each of which a test must see: mutants.sh [--seeds N] [NUMBER…]; tests/mutants/README.md
# With --seeds, the simulator must see most of them, too.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

seeds=()
if [ "${1:-}" = --seeds ]; then
  seeds=("$2")
  shift 2
fi
need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${curl_packages[@]}" \
  "${redis_packages[@]}" "${server_packages[@]}" doctest-dev ccache openssl python3
configure release -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_TESTS=ON -DIRONJAR_BUILD_REDIS=ON
cmake --build "$build" --target ironjar_mutants ${seeds:+ironjar_sim_mutants} >/dev/null
exec python3 "$root/tests/mutants/run.py" "$root" "$build/tests/mutants/ironjar_mutants" \
  ${seeds:+--simulator "$build/tests/mutants/ironjar_sim_mutants" --seeds "${seeds[0]}"} "$@"
