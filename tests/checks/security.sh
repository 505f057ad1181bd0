#!/usr/bin/env bash
# What one visitor, or one API, could do to another user: requests smuggled through real reverse proxies, and a hostile
# API at kept connections. The worst inputs that were found are a test of the suite's, worst_input.
#   security.sh [--markdown]     --markdown: only the table of these, for .github/SECURITY.md
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

victims=2000
requests=100000
need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${front_packages[@]}" \
  "${server_packages[@]}" doctest-dev ccache python3
configure release -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_TESTS=ON -DIRONJAR_BUILD_DEMO=ON
cmake --build "$build" --target \
  ironjar-demo ironjar-demo-beast ironjar_readme_first ironjar_cross_user ironjar_worst >/dev/null
if [ "${1:-}" = --markdown ]; then
  exec "$build/tests/ironjar_worst" --markdown
fi

echo "-- smuggling through nginx and haproxy, $victims victims each"
python3 "$root/tests/front/smuggling.py" --victims $victims --demo "$build/bindings/demo/ironjar-demo" \
  --beast "$build/bindings/demo/ironjar-demo-beast" \
  --readme "$build/tests/readme/ironjar_readme_first"
echo "-- $requests requests of 64 users at a hostile API"
"$build/tests/ironjar_cross_user" $requests
