#!/usr/bin/env bash
# Constant time: in the library as it is released, no branch and no address depends on a key (tests/ct/ct.cpp). The
# control must be reported, or the check is worth nothing and fails.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

# libc6-dbg: valgrind replaces functions of libc's by name.
need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" \
  "${server_packages[@]}" doctest-dev ccache valgrind libc6-dbg
configure release -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_TESTS=ON
cmake --build "$build" --target ironjar_ct
examine() {
  valgrind --quiet --error-exitcode=99 --num-callers=30 --suppressions="$root/tests/ct/public.supp" \
    "$build/tests/ct/ironjar_ct" "$@"
}
examine || { echo "ct: something depends on a secret"; exit 1; }
status=0
examine --leak >/dev/null 2>&1 || status=$?
[ $status -eq 99 ] || { echo "ct: the control was not reported: the check itself does not work"; exit 1; }
echo "ct: 0 reports; the control is reported"
