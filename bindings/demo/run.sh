#!/usr/bin/env bash
# The library's main job, from nothing: installs what is missing, builds, and runs the demo.
#
#   bash bindings/demo/run.sh [port]    the demo, on http://localhost:8080 or the port given, until Ctrl-C
#   bash bindings/demo/run.sh --replicas 3 --check [--brief]
#                                       three processes of a site, one Redis and one provider of their own: one refresh
#                                       for all, whoever dies; and failovers of Sentinel and Cluster. 500 expiries and
#                                       200 dead processes take minutes; --brief: 20 dead processes
#   bash bindings/demo/run.sh --check   the demo on a free port, walked through with curl; 0 only if all of it holds
#   --server beast                      before either: the same app on Boost.Beast, one thread, in place of cpp-httplib
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build="$root/build/demo"
# shellcheck source=../../tests/support/packages.sh
. "$root/tests/support/packages.sh"

if [ "${1:-}" = --replicas ]; then
  [[ "${*:2}" =~ ^3\ --check(\ --brief)?$ ]] || { echo "usage: run.sh --replicas 3 --check [--brief]" >&2; exit 2; }
  exec bash "$root/tests/redis/measure.sh" "${@:4}"
fi

program=ironjar-demo packages=("${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}")
if [ "${1:-}" = --server ]; then
  case "${2:-}" in
    httplib) ;;
    beast) program=ironjar-demo-beast packages+=("${asio_packages[@]}") ;;
    *) echo "usage: run.sh --server httplib|beast [port|--check]" >&2 && exit 2 ;;
  esac
  shift 2
fi
need_packages "${packages[@]}" openssl curl
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_DEMO=ON \
  -DIRONJAR_STRICT="${IRONJAR_STRICT:-OFF}" >/dev/null
cmake --build "$build" --target $program

SESSION_PASSWORD=${SESSION_PASSWORD:-$(openssl rand -base64 32)}
export SESSION_PASSWORD
if [ "${1:-}" = --check ]; then
  exec bash "$here/check.sh" "$build/bindings/demo/$program"
fi
exec "$build/bindings/demo/$program" "$@"
