#!/usr/bin/env bash
# ironjar beside its floors and its peers, on the same sessions, in one run: medians and ratios as one table.
#
#   bash bench/run.sh [--json] [--check] [--rounds N] [--no-http]
#
# --check fails when a ratio or time is beyond its bound (bounds.mjs) or was not taken. Every round measures everything
# once, shortly, in processor time; a ratio is formed within a round, and its median over the rounds is what counts, so
# that a noisy machine disturbs both sides alike. Installs what is missing: Debian packages, Node packages into the
# build folder.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=../tests/support/packages.sh
. "$root/tests/support/packages.sh"

format=table rounds=7 http=yes check=no
while [ $# -gt 0 ]; do
  case "$1" in
    --json) format=json ;;
    --check) check=yes ;;
    --no-http) http=no ;;
    --rounds) rounds=$2 && shift ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | head -n -1 && exit 2 ;;
  esac
  shift
done
say() { echo "$*" >&2; }

build=$root/build/bench
peers=$build/peers
results=$build/results
milliseconds=50 # of one measurement
mkdir -p "$peers"
rm -rf "$results"
mkdir "$results"

exec 3>&2
trap 'cat "$build/setup.log" >&3' EXIT
{
  need_packages "${build_packages[@]}" "${httplib_packages[@]}" libbenchmark-dev golang-go \
    golang-github-gorilla-securecookie-dev wrk curl
  command -v npm >/dev/null || need_packages nodejs npm
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_BENCH=ON -DIRONJAR_BUILD_TESTS=OFF
  cmake --build "$build"

  # iron-session 9 needs Node 22.13.
  packages=peers-8
  if node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 13) ? 0 : 1)'; then
    packages=peers
  fi
  need_npm "$peers" $packages
  node -p 'Object.entries(JSON.parse(fs.readFileSync(process.argv[1])).dependencies).map((pair) => pair.join("@")).join(" ")' \
    "$peers/package.json" >"$results/versions"
  GOPATH=/usr/share/gocode GO111MODULE=off GOFLAGS='' go build -o "$peers/gorilla" "$root/bench/peers/gorilla.go"
} >"$build/setup.log" 2>&1
trap - EXIT

ours='^(floor|text)/(native|fe26)/|^json/(native|fe26)/.*|^session/|^cookies/|^base64url/|fetch/'
if [ $http = yes ]; then
  # shellcheck source=http.sh
  . "$root/bench/http.sh"
  start_http_server "$build/bench/ironjar_bench_server" "$results"
fi
for round in $(seq "$rounds"); do
  say "round $round of $rounds"
  "$build/bench/ironjar_bench" --benchmark_filter="$ours" --benchmark_min_time="$(awk "BEGIN { print $milliseconds / 1000 }")" \
    --benchmark_format=json >"$results/ours.$round.json" 2>/dev/null
  node "$root/bench/peers/peers.mjs" "$peers/node_modules" "$root/bench/sessions" $milliseconds \
    >"$results/peers.$round.jsonl"
  "$peers/gorilla" "$root/bench/sessions" $milliseconds >>"$results/peers.$round.jsonl"
  if [ $http = yes ]; then measure_http "$results/http.$round.jsonl"; fi
done
node "$root/bench/report.mjs" "$results" "$rounds" "$format" $check
