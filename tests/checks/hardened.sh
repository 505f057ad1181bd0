#!/usr/bin/env bash
# What our binaries are built with, and that two builds in different folders give one libironjar.so, byte for byte.
#   hardened.sh
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/packages.sh"
need_packages "${build_packages[@]}" "${httplib_packages[@]}" binutils

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Without ccache: an object out of the cache would be equal to itself. The sources are copied, since a user's are
# somewhere else too.
for copy in one two/elsewhere; do
  mkdir -p "$work/$copy"
  cp -r "$root"/{CMakeLists.txt,include,lib,bindings,tests} "$work/$copy/"
  cmake -S "$work/$copy" -B "$work/$copy/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON \
    -DIRONJAR_BUILD_DEMO=ON >/dev/null
done
cmake --build "$work/one/build" >/dev/null
cmake --build "$work/two/elsewhere/build" --target ironjar >/dev/null
library=$(cd "$work/one/build" && find . -name 'libironjar.so.*' -type f)
cmp "$work/one/build/$library" "$work/two/elsewhere/build/$library"
echo "reproducible: two builds, one $(basename "$library")"

has() { # has WHAT FILE COMMAND...: fails when the command's output does not hold WHAT
  local what=$1 file=$2
  "${@:3}" "$file" 2>/dev/null | grep -- "$what" >/dev/null || { echo "$(basename "$file"): no $what"; exit 1; }
}
program=$work/one/build/bindings/demo/ironjar-demo
library=$work/one/build/$library
has 'Type: *DYN (Position-Independent Executable' "$program" readelf -h
has 'FLAGS.*PIE' "$program" readelf -d
for file in "$program" "$library"; do
  has GNU_RELRO "$file" readelf -lW
  has BIND_NOW "$file" readelf -dW
  has 'GNU_STACK.* RW ' "$file" readelf -lW
  has __stack_chk_fail "$file" readelf --dyn-syms -W
done
has '_chk@' "$program" readelf --dyn-syms -W # FORTIFY
if [ "$(uname -m)" = x86_64 ]; then
  # In our code: whether the kernel turns CET on depends on libc's start files too, and Debian's are built without.
  for file in "$program" "$library"; do has endbr64 "$file" objdump -d --no-show-raw-insn; done
fi
echo "hardened: PIE, full RELRO, no executable stack, stack protector, FORTIFY, CET"

# A user's own program, beside ours in one build, gets none of it.
mkdir "$work/app"
cat >"$work/app/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.23)
project(app LANGUAGES CXX)
add_subdirectory($work/one ironjar)
file(WRITE \${CMAKE_CURRENT_BINARY_DIR}/app.cpp "#include <ironjar/ironjar.hpp>\nint main() {}\n")
add_executable(app \${CMAKE_CURRENT_BINARY_DIR}/app.cpp)
target_link_libraries(app PRIVATE ironjar::ironjar)
EOF
cmake -S "$work/app" -B "$work/app/build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
commands=$(ninja -C "$work/app/build" -t commands app | grep -E 'app\.cpp|-o app( |$)')
[ "$(wc -l <<<"$commands")" = 2 ] || { echo "not two commands: $commands"; exit 1; }
! grep -E -- '-fstack-protector|-fstack-clash|-fcf-protection|FORTIFY|-Wl,-z|-pie|-fPIE|-ffile-prefix-map|-Wall' <<<"$commands" ||
  { echo "our flags reach consumers"; exit 1; }
echo "consumers: their own flags only"
