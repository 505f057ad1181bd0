#!/usr/bin/env bash
# Runs the published test suites of iron-session, iron-webcrypto and @hapi/iron with the Node package in their place.
#
#   published.sh PACKAGE_DIR MODULES_DIR CHECKOUTS_DIR [--original]
#
# PACKAGE_DIR is the package as built. What the suites need is installed into MODULES_DIR/node_modules, and their
# repositories are cloned into CHECKOUTS_DIR where they are not there. Exits with 77 when either cannot be done, and
# with 1 when a test fails that is not left out below. With `--original` the suites run with the packages of npm that
# they were written for.
set -euo pipefail

if [ $# -lt 3 ] || [ $# -gt 4 ] || [ "${4:---original}" != --original ]; then
  echo "usage: published.sh PACKAGE_DIR MODULES_DIR CHECKOUTS_DIR [--original]" >&2
  exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$2" "$3"
package=$(realpath "$1") PUBLISHED_MODULES=$(realpath "$2") checkouts=$(realpath "$3")
export PUBLISHED_MODULES PUBLISHED_SUITE PUBLISHED_IMPORTS
who=ours
[ $# -eq 3 ] || who=originals

# The tests that may fail: suite, with whom, test, why.
left_out() {
  cat <<'END'
iron | originals | Iron unseal() returns an error when decrypted object is invalid | sometimes: the text is that of JSON.parse before Node 20
iron | ours | Iron unseal() returns an error when decrypted object is invalid | its base64 takes Buffers only; and JSON.parse, as above
iron | originals | import() exposes all methods and classes as named imports | sometimes: Node 23 and later add a name
iron | ours | import() exposes all methods and classes as named imports | the names are iron-webcrypto's: more, and no default
iron | ours | Iron fails to turn object into a ticket (failed to stringify object) | the text is iron-webcrypto's
iron | ours | Iron generateKey() returns an error when invalid salt bits are provided | the text is iron-webcrypto's
iron | ours | Iron generateKey() returns an error when Cryptiles.randomBits fails | adds to `algorithms`, which iron-webcrypto freezes
iron | ours | Iron generateKey() returns an error when Crypto.pbkdf2 fails | replaces Crypto.pbkdf2, which is not called through `Crypto`
iron-webcrypto-1 | both | Iron generateKey() returns an error when invalid salt bits are provided | sometimes: the text is that of Node before 22
iron-webcrypto-1 | ours | Iron fails to turn object into a ticket (failed to stringify object) | the text is version 2's
iron-webcrypto-1 | ours | Iron unseal() returns an error when decryption fails | the text is version 2's
iron-webcrypto-1 | ours | Iron unseal() returns an error when iv base64 decoding fails | the text is version 2's
iron-webcrypto-next | both | Iron unseal() returns an error when ciphertext base64 decoding fails | 2.0.0 looks at the MAC first
iron-webcrypto-next | both | Iron unseal() returns an error when iv base64 decoding fails | 2.0.0 looks at the MAC first
iron-webcrypto-next | both | Iron unseal() returns an error when decryption fails after a valid hmac | sometimes: one wrong key in 256 leaves a good padding
iron-webcrypto-next | both | decryption integrity at the decode boundary rejects wrong-key garbage instead of leaking it to a passthrough decoder | 2.0.0 opens what is not UTF-8
END
}

# ---- what is needed ----

# checkout NAME REPOSITORY TAG_OR_COMMIT FILE: FILE tells that it is there.
checkout() {
  local folder=$checkouts/$1
  [ ! -e "$folder/$4" ] || return 0
  rm -rf "$folder.new"
  git init --quiet "$folder.new"
  if ! GIT_TERMINAL_PROMPT=0 timeout 120 git -C "$folder.new" fetch --quiet --depth 1 "https://github.com/$2" "$3" ||
    ! git -C "$folder.new" checkout --quiet FETCH_HEAD || [ ! -e "$folder.new/$4" ]; then
    echo "SKIPPED: could not get $2 at $3, and $folder/$4 is missing: NO published suite was run" >&2
    rm -rf "$folder.new"
    exit 77
  fi
  mv -T "$folder.new" "$folder"
}
# As Node names what it loads from there, so that hooks.mjs knows it for the suite's even where it is behind a link.
folder_of() { realpath "$checkouts/$1"; }

checkout iron hapijs/iron v7.0.1 test/index.js
checkout iron-session vvo/iron-session v9.0.1 src/index.test.ts
checkout iron-webcrypto brc-dd/iron-webcrypto v2.0.0 tests/index.test.ts
checkout iron-webcrypto-1 brc-dd/iron-webcrypto v1.2.1 tests/index.ts
# After 2.0.0: more tests, most of which are of what 2.0.0 does too.
checkout iron-webcrypto-next brc-dd/iron-webcrypto 35ce0fc2a07d52a704307a4b359942ebb618244f tests/critical.test.ts

# shellcheck source=tests/support/packages.sh
. "$here/../support/packages.sh"
if ! need_npm "$PUBLISHED_MODULES" published; then
  echo "SKIPPED: NO published suite was run" >&2
  exit 77
fi
npm=$PUBLISHED_MODULES/node_modules

# ---- what the suites import ----

shims=$PUBLISHED_MODULES/shims
rm -rf "$shims" && mkdir "$shims"
if [ $who = ours ]; then
  session=$package/index.js iron=$package/iron.js iron1=$shims/iron-webcrypto-1.mjs
  hapi=$shims/hapi.cjs hapi_esm=$iron hapi_options=(--import "$shims/hapi.mjs") utils=$shims/utils.mjs
else
  session=$npm/iron-session/dist/index.js iron=$npm/iron-webcrypto/index.js iron1=$npm/iron-webcrypto-1/dist/index.js
  hapi=$npm/@hapi/iron/lib/index.js hapi_esm=$hapi hapi_options=() utils="$iron?internals"
fi

# What the suites take of Deno's @std/assert, which is not on npm.
cat >"$shims/assert.mjs" <<'END'
import { deepStrictEqual, doesNotMatch, match, notDeepStrictEqual, ok } from 'node:assert';
export class AssertionError extends Error {}
export const assert = ok;
export const assertEquals = deepStrictEqual;
export const assertExists = (value, message) => ok(value !== undefined && value !== null, message);
export const assertFalse = (value, message) => ok(!value, message);
export const assertMatch = match;
export const assertNotEquals = notDeepStrictEqual;
export const assertNotMatch = doesNotMatch;
export function assertThrows(call, kind, part = '') {
  const [ErrorClass, message] = typeof kind === 'function' ? [kind, undefined] : [Error, kind];
  try {
    call();
  } catch (error) {
    ok(error instanceof ErrorClass && error.message.includes(part), message ?? `another error: ${error.message}`);
    return;
  }
  throw new AssertionError(message ?? 'nothing was thrown');
}
END
# Of what came after 2.0.0: to cut a seal, and the JSON of the default encoder by itself.
cat >"$shims/iron-webcrypto-next.mjs" <<END
export * from '$iron';
export const splitTicket = (sealed) => sealed.split('*');
END
cat >"$shims/utils.mjs" <<END
import { stringify } from '$package/json.js';
export const losslessJsonStringify = stringify;
export function isJson(data) {
  try {
    return stringify(data) !== '';
  } catch {
    return false;
  }
}
END
# iron-webcrypto 1 is 2 with the WebCrypto to use as each function's first argument, and base64 in public.
cat >"$shims/iron-webcrypto-1.mjs" <<END
import * as iron from '$package/iron.js';
export * from '$package/iron.js';
export const base64urlEncode = (data) => Buffer.from(data).toString('base64url');
const without = (f) => (crypto, ...rest) => f(...rest);
export const [decrypt, encrypt, generateKey, hmacWithPassword, randomBits, seal, unseal] = [iron.decrypt, iron.encrypt,
  iron.generateKey, iron.hmacWithPassword, iron.randomBits, iron.seal, iron.unseal].map(without);
END
# @hapi/iron is a CommonJS module, and its errors are Booms, which iron-webcrypto's are not: they are made such here.
cat >"$shims/hapi.mjs" <<END
import Module, { createRequire } from 'node:module';
import * as iron from '$package/iron.js';
const { boomify } = createRequire('$npm/')('@hapi/boom');
const asBoom = (f) => (...all) => f(...all).catch((error) => Promise.reject(boomify(error)));
const exports = { ...iron };
for (const name of ['decrypt', 'encrypt', 'generateKey', 'hmacWithPassword', 'seal', 'unseal']) exports[name] = asBoom(iron[name]);
Module._cache['$hapi'] = Object.assign(new Module('$hapi'), { filename: '$hapi', loaded: true, exports });
END

# ---- the suites ----

failed=0
# run SUITE OPTIONS... FILE: adds `ok NAME` or `not ok NAME` for each test to the results, and what went wrong below it.
run() {
  PUBLISHED_SUITE=$(folder_of "$1")
  local status=0
  (cd "$PUBLISHED_SUITE" && node --import "$here/published/hooks.mjs" "${@:2}") >"$shims/output" || status=$?
  sed -E -e 's/^((not )?ok) [0-9]+ \([0-9]+\)/\1/' -e 's/^ok [0-9]+ # (SKIP|TODO) \([0-9]+\)/not ok/' \
    -e '/^(TAP |1\.\.|# |  (---|\.\.\.|duration_ms))/d' "$shims/output" >>"$shims/results"
  if ! grep -q '^# ' "$shims/output" || { [ $status -ne 0 ] && ! grep -q '^not ok ' "$shims/output"; }; then
    echo "not ok ${*: -1} to the end: exits with $status" >>"$shims/results"
  fi
}
run_typescript() {
  local file
  for file in "${@:2}"; do
    run "$1" --test-reporter "$here/published/names.mjs" --test-reporter-destination stdout "$file"
  done
}

# judge SUITE: by the results, which it empties.
judge() {
  awk -F ' [|] ' -v suite="$1" -v who=$who '
    table { if ($1 == suite && ($2 == who || $2 == "both")) why[$3] = $4; next }
    /^ok / { passed++; name = substr($0, 4); shown = 0 }
    /^ok / && name in why && why[name] !~ /^sometimes/ { excused = excused "  passes after all: " name "\n" }
    /^not ok / { name = substr($0, 8); shown = !(name in why) }
    /^not ok / && shown { wrong++ }
    /^not ok / && !shown { left++; excused = excused "  left out: " name ": " why[name] "\n" }
    shown { details = details $0 "\n" }
    END {
      printf "%s (%s): %d passed, %d failed, %d left out\n%s%s", suite, who, passed, wrong, left, excused, details
      exit wrong > 0 || passed == 0
    }' table=1 <(left_out) table= "$shims/results" || failed=1
  : >"$shims/results"
}

PUBLISHED_IMPORTS="./index.js=$session"
run_typescript iron-session src/index.test.ts
judge iron-session

std="cross-bdd=node:test
@std/assert=$shims/assert.mjs"
PUBLISHED_IMPORTS="$std
iron-webcrypto=$iron"
run_typescript iron-webcrypto tests/index.test.ts
judge iron-webcrypto

PUBLISHED_IMPORTS="$std
iron-webcrypto=$shims/iron-webcrypto-next.mjs
../src/keys.ts=$iron
../src/utils.ts=$utils
./assert.ts=$(folder_of iron-webcrypto-next)/tests/assert.ts"
run_typescript iron-webcrypto-next tests/index.test.ts tests/critical.test.ts
judge iron-webcrypto-next

PUBLISHED_IMPORTS="../dist/index.js=$iron1
../index.js=$(folder_of iron-webcrypto-1)/tests/index.ts"
run_typescript iron-webcrypto-1 tests/node/index.test.ts
judge iron-webcrypto-1

PUBLISHED_IMPORTS="..=$hapi
../lib/index.js=$hapi_esm"
run iron "${hapi_options[@]}" "$npm/@hapi/lab/bin/lab" -l -r tap test/index.js test/esm.js
judge iron
exit $failed
