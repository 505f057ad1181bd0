#!/usr/bin/env bash
# Secrets that are told from anything else, and then looked for where none may be: in errors, exceptions, events,
# traces, metrics, logs, in the output of the demo and of the suite, in argv; and keys in a core dump. Each search has a
# control that must find something, or it is worth nothing and the check fails.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" doctest-dev ccache curl openssl gdb python3
configure release -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_TESTS=ON -DIRONJAR_BUILD_DEMO=ON
cmake --build "$build"
cmake --build "$build" --target ironjar_canary
canary=$build/tests/canary/ironjar_canary

work=$(mktemp -d)
chmod 700 "$work"
running=()
stop() {
  for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap stop EXIT
fail() { echo "canary: $1"; exit 1; }

random() { openssl rand -hex 16; }
password=canary-password-$(random)
paserk=k4.local.$(openssl rand 32 | base64 | tr -d '=\n' | tr '+/' '-_')
access=canary-access-$(random)
refresh=canary-refresh-$(random)
id_token=eyJhbGciOiJub25lIn0.$(printf '{"sub":"canary-%s"}' "$(random)" | base64 -w0 | tr -d '=' | tr '+/' '-_').x
client=canary-client-$(random)
secrets=("$password" "$paserk" "$access" "$refresh" "$id_token" "$client")
printf '%s\n' "${secrets[@]}" >"$work/secrets"
# Parts of a secret count too: the random half alone, and what base64 or percent-encoding leaves of it.
for secret in "${secrets[@]}"; do
  printf '%s\n%s\n' "$secret" "${secret: -24}"
done >"$work/patterns"
printf 'web:%s' "$client" | base64 -w0 >>"$work/patterns"

told() { grep -cFf "$work/patterns" "$1" || true; }

"$canary" tell <"$work/secrets" >"$work/told"
[ "$(wc -l <"$work/told")" -gt 500 ] || fail "the program told too little to be worth searching"
[ "$(told "$work/told")" = 0 ] || { grep -Ff "$work/patterns" "$work/told" | head; fail "a secret was told"; }
"$canary" control <"$work/secrets" >"$work/control"
[ "$(told "$work/control")" = 1 ] || fail "the control was not found"
echo "errors, events, traces, metrics: 0 in $(wc -l <"$work/told") lines; the control is found"

# The demo, signed in, refreshing, failing, signing out; with everything that it logs.
SESSION_PASSWORD=$password DEMO_CLIENT_SECRET=$client "$build/bindings/demo/ironjar-demo" 0 >"$work/out" 2>"$work/log" &
demo=$!
running+=("$demo")
for _ in $(seq 100); do grep -qs '^api ' "$work/out" && break; sleep 0.1; done
app=$(sed -n 's/^app //p' "$work/out")
provider=$(sed -n 's/^provider //p' "$work/out")
jar=$work/jar
get() { curl -sS -o "$work/body" -b "$jar" -c "$jar" "${@:2}" "$app$1"; cat "$work/body" >>"$work/bodies"; }
back=$(curl -sS -o /dev/null -w '%{redirect_url}' -b "$jar" -c "$jar" "$app/login")
back=$(curl -sS -o /dev/null -w '%{redirect_url}' "$back")
get "${back#"$app"}"
get /me
for fault in none 503 garbage reset; do
  curl -sSf -X POST -d "is=$fault" "$provider/fault"
  get /api/auth/refresh -d '' -H 'X-Requested-With: x' # a refresh now, whatever becomes of it
  get /api/data/items
  sleep 3 # beyond auth's own limit, and into the time when tokens are refreshed ahead
done
get /session -H 'Cookie: __Host-demo=ij1.garbage'
get /metrics
tr '\0' '\n' <"/proc/$demo/cmdline" >"$work/argv"
get /api/auth/logout -d '' -H 'X-Requested-With: x'
get /metrics
# The provider names its tokens at-… and rt-… with random hexadecimal digits.
grep -q 'event=refreshed' "$work/log" || fail "the demo did not refresh"
grep -q 'event=refresh_failed' "$work/log" || fail "no refresh of the demo's failed"
grep -q 'event=logged_out' "$work/log" || fail "the demo did not log out"
for file in out log bodies argv; do
  [ "$(told "$work/$file")" = 0 ] || fail "a secret is in the demo's $file"
  ! grep -Eq '\b[ar]t-[0-9a-f]{16}' "$work/$file" || fail "a token is in the demo's $file"
done
curl -sSf -X POST -d is=none "$provider/fault"
code=$(curl -sS -o /dev/null -w '%{redirect_url}' \
  "$provider/authorize?response_type=code&client_id=web&redirect_uri=http://localhost/" | sed 's/.*code=\([^&]*\).*/\1/')
curl -sS -u "web:$client" -d "grant_type=authorization_code&code=$code&redirect_uri=http://localhost/" "$provider/token" |
  grep -Eq '\b[ar]t-[0-9a-f]{16}' || fail "the demo's tokens do not look as expected: the search is blind"
echo "demo: 0 in $(wc -l <"$work/log") log lines, its metrics, answers and argv; its tokens would have been found"

# The suite: its passwords are constants of tests/support, its clients' secrets and tokens are named there.
ctest --test-dir "$build" -E 'readme|interop' -j "$(nproc)" --output-on-failure --verbose >"$work/suite"
! grep -Eq 'Zk3-first-password|Qm8-second-password' "$work/suite" || fail "a password is in the suite's output"
echo "suite: 0 in $(wc -l <"$work/suite") lines"

# Keys, in the memory of a program that has sealed and let go of them.
printf '2:%s\n1:%s\n' "$password" "$paserk" >"$work/passwords"
chmod 600 "$work/passwords"
dump() { # dump MODE: prints what is found
  "$canary" "$1" "$work/passwords" >"$work/salt" &
  local pid=$!
  running+=("$pid")
  for _ in $(seq 100); do [ -s "$work/salt" ] && break; sleep 0.1; done
  gdb -batch -p "$pid" -ex "generate-core-file $work/core.$1" >/dev/null 2>&1 || true
  kill "$pid"
  wait "$pid" 2>/dev/null || true
  [ -s "$work/core.$1" ] || { echo "no core"; return; }
  python3 "$root/tests/canary/core.py" "$work/core.$1" "$work/passwords" "$(cat "$work/salt")"
}
held=$(dump hold)
case $held in 0* | "no core") fail "keys that are held were not found: the search is blind ($held)" ;; esac
left=$(dump core)
[ "$left" = 0 ] || fail "in the core dump: $left"
echo "core dump: 0; held keys are found ($held)"
