#!/usr/bin/env bash
# A07: the library exports the functions of symbols.txt under one version, and nothing else; its soname is number 1.
# Usage: symbols.sh LIBRARY
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exported=$(nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }' | sort)
diff <(sed 's/$/@@IRONJAR_1/' "$here/symbols.txt" | sort) <(echo "$exported")
[ "$(nm -D --defined-only "$1" | awk '$2 == "A" { print $3 }')" = IRONJAR_1 ]
readelf -d "$1" | grep -q 'SONAME.*\[libironjar_c\.so\.1\]'
echo "$(wc -l <"$here/symbols.txt") symbols"
