#!/usr/bin/env bash
# Two builds in different folders give the same libraries, byte for byte.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"
need_packages "${build_packages[@]}" "${curl_packages[@]}" "${redis_packages[@]}" ccache

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The second build is of copied sources, since a user's are somewhere else too, and without ccache: an object out of the
# cache would be equal to itself. Its objects, in turn, are compared with those that the first build has, or takes from
# the cache.
libraries=(ironjar ironjar_curl ironjar_redis)
# Without the path by which one of our libraries finds the other where it was built: an installed one has none.
options=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DIRONJAR_BUILD_CURL=ON -DIRONJAR_BUILD_REDIS=ON
  -DCMAKE_SKIP_RPATH=ON)
configure shared "${options[@]}"
cmake --build "$build" --target "${libraries[@]}" >/dev/null
shared=$build
copy=$work/elsewhere/and/deeper
mkdir -p "$copy"
cp -r "$root"/{CMakeLists.txt,include,lib} "$copy/"
cmake -S "$copy" -B "$copy/build" -G Ninja "${options[@]}" >/dev/null
cmake --build "$copy/build" --target "${libraries[@]}" >/dev/null
mapfile -t built < <(cd "$shared" && find . -name 'libironjar*.so.*' -type f)
[ ${#built[@]} = ${#libraries[@]} ] || { echo "reproducible: not ${#libraries[@]} libraries: ${built[*]}"; exit 1; }
for library in "${built[@]}"; do
  cmp "$shared/$library" "$copy/build/$library"
  echo "reproducible: two builds, one $(basename "$library"), $(sha256sum "$shared/$library" | cut -c -16)…"
done
