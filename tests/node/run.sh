#!/usr/bin/env bash
# Tests the Node package beside the packages that it takes the place of.
#
#   run.sh PACKAGE_DIR MODULES_DIR [speed]
#
# PACKAGE_DIR is the package as built. Installs the others into MODULES_DIR/node_modules, and exits with 77, which ctest
# takes for skipped, when it cannot. `speed` measures instead.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: run.sh PACKAGE_DIR MODULES_DIR [speed]" >&2
  exit 2
fi
export IRONJAR_NODE_PACKAGE=$1 IRONJAR_NODE_MODULES=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/packages.sh
. "$here/../support/packages.sh"
if ! need_npm "$IRONJAR_NODE_MODULES" node; then
  echo "SKIPPED: NOTHING was compared" >&2
  exit 77
fi

if [ "${3:-}" = speed ]; then
  exec node "$here/speed.mjs"
fi
node --expose-gc --test "$here"/*.test.mjs

# What npm publishes: all of it, usable from any folder, and with no way back to the one that it was built in.
published=$IRONJAR_NODE_MODULES/published
rm -rf "$published"
mkdir "$published"
(cd "$IRONJAR_NODE_PACKAGE" && npm pack --ignore-scripts --silent --pack-destination "$published" >/dev/null)
tar -xzf "$published"/ironjar-*.tgz -C "$published"
diff <(LC_ALL=C ls "$published/package") - <<'END'
LICENSE
cookies.js
index.d.ts
index.js
iron.d.ts
iron.js
ironjar.node
jar.js
json.js
keys.js
libironjar_c.so.1
native.js
package.json
remember.js
seal.js
session.js
END
# shellcheck disable=SC2016
if readelf -d "$published"/package/*.{node,so.1} | grep -e RPATH -e RUNPATH | grep -vF '[$ORIGIN]'; then
  echo "the package looks for libraries where it was built" >&2
  exit 1
fi
(cd / && node --input-type=module --eval "
  import { sealDataSync, unsealDataSync } from '$published/package/index.js';
  const password = 'Zk3-first-password-that-is-long-enough-0001';
  if (unsealDataSync(sealDataSync({ n: 1 }, { password }), { password }).n !== 1) process.exit(1);")
echo "the package is whole"

# Far below what a quiet machine shows, so that only a slip fails.
IRONJAR_LEAST=${IRONJAR_LEAST:-15} node "$here/speed.mjs"

# The types, in a project that knows browsers and is as strict as can be, and in one that does not and is merely strict.
rm -rf "$IRONJAR_NODE_MODULES/types"
cp -r "$here/types" "$IRONJAR_NODE_MODULES"
ln -sfn "$IRONJAR_NODE_PACKAGE" "$IRONJAR_NODE_MODULES/node_modules/ironjar"
cd "$IRONJAR_NODE_MODULES/types"
compile() { node ../node_modules/typescript/bin/tsc --noEmit --preserveSymlinks --target es2022 --types node --strict "$@"; }
compile --module nodenext --lib es2022,dom,dom.iterable --exactOptionalPropertyTypes --noUncheckedIndexedAccess same.ts usage.ts
compile --module esnext --moduleResolution bundler --lib es2022 usage.ts
echo "the types compile"
