#!/usr/bin/env bash
# clang-tidy (bugprone, cert, concurrency, performance; .clang-tidy) over the library, with Redis, and the bindings; by
# way of the demo over the adapters' and the test kit's headers. And cppcheck over the same. Clean, or it fails.
#   static.sh cppcheck                        cppcheck only
#   static.sh [regular expression of paths]   clang-tidy only, over these
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

cppcheck_all() {
  # missingIncludeSystem: the libraries' headers are not read. The others are in tests/checks/cppcheck.txt, with reasons.
  cppcheck --quiet --std=c++20 --language=c++ --enable=warning,performance,portability --inline-suppr -j "$(nproc)" \
    --suppress=missingIncludeSystem --suppressions-list=tests/checks/cppcheck.txt --error-exitcode=1 \
    -Iinclude -Ilib -Ibindings/c -Ibindings/c/include -Ibindings/cli lib bindings
  echo "cppcheck: clean"
}
cd "$root"
if [ "${1:-}" = cppcheck ]; then
  need_packages cppcheck
  cppcheck_all
  exit
fi

need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${curl_packages[@]}" \
  "${redis_packages[@]}" libcli11-dev ccache clang clang-tidy cppcheck
need_node
node=OFF
if command -v node >/dev/null && need_node_headers "$root/build/static"; then node=ON; fi
# Nothing is built: clang-tidy reads what the compiler would be told.
configure static -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DIRONJAR_BUILD_DEMO=ON -DIRONJAR_BUILD_CURL=ON -DIRONJAR_BUILD_REDIS=ON \
  -DIRONJAR_BUILD_C=ON -DIRONJAR_BUILD_CLI=ON -DIRONJAR_BUILD_NODE=$node
[ "$node" = ON ] || echo "NODE OR ITS HEADERS ARE MISSING: bindings/node is NOT read"
run-clang-tidy -quiet -p "$build" -j "$(nproc)" "${1:-^$root/(lib|bindings)/}" >"$build/tidy.log" 2>&1 ||
  { grep -E -A6 '(warning|error):' "$build/tidy.log" || cat "$build/tidy.log"; exit 1; }
files=$(grep -c '^clang-tidy' "$build/tidy.log")
echo "clang-tidy: $files files clean"
[ $# -eq 0 ] || exit 0
# Every source that is there, or the list of commands is not what it should be.
sources=$(find lib bindings -name '*.cpp' | wc -l)
[ "$node" = ON ] || sources=$((sources - 1))
[ "$files" = "$sources" ] || { echo "static: $files of $sources files were read"; exit 1; }
cppcheck_all
