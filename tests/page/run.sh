#!/usr/bin/env bash
# Tests the browser's half (bindings/browser) in Node, with a clock, tabs and a server of the tests' own; real tabs are
# ../chromium's.
#
#   run.sh MODULES_DIR
#
# Installs React, TypeScript and esbuild into MODULES_DIR/node_modules, and exits with 77, which ctest takes for
# skipped, when it cannot.
set -euo pipefail

modules=${1:?usage: run.sh MODULES_DIR}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../../bindings/browser" && pwd)
# shellcheck source=tests/support/packages.sh
. "$here/../support/packages.sh"
if ! need_npm "$modules" page; then
  echo "SKIPPED: NOTHING of the browser's half was tested" >&2
  exit 77
fi

# As npm would install it beside an application's React.
rm -rf "$modules/installed" "$modules/types"
mkdir "$modules/installed" "$modules/types"
cp "$source"/*.js "$source"/*.d.ts "$source/package.json" "$modules/installed"
IRONJAR_PAGE_MODULES=$(cd "$modules" && pwd) node --test "$here"/*.test.mjs

# The types, as strict as can be, and the README's examples with them.
ln -sfn "$modules/installed" "$modules/node_modules/ironjar-browser"
cp "$here/types/usage.tsx" "$modules/types"
awk -v folder="$modules/types" '
  /^```tsx?$/ { inside = 1; file = sprintf("%s/readme%d.tsx", folder, ++n); next }
  /^```/ { inside = 0 }
  inside { print >file }
  END { exit n != 2 }' "$source/README.md" || { echo "the README has two examples" >&2; exit 1; }
cd "$modules/types"
node ../node_modules/typescript/bin/tsc --noEmit --preserveSymlinks --target es2022 --module esnext \
  --moduleResolution bundler --lib es2022,dom,dom.iterable --types react --jsx react-jsx \
  --strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess ./*.tsx
echo "the types compile"
