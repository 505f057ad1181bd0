#!/usr/bin/env bash
# Several real processes over one Redis, measured: what each kind of work costs, how much waiting for another process
# adds, 10,000 logins that wait on one thread, token calls in an outage of 60 s (virtual ones), failovers of Sentinel and
# Cluster with a lenient and with a strict provider, token calls for 500 expiries, lock holders killed 20 times at each of
# five points with a lenient and with a strict provider, stopped holders, canaries in RDB and MONITOR; and 50 users with
# a real OAuth server, in one process and in three. Starts redis-servers of its own on free ports. Fails when a figure is
# not what lib/redis/README.md says.
#
#   bash tests/redis/measure.sh           all of it, about ten minutes
#   bash tests/redis/measure.sh --brief   the same, but fewer lock holders killed, and fewer rounds
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../support/packages.sh
. "$root/tests/support/packages.sh"
need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${redis_packages[@]}" \
  "${server_packages[@]}" doctest-dev

build="$root/build/measure"
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_TESTS=ON -DIRONJAR_BUILD_REDIS=ON >/dev/null
cmake --build "$build" --target ironjar_replicas_tests ironjar_redis_tests ironjar_redis_cost

if [ "${1:-}" = --brief ]; then
  kills=2 rounds=10
else
  kills=20 rounds=60
fi
export IRONJAR_EXPIRIES=500 IRONJAR_THREADS=64 IRONJAR_WAITS=100 IRONJAR_KILLS=$kills IRONJAR_WAITERS=10000
"$build/tests/ironjar_redis_cost"
for which in "V07 an outage*" "any number of logins wait*" "*costs a call per login*" "*cost a call per login*" "a strict provider ends*"; do
  "$build/tests/ironjar_redis_tests" --no-version --success=false --test-case="$which"
done
"$build/tests/ironjar_replicas_tests" --no-version
bash "$root/tests/oauth/replicas.sh" "$build/tests/ironjar_replica" "$build/oauth" 50 "$rounds"
