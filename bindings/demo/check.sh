#!/usr/bin/env bash
# Walks through the demo with curl, prints what came back, and fails at the first thing that is not as it should be.
# Usage: check.sh PROGRAM
set -euo pipefail

work=$(mktemp -d)
"$1" 0 >"$work/out" 2>"$work/log" &
demo=$!
trap 'kill "$demo" 2>/dev/null || true; wait "$demo" 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 200); do
  grep -q '^api ' "$work/out" && break
  kill -0 "$demo" || { echo "the demo did not start"; exit 1; }
  sleep 0.05
done
app=$(sed -n 's/^app //p' "$work/out")
identity=$(sed -n 's/^provider //p' "$work/out")
operators=$(sed -n 's/^operators //p' "$work/out")
jar=$work/cookies
sso=$work/provider-cookies
waiting=64 # demo::maxWaiters

fail() { echo "FAILED: $1" >&2; exit 1; }
say() { printf '\n== %s\n' "$1"; }

# The status line, Set-Cookie (the seal shortened) and body of a response.
show() {
  sed -n -e 's/\r$//' -e '1p' -e '/^set-cookie:/Ip' "$work/headers" |
    sed -E 's/(=ij1\.[A-Za-z0-9_-]{12})[A-Za-z0-9_-]+/\1…/'
  [ ! -s "$work/body" ] || { head -c 200 "$work/body"; echo; }
}
# request PATH [curl options]: with the browser's cookies; leaves the status in $status.
request() {
  fetch "$1" -b "$jar" -c "$jar" "${@:2}"
  # curl 7.88 keeps cookies that a response deletes beside others; browsers do not.
  sed -nE 's#^set-cookie: ([^=]+)=; Max-Age=0;.*#/\t\1\t/d#Ip' "$work/headers" >"$work/deleted"
  sed -i -f "$work/deleted" "$jar"
}
# request_with COOKIE PATH: with this session cookie instead, and the browser's left alone.
request_with() { fetch "$2" -b "__Host-demo=$1"; }
fetch() {
  echo "> $1"
  status=$(curl -sS -o "$work/body" -D "$work/headers" -w '%{http_code}' "${@:2}" "$app$1")
  show
}
expect() { [ "$status" = "$1" ] || fail "$2: status $status, not $1"; }
sets_cookie() { grep -qi '^set-cookie: __Host-demo=' "$work/headers"; }
stat() { curl -sS "$app/stats" | sed -E "s/.*\"$1\":([0-9]+).*/\1/"; }
session_cookie() { sed -n 's/.*__Host-demo\t//p' "$jar"; }
access_token_ends() { sleep 10.5; }
fault() { curl -sS -f -d "is=$1" "$identity/fault" || fail "no fault $1"; }
metric() { curl -sS "$operators/metrics" | sed -n "s/^$1 //p"; }

say "sign in: the code comes back from the provider and buys both tokens, sealed into one cookie"
request /me
expect 401 "a visitor without a session"
in_by_the_provider() { # PATH: a login up to the way back, whose path is printed
  request "$1" >/dev/null
  expect 303 "the way to the provider"
  provider=$(sed -n 's/\r$//; s/^location: //Ip' "$work/headers")
  case $provider in *code_challenge_method=S256*) ;; *) fail "a login without PKCE" ;; esac
  back=$(curl -sS -o /dev/null -w '%{redirect_url}' -b "$sso" -c "$sso" "$provider")
  echo "${back#"$app"}"
}
leads_to() { grep -qi "^location: $1.\$" "$work/headers" || fail "$2 leads elsewhere"; }
back=$(in_by_the_provider "/login?returnTo=/api/data/items")
request "$back"
expect 303 "the way back"
leads_to /api/data/items "the way back"
sets_cookie || fail "login sets no session cookie"
request /api/auth/status
grep -q '"authenticated":true' "$work/body" || fail "not authenticated after login"
grep -Eq '"expiresIn":([0-9]|10)\b' "$work/body" || fail "the access token is not in the session"
case $(session_cookie) in *at-* | *rt-*) fail "a token is readable in the cookie" ;; ij1.*) ;; *) fail "no seal" ;; esac

