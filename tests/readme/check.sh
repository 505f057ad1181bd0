#!/usr/bin/env bash
# What the Markdown files show that is no C++: the transcript is what the first program really answers, the CMake
# projects are those that tests/consumer builds, shell, Python and JavaScript at least parse.
# Usage: check.sh ROOT BLOCKS PROGRAM (BLOCKS as extract.sh leaves them, PROGRAM made of the first one)
set -euo pipefail

root=$1 blocks=$2 program=$3
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

for block in "$blocks"/*.cmake; do
  for project in "$root"/tests/consumer/*/CMakeLists.txt; do
    cmp -s "$block" "$project" && continue 2
  done
  echo "not among tests/consumer: $(basename "$block")" && cat "$block" && exit 1
done
for block in "$blocks"/*.c; do cmp "$block" "$root/tests/consumer/c/main.c"; done
for block in "$blocks"/*.bash; do bash -n "$block"; done
if command -v python3 >/dev/null; then
  for block in "$blocks"/*.python; do
    python3 -c 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' "$block"
  done
fi
if command -v node >/dev/null; then
  for block in "$blocks"/*.js; do
    cp "$block" "$work/block.mjs"
    node --check "$work/block.mjs"
  done
fi

SESSION_PASSWORD=$(openssl rand -base64 32)
export SESSION_PASSWORD
for _ in $(seq 20); do
  export PORT=$((20000 + RANDOM % 30000))
  "$program" &
  server=$!
  for _ in $(seq 100); do
    curl -s -o /dev/null "http://localhost:$PORT/me" && break 2
    kill -0 $server 2>/dev/null || break
    sleep 0.05
  done
done

# In any order: how fields are sorted depends on httplib's version.
sealed() { sort | sed -E 's/\r$//; s/=ij1\.[A-Za-z0-9_-]+…?/=ij1.…/'; }
cd "$work"
for block in "$blocks"/*.console; do
  sealed <"$block" >expected
  while IFS= read -r command; do
    echo "\$ $command"
    bash -c "${command//8080/$PORT}"
  done < <(sed -n 's/^\$ //p' "$block") | sealed >actual
  diff expected actual
done
