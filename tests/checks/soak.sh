#!/usr/bin/env bash
# The demo under load while its identity provider fails, every 20 s in another way: slow, hanging, resetting, 503, 429,
# garbage.
#   soak.sh [minutes]
# Holds: every response within its deadline + 100 ms, and what the machine itself delays a sleeper by; none but 200, 503
# (come again) and 504 (out of time); nobody logged out, no refresh token used twice; afterwards as many descriptors as
# before and no more threads than the pools may have. Memory after warm-up, a third of the time, grows by at most 1 MB in
# 10 min; in a shorter run by at most 1 MB.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

minutes=${1:-2}
slack=100
deadline=2 # seconds, for what one request does
need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" ccache wrk python3 curl openssl procps
configure release -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_DEMO=ON
cmake --build "$build" --target ironjar-demo

work=$(mktemp -d)
SESSION_PASSWORD=$(openssl rand -base64 32) DEMO_TIMEOUT=$deadline \
  "$build/bindings/demo/ironjar-demo" 0 >"$work/out" 2>"$work/log" &
demo=$!
visitors=()
sleeper=
stop() {
  for pid in "${visitors[@]}" $sleeper "$demo"; do kill "$pid" 2>/dev/null || true; done
  wait "$demo" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT
fail() { echo "soak: $1"; exit 1; }
for _ in $(seq 100); do grep -qs '^api ' "$work/out" && break; sleep 0.1; done
app=$(sed -n 's/^app //p' "$work/out")
provider=$(sed -n 's/^provider //p' "$work/out")

fault() { curl -sSf -X POST -d "is=$1" "$provider/fault"; }
descriptors() { find "/proc/$demo/fd" -mindepth 1 2>/dev/null | wc -l; }
status() { sed -n "s/^$1:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$demo/status"; }
sign_in() { # prints the cookie
  local jar=$work/jar back
  rm -f "$jar"
  back=$(curl -sS -o /dev/null -w '%{redirect_url}' -b "$jar" -c "$jar" "$app/login")
  back=$(curl -sS -o /dev/null -w '%{redirect_url}' "$back")
  curl -sS -o /dev/null -b "$jar" -c "$jar" "$back"
  sed -n 's/.*\(__Host-demo\)\t\(.*\)/\1=\2/p' "$jar"
}
# visit SECONDS: four visitors with four tabs each; their cookies are in $cookies before and after.
visit() {
  local i
  visitors=()
  for i in "${!cookies[@]}"; do
    COOKIE=${cookies[$i]} wrk -t1 -c4 -d"$1s" --timeout 60s -s "$root/tests/soak/visitor.lua" "$app" >"$work/visitor$i" 2>&1 &
    visitors+=($!)
  done
}
join() {
  local i
  for i in "${!visitors[@]}"; do
    wait "${visitors[$i]}" || fail "wrk failed: $(cat "$work/visitor$i")"
    cookies[i]=$(sed -n 's/^cookie //p' "$work/visitor$i")
    grep '^visitor' "$work/visitor$i" >>"$work/visitors"
  done
  visitors=()
}

cookies=()
for _ in 1 2 3 4; do cookies+=("$(sign_in)"); done
visit 12
join
sleep 6 # kept connections end
descriptors_before=$(descriptors)
threads_before=$(status Threads)

seconds=$((minutes * 60))
# What a busy machine does to anybody: the longest that a process with nothing to do oversleeps.
python3 - "$work/stall" <<'EOF' &
import sys, time
longest = 0
while True:
    begin = time.monotonic()
    time.sleep(0.005)
    late = (time.monotonic() - begin - 0.005) * 1000
    if late > longest:
        longest = late
        open(sys.argv[1], "w").write(str(int(longest) + 1))
EOF
sleeper=$!
faults=(slow hang reset 503 429 garbage)
visit $((seconds + 15))
for ((second = 0; second < seconds; ++second)); do
  if ((second % 20 == 0)); then
    fault "${faults[second / 20 % ${#faults[@]}]}"
    echo "$second s: ${faults[second / 20 % ${#faults[@]}]}, $(status VmRSS) kB, $(descriptors) descriptors, $(status Threads) threads"
  fi
  echo "$second $(status VmRSS)" >>"$work/memory"
  sleep 1
done
fault none
join
kill "$sleeper"
stall=$(cat "$work/stall")
sleep 6

cat "$work/visitors"
slowest=$(sed 's/.*slowest_ms=\([0-9]*\).*/\1/' "$work/visitors" | sort -n | tail -1)
[ "$slowest" -le $((deadline * 1000 + slack + stall)) ] || fail "a response took $slowest ms, over its deadline"
! grep -v ' broken=0' "$work/visitors" || fail "connections broke"
! grep -v ' logouts=0' "$work/visitors" || fail "somebody was logged out"
! grep -E ' (1..|3..|4..|50[0-25-9])=' "$work/visitors" || fail "an answer that is none of 200, 503 and 504"
! grep -q event=logged_out "$work/log" || fail "the log tells of a logout"
curl -sS "$app/stats" | grep -q '"familiesKilled":0.*"reuses":0' || fail "a refresh token was used twice: $(curl -sS "$app/stats")"
# An endpoint that has failed is left alone for up to a minute; then everybody is served as before.
for cookie in "${cookies[@]}"; do
  for _ in $(seq 70); do
    answer=$(curl -sS -o /dev/null -w '%{http_code}' -H "Cookie: $cookie" "$app/api/data/items")
    [ "$answer" = 503 ] || break
    sleep 1
  done
  [ "$answer" = 200 ] || fail "a visitor gets $answer after the outages"
done
sleep 6
[ "$(descriptors)" -le $((descriptors_before + 4)) ] || fail "descriptors: $descriptors_before before, $(descriptors) after"
# The coordinator's threads, four for calls and one for revocations, start as they are needed.
[ "$(status Threads)" -le $((threads_before + 5)) ] || fail "threads: $threads_before before, $(status Threads) after"
awk -v seconds="$seconds" '
  $1 >= seconds / 3 { n++; x += $1; y += $2; xx += $1 * $1; xy += $1 * $2 }
  END {
    slope = (n * xy - x * y) / (n * xx - x * x)  # kB per second
    window = seconds * 2 / 3
    grown = slope * window
    allowed = 1024 * (window > 600 ? window / 600 : 1)
    printf "memory: %.0f kB in %.0f s after warm-up (%.0f kB in 10 min); allowed %.0f kB\n", grown, window, slope * 600, allowed
    exit grown > allowed
  }' "$work/memory" || fail "memory grows"
echo "soak: slowest response $slowest ms of $((deadline * 1000)) (the machine stalls for up to $stall ms), descriptors $descriptors_before -> $(descriptors), threads $threads_before -> $(status Threads), $(curl -sS "$app/stats")"