private() { grep -qi '^cache-control: no-store' "$work/headers" || fail "V23: $1 may be cached"; }
say "V23: signed in, /login and a wrong state change nothing; two tabs sign in, and each gets to its own place"
signed_in=$(session_cookie)
first=$(in_by_the_provider "/login?returnTo=/me")
second=$(in_by_the_provider "/login?returnTo=/session")
[ "$(session_cookie)" = "$signed_in" ] || fail "V23: GET /login changed the session"
request "/callback?code=x&state=0123456789abcdef0123456789abcdef"
expect 303 "a state that nobody began"
leads_to / "a state that nobody began"
private "the answer to a wrong state"
! grep -qi '^set-cookie:' "$work/headers" || fail "V23: a wrong state changed a cookie"
request "$first"
leads_to /me "the first tab's way back, after the second tab's login and a wrong state"
request "$second"
leads_to /session "the second tab's way back"
signed_in=$(session_cookie)
request "$second"
leads_to / "the same answer a second time, as the back button sends it"
[ "$(session_cookie)" = "$signed_in" ] || fail "V23: an answer that came twice changed the session"
request "$(in_by_the_provider "/login?returnTo=//evil.example/")"
leads_to / "a login to another site"
[ "$(stat authorizations)" = 4 ] || fail "$(stat authorizations) logins, not 4"
request /login -H 'Sec-Purpose: prefetch'
expect 503 "a login that a browser loads ahead"
private "the answer to a browser that loads ahead"
for path in / /session /me /api/auth/status /api/data/items; do
  request "$path"
  expect 200 "$path"
  private "$path"
done
request /metrics
expect 404 "V23: what operators see, for visitors"

say "a call"
request /api/data/items
expect 200 "a call with a good token"
[ "$(stat refreshes)" = 0 ] || fail "refreshed without need"
request /me
expect 200 "who am I"
grep -q '"ada"' "$work/body" || fail "not ada"

say "the access token ends: the next call refreshes it, once, and the cookie is rewritten"
old=$(session_cookie)
access_token_ends
request /api/data/items
expect 200 "a call with a spent token"
sets_cookie || fail "the new tokens did not reach the browser"
[ "$(session_cookie)" != "$old" ] || fail "the cookie is the same"
[ "$(stat refreshes)" = 1 ] || fail "$(stat refreshes) refreshes, not 1"

say "a late call, still with the old cookie: served, without another refresh"
request_with "$old" /api/data/items
expect 200 "a late call"
sets_cookie || fail "the late call did not get the new cookie"
[ "$(stat refreshes)" = 1 ] || fail "the late call refreshed"

say "the API refuses a token before its time: refreshed, and the call repeated"
fault expired
request /api/data/items
expect 200 "a call with a refused token"
[ "$(metric ironjar_fetch_retries_total)" = 1 ] || fail "the call was not repeated once"

say "20 calls at once with a spent token"
access_token_ends
before=$(stat refreshes)
cookie=$(session_cookie)
for i in $(seq 20); do
  curl -sS -o /dev/null -D "$work/headers.$i" -w '%{http_code}\n' -b "__Host-demo=$cookie" "$app/api/data/items" \
    >"$work/status.$i" &
  pids="${pids:-} $!"
done
# shellcheck disable=SC2086
wait $pids
good=$(cat "$work"/status.* | grep -c '^200$')
rewritten=$(cat "$work"/headers.* | grep -ci '^set-cookie: __Host-demo=ij1')
calls=$(($(stat refreshes) - before))
echo "$good × 200, $rewritten cookies rewritten, $calls refresh"
[ "$good" = 20 ] || fail "not all were answered"
[ "$rewritten" = 20 ] || fail "not all got the new cookie"
[ "$calls" = 1 ] || fail "not one refresh"
sed -n 's/\r$//; s/.*__Host-demo=\([^;]*\).*/\1/p' "$work/headers.1" >"$work/new"
sed -i "s|$cookie|$(cat "$work/new")|" "$jar"

