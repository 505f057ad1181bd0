#!/usr/bin/env bash
# Sends random sessions between this library and Node, in every direction; each must arrive as it was sealed.
#
#   run.sh INTEROP_BINARY CLI MODULES_DIR [COUNT]
#
# CLI may be empty: then no password is rotated (rotation.mjs). Installs what is missing into MODULES_DIR/node_modules. Exits with 77 when it cannot, which ctest takes for skipped.
# When a session does not arrive, the lines that were sent are kept, for looking into.
set -euo pipefail

if [ $# -lt 3 ] || [ $# -gt 4 ]; then
  echo "usage: run.sh INTEROP_BINARY CLI MODULES_DIR [COUNT]" >&2
  exit 2
fi
interop=$1
cli=$2
modules=$3
count=${4:-1000}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
native=$here/../vectors/native.mjs
iron=$here/iron.mjs
# shellcheck source=tests/support/packages.sh
. "$here/../support/packages.sh"

# Runs the first command into a file and the second over it; both must do all they were asked.
travel() { # FROM TO SEAL... -- OPEN...
  local from=$1 to=$2 seal=()
  shift 2
  while [ "$1" != -- ]; do
    seal+=("$1")
    shift
  done
  shift
  local said
  if ! "${seal[@]}" >"$lines" || ! said=$("$@" <"$lines") || [ "$said" != "$count sessions opened" ]; then
    trap - EXIT
    echo "FAILED: $from -> $to; the lines are in $lines" >&2
    exit 1
  fi
  printf '%-15s -> %-15s %s\n' "$from" "$to" "$said"
}

if ! need_npm "$modules" interop; then
  echo "SKIPPED: NOTHING was exchanged" >&2
  exit 77
fi
export IRONJAR_NODE_MODULES=$modules
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
seed=${IRONJAR_SEED:-$(date +%s)}
echo "S03 iron-interop: seed $seed"

for version in 9 8; do
  travel "ironjar fe26" "iron-session $version" "$interop" seal fe26 "$count" "$seed" -- node "$iron" open $version
  travel "iron-session $version" "ironjar fe26" node "$iron" seal $version "$count" -- "$interop" open fe26
done
travel "ironjar native" native.mjs "$interop" seal native "$count" "$seed" -- node "$native" check "$lines"
travel native.mjs "ironjar native" node "$native" seal "$count" -- "$interop" open native
[ -z "$cli" ] || node "$here/rotation.mjs" "$cli"
