#!/usr/bin/env bash
# clang-tidy (bugprone, cert, concurrency, performance; .clang-tidy) over the library and, by way of the demo, over the
# adapters' headers; and cppcheck over the library. Clean, or it fails.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" ccache clang clang-tidy cppcheck
configure static -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DIRONJAR_BUILD_DEMO=ON
cd "$root"
run-clang-tidy -quiet -p "$build" -j "$(nproc)" "^$root/(lib|bindings/demo)/" >"$build/tidy.log" 2>&1 ||
  { grep -E -A6 '(warning|error):' "$build/tidy.log" || cat "$build/tidy.log"; exit 1; }
echo "clang-tidy: $(grep -c '^clang-tidy' "$build/tidy.log") files clean"
# missingIncludeSystem: the libraries' headers are not read. The others are in tests/checks/cppcheck.txt, with reasons.
cppcheck --quiet --std=c++20 --language=c++ --enable=warning,performance,portability --inline-suppr -j "$(nproc)" \
  --suppress=missingIncludeSystem --suppressions-list=tests/checks/cppcheck.txt --error-exitcode=1 -Iinclude -Ilib lib
echo "cppcheck: clean"
