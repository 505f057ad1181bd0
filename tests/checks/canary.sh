#!/usr/bin/env bash
# Secrets that are told from anything else, and then looked for where none may be: in errors, exceptions, events,
# traces, metrics, logs, in the output of the demo and of the suite, in argv; and keys in a core dump. Each search has a
# control that must find something, or it is worth nothing and the check fails.
#   canary.sh [--brief]     --brief: without the suite, which takes minutes
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${redis_packages[@]}" \
  "${server_packages[@]}" doctest-dev libcli11-dev ccache curl openssl gdb strace python3
configure release -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_TESTS=ON -DIRONJAR_BUILD_DEMO=ON -DIRONJAR_BUILD_REDIS=ON \
  -DIRONJAR_BUILD_C=ON -DIRONJAR_BUILD_CLI=ON
cmake --build "$build" --target all ironjar_canary
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
grep -q event=coordinator_degraded "$work/told" || fail "no Redis was missed"
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
operators=$(sed -n 's/^operators //p' "$work/out")
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
curl -sS "$operators/metrics" >>"$work/bodies"
tr '\0' '\n' <"/proc/$demo/cmdline" >"$work/argv"
get /api/auth/logout -d '' -H 'X-Requested-With: x'
curl -sS "$operators/metrics" >>"$work/bodies"
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

# The suite, with passwords and a client's secret of this run; its tokens are random then, and told by their shape, as
# are id_tokens, PASERKs and seals. What the library tells the tests is in told (tests/support/canary.hpp): errors,
# exceptions, events, metrics. argv is that of every process that the suite starts.
suite() {
  IRONJAR_TEST_PASSWORD=suite-password-$(random)
  IRONJAR_TEST_OTHER_PASSWORD=suite-other-$(random)
  IRONJAR_TEST_CLIENT_SECRET=suite-client-$(random)
  export IRONJAR_TEST_PASSWORD IRONJAR_TEST_OTHER_PASSWORD IRONJAR_TEST_CLIENT_SECRET
  for secret in "$IRONJAR_TEST_PASSWORD" "$IRONJAR_TEST_OTHER_PASSWORD" "$IRONJAR_TEST_CLIENT_SECRET"; do
    printf '%s\n%s\n' "$secret" "${secret: -24}"
    printf 'web:%s' "$secret" | base64 -w0 && echo
  done >"$work/suite.patterns"
  shape='\b[ar]t-[0-9a-f]{16}|\beyJ[A-Za-z0-9_-]{8}|k4\.local\.[A-Za-z0-9_-]{8}|\bij1\.[A-Za-z0-9_-]{40}|Fe26\.2\*[0-9]'
  told_by_suite() { { grep -Ff "$work/suite.patterns" "$1" || true; grep -E "$shape" "$1" || true; } | sort -u; }

  export IRONJAR_TOLD=$work/suite.control
  "$build/tests/ironjar_core_tests" --no-version --no-skip --test-case=control >"$work/suite.control.log" ||
    { cat "$work/suite.control.log"; fail "the suite's control failed"; }
  [ "$(told_by_suite "$work/suite.control" | wc -l)" = 6 ] || fail "the suite's control was not found"
  # Without what is built of the README's and others' code, where the passwords of this run do not reach; without what
  # stops processes, as strace does; and without ten million nonces, what measures, and what transports are held to.
  export IRONJAR_TOLD=$work/suite.told
  export IRONJAR_SLOW=yes
  strace -f --seccomp-bpf -qq -e trace=execve -e signal=none -s 65536 -o "$work/suite.argv" \
    ctest --test-dir "$build" -E '^(readme.*|interop|oauth|browsers|node|python|parity|redis_replicas|attacks_seal|worst_input|transport_.*|curl_contract|.*_load|sim.*|model|fuzz_.*)$' -j "$(nproc)" --verbose \
    >"$work/suite.out" || { tail -n 100 "$work/suite.out"; fail "the suite fails with passwords of its own"; }
  "$build/tests/ironjar_attack_tests" --no-version --test-case-exclude='S22*' >>"$work/suite.out" ||
    { tail -n 100 "$work/suite.out"; fail "the attacks fail with passwords of their own"; }
  for file in out told argv; do
    found=$(told_by_suite "$work/suite.$file")
    [ -z "$found" ] || { head <<<"$found"; fail "a secret is in the suite's $file"; }
  done
  [ "$(wc -l <"$work/suite.told")" -gt 500 ] || fail "the suite told too little to be worth searching"
  grep -q ironjar_core_tests "$work/suite.argv" || fail "the suite's command lines were not seen"
  echo "suite: 0 in $(wc -l <"$work/suite.told") errors, exceptions, events and metrics, $(wc -l <"$work/suite.out") lines of" \
    "output and $(grep -c execve "$work/suite.argv") command lines; the control is found"
  unset "${!IRONJAR_T@}" IRONJAR_SLOW
}
[ "${1:-}" = --brief ] || suite

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
