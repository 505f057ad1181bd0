#!/usr/bin/env bash
# Which lines and branches of lib/ the tests run, lib/redis among them. Fails below 95 % of the lines and 85 % of the
# branches, and lists what is not covered.
#
# Branches are counted without those that only an exception takes (gcovr --exclude-throw-branches): g++ makes one of
# nearly every call, std::bad_alloc included, and no test takes those.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${curl_packages[@]}" \
  "${redis_packages[@]}" "${server_packages[@]}" doctest-dev ccache openssl curl gcovr
configure coverage -DCMAKE_BUILD_TYPE=Release -DCMAKE_PROJECT_ironjar_INCLUDE="$root/tests/checks/coverage.cmake" \
  -DIRONJAR_BUILD_TESTS=ON -DIRONJAR_BUILD_CURL=ON -DIRONJAR_BUILD_REDIS=ON
programs=(ironjar_core_tests ironjar_attack_tests ironjar_curl_tests ironjar_httplib_tests ironjar_prometheus_tests
  ironjar_redis_tests)
cmake --build "$build" --target "${programs[@]}"
find "$build" -name '*.gcda' -delete
# Without what repeats a line a million times, and what measures time.
export IRONJAR_SLOW=yes
for program in "${programs[@]}"; do
  "$build/tests/$program" --no-version --test-case-exclude='S22*,S27*,S30*,a million*,memory is back*,*thousands of times*' \
    >"$build/$program.log" || { cat "$build/$program.log"; exit 1; }
done
# The library's own objects only: what a test has inlined of a header proves nothing.
gcovr --root "$root" --filter "$root/lib/" --exclude-throw-branches --exclude-unreachable-branches \
  --object-directory "$build" -j "$(nproc)" --fail-under-line 95 --fail-under-branch 85 \
  --txt "$build/coverage.txt" --json "$build/coverage.json" --print-summary \
  "$build/lib"
echo "coverage: $build/coverage.txt has it by file; tests/README.md says why what is missing is"
