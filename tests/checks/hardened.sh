#!/usr/bin/env bash
# What our binaries are built with, and that nothing of it reaches a user's.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
. "$root/tests/support/build.sh"
need_packages "${build_packages[@]}" "${httplib_packages[@]}" "${metrics_packages[@]}" "${curl_packages[@]}" \
  "${redis_packages[@]}" libcli11-dev ccache binutils
fail() { echo "hardened: $1"; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

configure shared -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DIRONJAR_BUILD_CURL=ON -DIRONJAR_BUILD_REDIS=ON
cmake --build "$build" --target ironjar ironjar_curl ironjar_redis >/dev/null
mapfile -t libraries < <(find "$build" -name 'libironjar*.so.*' -type f)
[ ${#libraries[@]} = 3 ] || fail "not 3 libraries: ${libraries[*]}"

# The programs and libraries, as released.
configure release -DCMAKE_BUILD_TYPE=Release -DIRONJAR_BUILD_DEMO=ON -DIRONJAR_BUILD_CURL=ON -DIRONJAR_BUILD_REDIS=ON \
  -DIRONJAR_BUILD_C=ON -DIRONJAR_BUILD_CLI=ON
targets=(ironjar ironjar_curl ironjar_redis ironjar_c ironjar_cli ironjar-demo)
cmake --build "$build" --target "${targets[@]}" >/dev/null
programs=("$build/bindings/demo/ironjar-demo" "$build/bindings/cli/ironjar")
files=("${programs[@]}" "$build"/bindings/c/libironjar_c.so "${libraries[@]}")
addon=$build/bindings/node/ironjar/ironjar.node # where Node's headers are
[ ! -e "$addon" ] || files+=("$addon")

has() { # has WHAT FILE COMMAND...: fails when the command's output does not hold WHAT
  local what=$1 file=$2
  "${@:3}" "$file" 2>/dev/null | grep -- "$what" >/dev/null || fail "$(basename "$file"): no $what"
}
for file in "${programs[@]}"; do
  has 'Type: *DYN (Position-Independent Executable' "$file" readelf -h
  has 'FLAGS.*PIE' "$file" readelf -d
  has '_chk@' "$file" readelf --dyn-syms -W # FORTIFY
done
for file in "${files[@]}"; do
  has GNU_RELRO "$file" readelf -lW
  has BIND_NOW "$file" readelf -dW
  has 'GNU_STACK.* RW ' "$file" readelf -lW
  has __stack_chk_fail "$file" readelf --dyn-syms -W
done
# FORTIFY and the others ask for nothing in an object that has no use for them: look at how each was compiled.
commands=$(ninja -C "$build" -t commands "${targets[@]}" | grep -E -- ' -c [^ ]+\.cpp$')
for flag in -D_FORTIFY_SOURCE= -fstack-protector-strong -fstack-clash-protection -fPI; do
  without=$(grep -vc -- " $flag" <<<"$commands" || true)
  [ "$without" = 0 ] || fail "$without objects are compiled without $flag"
done
objects=$(wc -l <<<"$commands")
[ "$objects" -gt 50 ] || fail "only $objects objects were seen"
if [ "$(uname -m)" = x86_64 ]; then
  # In our code: whether the kernel turns CET on depends on libc's start files too, and Debian's are built without.
  while read -r object; do has 'IBT, SHSTK' "$build/$object" readelf -n; done < <(grep -oE -- ' -o [^ ]+\.o' <<<"$commands" | cut -c 5-)
fi
echo "hardened: PIE, full RELRO, no executable stack, stack protector, FORTIFY, CET: ${#files[@]} files, $objects objects"

# A user's own program, beside ours in one build, gets none of it.
mkdir "$work/app"
cat >"$work/app/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.23)
project(app LANGUAGES CXX)
add_subdirectory($root ironjar)
file(WRITE \${CMAKE_CURRENT_BINARY_DIR}/app.cpp "#include <ironjar/ironjar.hpp>\nint main() {}\n")
add_executable(app \${CMAKE_CURRENT_BINARY_DIR}/app.cpp)
target_link_libraries(app PRIVATE ironjar::ironjar)
END
cmake -S "$work/app" -B "$work/app/build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
commands=$(ninja -C "$work/app/build" -t commands app | grep -E 'app\.cpp|-o app( |$)')
[ "$(wc -l <<<"$commands")" = 2 ] || fail "not two commands: $commands"
! grep -E -- '-fstack-protector|-fstack-clash|-fcf-protection|-fno-plt|FORTIFY|-Wl,-z|-pie|-fPIE|-ffile-prefix-map|-Wall' <<<"$commands" ||
  fail "our flags reach consumers"
echo "consumers: their own flags only"
