#!/usr/bin/env bash
# Signing in with a real OpenID provider: signin.mjs says what must hold.
#
#   signin.sh SITE_BINARY MODULES_DIR [CHROMIUM_MODULES]
#
# Installs oidc-provider into MODULES_DIR/node_modules. Exits with 77 when it cannot, which ctest takes for skipped.
set -euo pipefail

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  echo "usage: signin.sh SITE_BINARY MODULES_DIR [CHROMIUM_MODULES]" >&2
  exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/packages.sh
. "$here/../support/packages.sh"
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ] || ! need_npm "$2" oauth; then
  echo "SKIPPED: oidc-provider and Node 20 are needed; NOBODY signed in with a real provider" >&2
  exit 77
fi
exec node "$here/signin.mjs" "$2" "$1" ${3:+"$3"}
