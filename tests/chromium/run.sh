#!/usr/bin/env bash
# Sessions in Debian's Chromium, driven by playwright-core: see walk.mjs, and ../oauth/signin.mjs for signing in with a
# real provider.
#
#   run.sh [SCREENSHOTS]     SCREENSHOTS: a folder for screenshots; without it none are made
#
# All that it starts listens on loopback, reaches nothing else, and has ended when it ends.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tests/support/packages.sh
. "$root/tests/support/packages.sh"
# shellcheck source=tests/support/build.sh
. "$root/tests/support/build.sh"

need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${redis_packages[@]}" \
  "${server_packages[@]}" doctest-dev ccache chromium openssl procps
need_node
need_npm "$root/build/chromium" chromium
need_npm "$root/build/oauth" oauth
configure release -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_TESTS=ON -DIRONJAR_BUILD_DEMO=ON
cmake --build "$build" --target ironjar-demo ironjar_browsers_site ironjar_signin_site

work=$(mktemp -d)
demo=
walk=
# A Chromium leads a session of its own; its command line names a profile in our folder.
stop() {
  # shellcheck disable=SC2086
  kill $walk $demo 2>/dev/null || true
  # shellcheck disable=SC2046
  kill -9 $(pgrep -f -- "--user-data-dir=$work/") 2>/dev/null || true
  wait
  rm -rf "$work" || { sleep 1 && rm -rf "$work"; } # a browser that was killed may have been writing
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

SESSION_PASSWORD=$(openssl rand -base64 32) "$build/bindings/demo/ironjar-demo" 0 >"$work/out" 2>"$work/log" &
demo=$!
for _ in $(seq 200); do
  grep -qs '^api ' "$work/out" && break
  kill -0 "$demo" || { echo "the demo did not start"; exit 1; }
  sleep 0.05
done
app=$(sed -n 's/^app //p' "$work/out")
provider=$(sed -n 's/^provider //p' "$work/out")
[ -z "${1:-}" ] || mkdir -p "$1"
TMPDIR=$work timeout 1800 node "$here/walk.mjs" "$root/build/chromium" "$app" "$provider" \
  "$build/tests/browsers/ironjar_browsers_site" "$work" ${1:+"$1"} &
walk=$!
wait "$walk"
TMPDIR=$work timeout 600 bash "$root/tests/oauth/signin.sh" "$build/tests/oauth/ironjar_signin_site" "$root/build/oauth" \
  "$root/build/chromium" &
walk=$!
wait "$walk"
