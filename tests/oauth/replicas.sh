#!/usr/bin/env bash
# Many users of a site in one process and in three, over Redis, with a real OAuth server that ends a login whose refresh
# token comes twice: replicas.mjs says what must hold. And that it is found out when the processes share no Redis.
#
#   replicas.sh REPLICA_BINARY MODULES_DIR [USERS ROUNDS]
#
# Installs oidc-provider into MODULES_DIR/node_modules. Exits with 77 when it cannot, which ctest takes for skipped.
set -euo pipefail

if [ $# -ne 2 ] && [ $# -ne 4 ]; then
  echo "usage: replicas.sh REPLICA_BINARY MODULES_DIR [USERS ROUNDS]" >&2
  exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/packages.sh
. "$here/../support/packages.sh"
need_node
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ] || ! need_npm "$2" oauth; then
  echo "SKIPPED: oidc-provider and Node 20 are needed; NO OAuth server was tried" >&2
  exit 77
fi

for processes in 1 3; do node "$here/replicas.mjs" "$2" "$1" "$processes" "${3:-10}" "${4:-6}"; done
node "$here/replicas.mjs" "$2" "$1" 3 10 6 --apart
