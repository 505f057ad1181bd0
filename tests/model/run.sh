#!/usr/bin/env bash
# Verifies the model with Debian's spin: bash tests/model/run.sh [2|3] [FOLDER]
# 2: a minute at most, what ctest runs, with the planted faults; it leaves counterexamples and random walks in FOLDER for
# tests/redis_model_test.cpp. 3: three refreshes, and two with all that can happen at once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/support/packages.sh
source "$here/../support/packages.sh"
need_packages spin gcc
count=${1:-2}
folder=${2:-}
[ -n "$folder" ] || { folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT; }
mkdir -p "$folder"
cd "$folder"

# search WORDS…: the whole state space, into pan.log
search() {
  rm -f ./*.trail
  spin "$@" -a "$here/model.pml" >spin.log
  gcc -O1 -w -DSAFETY -DCOLLAPSE -DMEMLIM=12000 -o pan pan.c
  ./pan -m100000 -w"${bits:-22}" >pan.log
}
# verify WORDS…: fails unless all of it was searched, and nothing was found
verify() {
  search "$@"
  awk -v words="$*" '/errors:/ {errors = $NF} /states, stored/ {states = $1} /total actual/ {memory = $1}
    /elapsed time/ {time = $4} END {print words ": " states " states, " time " s, " memory " MB, errors: " errors}' pan.log
  grep -q 'errors: 0' pan.log && ! grep -qE 'not completed|too small|out of memory' pan.log && return
  cat pan.log
  [ ! -e model.pml.trail ] || spin "$@" -k model.pml.trail -B -T -t "$here/model.pml"
  return 1
}
# find_fault FAULT: spin must find it
find_fault() {
  search -D"$1" -DFAILOVERS=0
  if ! grep -q 'errors: 1' pan.log; then echo "$1: not found"; return 1; fi
  spin -D"$1" -DFAILOVERS=0 -k model.pml.trail -B -T -t "$here/model.pml" >"$1.txt"
  echo "$1: $(sed -n 's/^spin: text of failed assertion: //p' "$1.txt")"
}

if [ "$count" = 2 ]; then
  verify -DN=2 -DFAILOVERS=0 -DCRASHES=2
  verify -DN=2 -DLOSSES=0 -DBREAKS=0
  mapfile -t faults < <(grep -oE '(CLIENT_)?FAULT_[A-Z_]*[A-Z]' "$here/model.pml" | sort -u)
  for fault in "${faults[@]}"; do find_fault "$fault"; done
  spin -DWALKS=1000 -n1 -B -T "$here/model.pml" >walks.txt
else
  bits=26
  verify -DN=2
  verify -DN=3 -DFAILOVERS=0 -DLOSSES=0
  verify -DN=3 -DFAILOVERS=0 -DCRASHES=0 -DBREAKS=0
fi
