#!/usr/bin/env bash
# A12: the same cases through C++, C, Node, Python and the command line have the same answers; and sessions travel from
# iron-session 9 through each of them, and back.
#
#   run.sh PARITY CLI LIBRARY PACKAGE MODULES_DIR [COUNT]
#
# PACKAGE is the Node package as built, or empty. What cannot be run is left out loudly, and the exit is then 77, which
# ctest takes for skipped.
set -euo pipefail

[ $# -ge 5 ] || { echo "usage: run.sh PARITY CLI LIBRARY PACKAGE MODULES_DIR [COUNT]" >&2; exit 2; }
parity=$1 cli=$2 library=$3 package=$4 modules=$5 count=${6:-500}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
iron=$here/../interop/iron.mjs
work=$(mktemp -d)
keep=
trap '[ -n "$keep" ] || rm -rf "$work"' EXIT
seed=${IRONJAR_SEED:-$(date +%s)}
echo "seed $seed"
left_out=

ways=(c cli)
leave_out() { echo "SKIPPED: $*" >&2; left_out=yes; }
if [ -z "$package" ] || ! command -v node >/dev/null; then leave_out "Node"; else ways+=(node); fi
if command -v python3 >/dev/null; then ways+=(python); else leave_out "Python"; fi

answer() {
  case $1 in
    cpp | c) "$parity" "$1" ;;
    cli) "$cli" jsonl ;;
    node) IRONJAR_NODE_PACKAGE=$package node "$here/jsonl.mjs" ;;
    python) PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/../../bindings/python IRONJAR_LIBRARY=$library python3 "$here/jsonl.py" ;;
  esac
}
failed() {
  keep=yes
  echo "FAILED: $*; the files are in $work" >&2
  exit 1
}

"$parity" make "$count" "$seed" >"$work/requests"
answer cpp <"$work/requests" >"$work/cpp"
for way in "${ways[@]}"; do
  answer "$way" <"$work/requests" >"$work/$way" || failed "$way"
  said=$("$parity" check "$work/requests" "$work/cpp" "$work/$way") || failed "$way"
  printf '%-7s %s\n' "$way" "$said"
done

# shellcheck source=tests/support/packages.sh
. "$here/../support/packages.sh"
if ! command -v node >/dev/null || ! need_npm "$modules" parity; then
  leave_out "the exchange with iron-session"
else
  export IRONJAR_NODE_MODULES=$modules
  sessions=1000
  node "$iron" seal 9 $sessions >"$work/lines"
  node "$here/exchange.mjs" unseal <"$work/lines" >"$work/unseal"
  node "$here/exchange.mjs" seal <"$work/lines" >"$work/seal"
  for way in cpp "${ways[@]}"; do
    said=$(answer "$way" <"$work/unseal" | node "$here/exchange.mjs" compare "$work/lines") || failed "iron-session 9 -> $way"
    [ "$said" = "$sessions sessions opened" ] || failed "iron-session 9 -> $way: $said"
    printf '%-16s -> %-16s %s\n' "iron-session 9" "$way" "$said"
    answer "$way" <"$work/seal" | node "$here/exchange.mjs" lines "$work/lines" >"$work/back" || failed "$way"
    said=$(node "$iron" open 9 <"$work/back") || failed "$way -> iron-session 9"
    [ "$said" = "$sessions sessions opened" ] || failed "$way -> iron-session 9: $said"
    printf '%-16s -> %-16s %s\n' "$way" "iron-session 9" "$said"
  done
fi
[ -z "$left_out" ] || exit 77
