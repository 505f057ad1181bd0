# Sourced by run.sh: what sessions cost a server, in requests per second.
# shellcheck shell=bash

# start_http_server BINARY FOLDER: on a free port, for as long as the script runs.
start_http_server() {
  "$1" "$root/bench/sessions/1024.json" >"$2/server" &
  http_server=$!
  trap 'kill $http_server 2>/dev/null; wait $http_server 2>/dev/null || true' EXIT
  for _ in $(seq 100); do
    [ "$(wc -l <"$2/server")" -ge 2 ] && break
    kill -0 $http_server
    sleep 0.1
  done
  { read -r http_origin && read -r http_cookie; } <"$2/server"
}

# measure_http FILE: JSON objects {"path", "requests"}, requests per second; some paths several times.
measure_http() {
  # performFetch with the transport's defaults: connections kept per login, and wrk is one login; `client` shares its own.
  # Each of the two that ask the API goes before the other as often as after it: whichever was first leaves it idle
  # connections to look after.
  local path found pair="client performFetch performFetch client"
  for path in bare readOnly readWrite $pair $pair; do
    found=$(curl -s -o /dev/null -w '%{http_code}' -H "Cookie: $http_cookie" "$http_origin/$path")
    [ "$found" = 200 ] || { echo "/$path answers $found" >&2 && return 1; }
    found=$(wrk -t1 -c4 -d1s -H "Cookie: $http_cookie" "$http_origin/$path" | awk '/^Requests\/sec:/ { print $2 } /Non-2xx|Socket errors/ { exit 1 }')
    echo "{\"path\":\"$path\",\"requests\":$found}" >>"$1"
  done
}
