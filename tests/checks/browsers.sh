#!/usr/bin/env bash
# Histories of browsers with several tabs, as many as told: browsers.sh [HISTORIES]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"

need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${front_packages[@]}" \
  "${server_packages[@]}" doctest-dev ccache
need_node
need_node_headers "$root/build/release"
configure release -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_TESTS=ON -DIRONJAR_BUILD_C=ON -DIRONJAR_BUILD_NODE=ON
cmake --build "$build" --target ironjar_browsers_site ironjar_node_package >/dev/null
exec bash "$root/tests/browsers/run.sh" "$build/tests/browsers/ironjar_browsers_site" "$build/browsers" "${1:-2000}" \
  "$build/bindings/node/ironjar"
