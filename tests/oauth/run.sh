#!/usr/bin/env bash
# A real OAuth server with strict rotation, and one user of it under load: no request fails, nobody is logged out. With
# each way in which a client may authenticate, with an access token for each of two APIs, and with tokens that are bound
# to a key (DPoP).
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

# shellcheck source=tests/support/packages.sh
. "$here/../support/packages.sh"
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
  echo "SKIPPED: oidc-provider needs Node 20; NO OAuth server was tried" >&2
  exit 77
fi
if ! need_npm "$modules" oauth; then
  echo "SKIPPED: NO OAuth server was tried" >&2
  exit 77
fi

load() { # METHOD ROUNDS THREADS
  coproc provider { exec node "$here/provider.mjs" "$modules" "$1"; }
  local line pid=$provider_PID input=${provider[1]}
  read -r -t 60 line <&"${provider[0]}" || { echo "the OAuth server did not start" >&2; exit 1; }
  printf '%s: ' "$1"
  "$binary" "$2" "$3" <<<"$line"
  exec {input}>&- # the server ends with its standard input
  wait "$pid"
}
binary=$1
load client_secret_basic "${3:-20}" "${4:-100}"
load private_key_jwt 3 20
load client_secret_jwt 3 20
load resource 5 40
load dpop "${3:-20}" "${4:-100}"