say "the provider hangs: $waiting requests wait for it, and other pages do not"
access_token_ends
fault hang
pids=""
for i in $(seq $waiting); do
  curl -sS -o /dev/null -w '%{http_code}\n' -b "__Host-demo=$(session_cookie)" "$app/api/data/items" >"$work/waiting.$i" &
  pids="$pids $!"
done
for _ in $(seq 100); do
  [ "$(metric ironjar_waiters)" = $waiting ] && break
  sleep 0.05
done
[ "$(metric ironjar_waiters)" = $waiting ] || fail "$(metric ironjar_waiters) requests wait, not $waiting"
urls=()
for _ in $(seq 300); do urls+=(-o /dev/null "$app/stats"); done
p99=$(curl -sS -w '%{time_total}\n' "${urls[@]}" | sort -n | sed -n 297p)
echo "an unrelated page, 300 times: 99 % within $p99 s"
awk "BEGIN { exit !($p99 < 0.050) }" || fail "unrelated pages wait too"
request /api/data/items
expect 503 "one request more than may wait"
grep -qi '^retry-after:' "$work/headers" || fail "no Retry-After"
fault none
# shellcheck disable=SC2086
wait $pids
[ "$(cat "$work"/waiting.* | sort | uniq -c | tr -s ' ')" = " $waiting 503" ] || fail "those that waited"
for _ in $(seq 40); do
  request /api/data/items >/dev/null
  [ "$status" = 200 ] && break
  sleep 0.1
done
expect 200 "once the provider is well again, without a new login"

say "the cookie with one byte flipped: nobody, and nothing breaks"
good_cookie=$(session_cookie)
last=${good_cookie: -9:1}
request_with "${good_cookie::-9}$([ "$last" = A ] && echo B || echo A)${good_cookie: -8}" /api/data/items
expect 401 "a forged cookie"
grep -q login_required "$work/body" || fail "no reason given"

say "sign out"
request /api/auth/logout -d ''
expect 403 "a logout that another site could have sent"
request /api/auth/logout -d '' -H 'X-Requested-With: curl'
expect 204 "logout"
grep -qi '^set-cookie: __Host-demo=; Max-Age=0; Path=/; HttpOnly; Secure' "$work/headers" || fail "the cookie is not deleted"
[ "$(grep -ci '^set-cookie: __Host-demo=' "$work/headers")" = 1 ] || fail "the cookie is set as well"
request /api/data/items
expect 401 "a call after logout"
request_with "$good_cookie" /api/data/items
expect 401 "a call with the cookie from before the logout"

say "sign out at the provider, too: the next login asks who it is"
request "$(in_by_the_provider /login)" >/dev/null
request /logout -d ''
expect 403 "a logout that another site could have sent"
request /logout -d '' -H 'X-Requested-With: curl'
expect 303 "logout"
provider=$(sed -n 's/\r$//; s/^location: //Ip' "$work/headers")
back=$(curl -sS -o /dev/null -w '%{redirect_url}' -b "$sso" -c "$sso" "$provider")
[ "$back" = "$app/" ] || fail "the provider leads to $back"
! grep -q testing-sso "$sso" || fail "still signed in at the provider"
request /me
expect 401 "after that logout"

say "what the metrics and the log say"
curl -sS "$operators/metrics" | grep '^ironjar_[a-z_]*\(total\|count\|{\| \)' | grep -v bucket
refreshed=$(metric 'ironjar_refresh_total{outcome="success",role="self",trigger="[a-z]*"}' | awk '{ n += $1 } END { print n }')
[ "$refreshed" = "$(stat refreshes)" ] || fail "the metrics count $refreshed refreshes"
tail -3 "$work/log"
grep -q 'event=refreshed session=[0-9a-f]* role=self' "$work/log" || fail "the log does not know of a refresh"
! grep -Eq 'at-[0-9a-f]|rt-[0-9a-f]|ij1\.|secret' "$work/log" || fail "the log holds a secret"

echo
[ "$(stat reuses)" = 0 ] || fail "$(stat reuses) refresh tokens were used twice"
echo "all as it should be; refreshes: $(stat refreshes), refresh tokens used twice: $(stat reuses)"
