#!/usr/bin/env bash
# How far one Beast server with one thread reaches, beside bare Beast. Each fails when something was lost.
#
#   bash bench/reach.sh waits [N]      requests that wait for a provider that hangs: what each takes, whom they hold up,
#                                      how soon all are served; sessions whose tokens end at once. N: 10,000, each takes
#                                      two descriptors
#   bash bench/reach.sh events [N]     1,000 streams of events, also while tokens rotate
#   bash bench/reach.sh proxy [MIB]    1,024 MiB through the proxy each way: bytes/s and memory
#   bash bench/reach.sh requests       processor time of a session, and performFetch
#   bash bench/reach.sh curl           the transports on libcurl beside libcurl itself
set -euo pipefail

usage() {
  sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | head -n -1
  exit 2
}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=../tests/support/packages.sh
. "$root/tests/support/packages.sh"

build=$root/build/bench
run() { # PROGRAM ARGUMENTS
  need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${asio_packages[@]}" "${curl_packages[@]}" libbenchmark-dev
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_BENCH=ON -DIRONJAR_BUILD_CURL=ON >/dev/null
  cmake --build "$build" --target ironjar_reach_server "$1"
  ulimit -n "$(ulimit -Hn)"
  "$build/bench/$1" "${@:2}"
}
server=$build/bench/ironjar_reach_server
case "${1:-}" in
  waits) run ironjar_reach "$server" "${2:-10000}" 0 ;;
  events) run ironjar_reach "$server" 0 "${2:-1000}" ;;
  proxy) run ironjar_proxy_bench "$server" "${2:-1024}" ;;
  requests) run ironjar_request_bench "$server" ;;
  curl) run ironjar_curl_bench ;;
  *) usage ;;
esac
