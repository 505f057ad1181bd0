#!/usr/bin/env bash
# A real OAuth server with strict rotation, and one user of it under load: no request fails, nobody is logged out.
#
#   run.sh LOAD_BINARY MODULES_DIR [ROUNDS [THREADS]]
#
# Installs oidc-provider into MODULES_DIR/node_modules. Exits with 77 when it cannot, which ctest takes for skipped.
set -euo pipefail

if [ $# -lt 2 ] || [ $# -gt 4 ]; then
  echo "usage: run.sh LOAD_BINARY MODULES_DIR [ROUNDS [THREADS]]" >&2
  exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
modules=$2
version=8.8.1

if ! grep -qsF "\"version\": \"$version\"" "$modules/node_modules/oidc-provider/package.json"; then
  mkdir -p "$modules"
  if ! timeout 200 npm install --no-save --no-package-lock --no-audit --no-fund --prefix "$modules" \
    "oidc-provider@$version" >"$modules/npm.log" 2>&1; then
    echo "SKIPPED: npm could not install oidc-provider ($modules/npm.log): NO OAuth server was tried" >&2
    exit 77
  fi
fi

coproc provider { exec node "$here/provider.mjs" "$modules"; }
# The server ends with its standard input.
read -r -t 60 line <&"${provider[0]}" || { echo "the OAuth server did not start" >&2; exit 1; }
"$1" "${3:-20}" "${4:-100}" <<<"$line"
