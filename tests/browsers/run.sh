#!/usr/bin/env bash
# Browsers with several tabs before real servers: histories that are drawn, of which README.md says what must hold.
#
#   run.sh SITE_BINARY MODULES_DIR [HISTORIES [NODE_PACKAGE_DIR]]
#
# Of the histories one in ten has nginx before the site, and one in ten is getIronSession's where the Node package is
# given. Installs tough-cookie into MODULES_DIR/node_modules. Exits with 77 when it cannot, which ctest takes for
# skipped. IRONJAR_SEED is the first seed, 1 unless it is set.
set -euo pipefail

if [ $# -lt 2 ] || [ $# -gt 4 ]; then
  echo "usage: run.sh SITE_BINARY MODULES_DIR [HISTORIES [NODE_PACKAGE_DIR]]" >&2
  exit 2
fi
site=$1
export IRONJAR_NODE_MODULES=$2
histories=${3:-2000}
package=${4:-}
seed=${IRONJAR_SEED:-1}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/packages.sh
. "$here/../support/packages.sh"

if ! need_npm "$IRONJAR_NODE_MODULES" browsers; then
  echo "SKIPPED: NO browser was tried" >&2
  exit 77
fi
failed=0
histories_of() { # MIX COUNT SITE...
  node "$here/run.mjs" --mix "$1" --histories "$2" --seed "$seed" -- "${@:3}" || failed=1
}

part=$((histories / 10))
plain=$histories
if command -v nginx >/dev/null; then
  histories_of front "$part" "$site"
  plain=$((plain - part))
else
  echo "nginx IS MISSING: nothing was tried behind it"
fi
if [ -n "$package" ]; then
  histories_of iron "$part" node "$here/site.mjs" "$package"
  plain=$((plain - part))
else
  echo "the Node package IS MISSING: getIronSession was not tried"
fi
histories_of plain "$plain" "$site"
for fault in "first cookie" "deletes what came" "asks once"; do
  node "$here/run.mjs" --fault "$fault" --histories 5000 -- "$site" || failed=1
done
exit $failed
