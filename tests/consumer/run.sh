#!/usr/bin/env bash
# Every way to use ironjar in a program of your own, tried from nothing: installs the library, static and shared, and
# builds and runs the projects beside this script as a user would. One line for each way; at the first that fails, what
# the tools said.
# Usage: [CXX=compiler] run.sh ROOT BUILD_DIR; works in BUILD_DIR/consumer, which is emptied first.
set -euo pipefail

[ $# -eq 2 ] || { echo "usage: run.sh ROOT BUILD_DIR"; exit 2; }
root=$(cd "$1" && pwd)
mkdir -p "$2"
work=$(cd "$2" && pwd)/consumer
rm -rf "$work"
mkdir "$work"
here=$root/tests/consumer
log=$work/log
: >"$log"

# What every cmake below takes from its environment; so its command lines are those of a user.
export CXX=${CXX:-c++} CMAKE_GENERATOR=Ninja CMAKE_BUILD_TYPE=Release CMAKE_EXPORT_COMPILE_COMMANDS=ON
unset CXXFLAGS LDFLAGS
if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi

current="set-up"
explain() {
  local status=$?
  [ $status -eq 0 ] || { echo "$current: FAILED"; cat "$log"; }
  exit $status
}
trap explain EXIT
# way NAME COMMAND...: in a subshell of its own, traced into the log.
way() {
  current=$1
  (set -x; "${@:2}") >"$log" 2>&1
  echo "$current: ok"
}

# Fails when the command prints something.
nothing() {
  local found
  found=$("$@" || true)
  [ -z "$found" ]
}

# With STRICT the objects are those that check.sh's release step has left in ccache.
# install_library KIND [cmake options]: into $work/KIND, a prefix that the build has never heard of.
install_library() {
  local prefix=$work/$1
  cmake -S "$root" -B "$work/build-$1" -DIRONJAR_STRICT=ON -DIRONJAR_BUILD_CURL=ON -DIRONJAR_BUILD_REDIS=ON \
    -DCMAKE_INSTALL_LIBDIR=lib "${@:2}"
  cmake --build "$work/build-$1"
  cmake --install "$work/build-$1" --prefix "$prefix"

  # Every public header, nothing that is not ours, and no trace of this machine.
  diff <(cd "$root/include" && find . -type f ! -name '*.md' | sort) <(cd "$prefix/include" && find . -type f | sort)
  nothing grep -rF -e "$root" -e "$work" -e ironjar_flags "$prefix/lib/cmake" "$prefix/lib/pkgconfig"
  cd "$prefix"
  nothing find . -regextype posix-extended ! -type d \
    ! -regex '\./(include/ironjar/.*|lib/(libironjar(_curl|_redis)?\..*|cmake/ironjar/[^/]*|pkgconfig/ironjar(-curl|-redis)?\.pc))'
}
install_static() { install_library static -DBUILD_SHARED_LIBS=OFF; test -f "$work/static/lib/libironjar.a"; }
install_shared() { install_library shared -DBUILD_SHARED_LIBS=ON; test -f "$work/shared/lib/libironjar.so"; }

headers_alone() { cmake --build "$work/build-static" --target all_verify_interface_header_sets; }

# install_bindings NAME "LIBRARY FILES" [cmake options]: the bindings that are installed, and nothing else of theirs. They
# hold the C++ library, however that is built itself.
install_bindings() {
  local prefix=$work/$1
  cmake -S "$root" -B "$work/build-$1" -DIRONJAR_STRICT=ON -DIRONJAR_BUILD_C=ON -DIRONJAR_BUILD_CLI=ON \
    -DCMAKE_INSTALL_LIBDIR=lib "${@:3}"
  cmake --build "$work/build-$1"
  cmake --install "$work/build-$1" --prefix "$prefix"
  nothing grep -rF -e "$root" -e "$work" -e ironjar_flags -e ironjar_options "$prefix/lib/cmake" "$prefix/lib/pkgconfig"
  cd "$prefix"
  # shellcheck disable=SC2086
  diff <(find . ! -type d ! -path './include/ironjar/*' ! -path './lib/cmake/*' | sort) <(sort - <(printf './lib/%s\n' $2) <<'END'
./bin/ironjar
./include/ironjar.h
./lib/libironjar_c.so
./lib/libironjar_c.so.1
./lib/libironjar_c.so.1.0.0
./lib/pkgconfig/ironjar-c.pc
./lib/pkgconfig/ironjar.pc
./share/bash-completion/completions/ironjar
./share/man/man1/ironjar.1
END
  )
  nothing sh -c 'readelf -d bin/ironjar lib/libironjar_c.so | grep -e "NEEDED.*libironjar\." -e RPATH -e RUNPATH'
  ./bin/ironjar --version
}
install_bindings_shared() {
  install_bindings bindings-shared "libironjar.so libironjar.so.0.1 libironjar.so.0.1.0" -DBUILD_SHARED_LIBS=ON
}
# A project of C, which has no use for what the C++ library needs.
c_project_of() {
  project "c-$1" c -DCMAKE_PREFIX_PATH="$work/$1" -DCMAKE_C_FLAGS="-std=c11 -Wall -Wextra -Wpedantic -Werror" \
    -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON
}
c_pkg_config_of() {
  export PKG_CONFIG_PATH=$work/$1/lib/pkgconfig LD_LIBRARY_PATH=$work/$1/lib
  # shellcheck disable=SC2046
  cc -std=c11 "$here/c/main.c" $(pkg-config --cflags --libs ironjar-c) -o "$work/$1/app"
  "$work/$1/app"
}

# project NAME FOLDER [cmake options]: a user's project with FOLDER's CMakeLists.txt, built and run.
project() {
  mkdir -p "$work/$1"
  cd "$work/$1"
  cp "$here/main.cpp" .
  cp "$here/$2"/* .
  cmake -S . -B build "${@:3}"
  cmake --build build
  ./build/app
}
find_package_of() { project "find_package-$1" find_package -DCMAKE_PREFIX_PATH="$work/$1" "${@:2}"; }

# With the user's own warnings, as errors, and not hidden from them as a system's headers are.
httplib() {
  project httplib httplib -DCMAKE_PREFIX_PATH="$work/static" -DCMAKE_NO_SYSTEM_FROM_IMPORTED=ON \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wconversion -Wshadow -Werror"
}

asio() {
  project asio asio -DCMAKE_PREFIX_PATH="$work/static" -DCMAKE_NO_SYSTEM_FROM_IMPORTED=ON \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wconversion -Wshadow -Werror"
}

testing() {
  project testing testing -DCMAKE_PREFIX_PATH="$work/static" -DCMAKE_NO_SYSTEM_FROM_IMPORTED=ON \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wconversion -Wshadow -Werror"
}

# component_of NAME KIND [cmake options]
component_of() {
  project "$1-$2" "$1" -DCMAKE_PREFIX_PATH="$work/$2" -DCMAKE_NO_SYSTEM_FROM_IMPORTED=ON \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wconversion -Wshadow -Werror" "${@:3}"
}

# pkg_config_of KIND [--static]
pkg_config_of() {
  export PKG_CONFIG_PATH=$work/$1/lib/pkgconfig:${PKG_CONFIG_PATH:-} LD_LIBRARY_PATH=$work/$1/lib:${LD_LIBRARY_PATH:-}
  cd "$work/$1"
  # shellcheck disable=SC2046
  "$CXX" -std=c++20 "$here/main.cpp" $(pkg-config --cflags --libs "${@:2}" ironjar) -o app
  ./app
}

pkg_config_of_curl() {
  export PKG_CONFIG_PATH=$work/$1/lib/pkgconfig:${PKG_CONFIG_PATH:-}
  cd "$work/$1"
  # shellcheck disable=SC2046
  "$CXX" -std=c++20 "$here/curl/main.cpp" $(pkg-config --cflags --libs "${@:2}" ironjar-curl) -o app-curl
  ./app-curl
}

# A project that builds ironjar itself gets the library and nothing else: none of our warnings, programs, tests, files.
embedded() {
  project "$@"
  cd "$work/$1"
  grep 'CMakeFiles/app\.dir/' build/compile_commands.json >commands.txt
  nothing grep -e ' -W' commands.txt
  nothing find build -name CTestTestfile.cmake
  nothing find build -type f -executable ! -path '*/CMakeFiles/*' ! -path build/app ! -name 'libironjar.so*'
  cmake --install build --prefix installed
  nothing find . -path ./installed
}

add_subdirectory() {
  mkdir -p "$work/add_subdirectory/third_party"
  ln -s "$root" "$work/add_subdirectory/third_party/ironjar"
  embedded add_subdirectory add_subdirectory -DIRONJAR_PRECOMPILE=ON
}

way "install static" install_static
way "find_package static" find_package_of static
way "pkg-config static" pkg_config_of static --static
way "cpp-httplib, warnings as errors" httplib
way "Boost.Asio, warnings as errors" asio
way "the test kit, warnings as errors" testing
way "the Redis component static" component_of redis static
way "the curl component static" component_of curl static
way "pkg-config curl static" pkg_config_of_curl static --static
way "each header alone" headers_alone
way "install shared" install_shared
# A shared library has linked what it needs: its users have no use for the development files of that.
way "find_package shared" find_package_of shared -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON \
  -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON
way "the Redis component shared" component_of redis shared -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON
way "the curl component shared" component_of curl shared -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON
way "pkg-config shared" pkg_config_of shared
way "install bindings" install_bindings bindings libironjar.a
way "find_package bindings, C++" find_package_of bindings
way "find_package bindings, C" c_project_of bindings
way "pkg-config bindings, C" c_pkg_config_of bindings
way "install bindings beside a shared library" install_bindings_shared
way "find_package of these, C" c_project_of bindings-shared
way "pkg-config of these, C" c_pkg_config_of bindings-shared
way "add_subdirectory" add_subdirectory
# Without a network, and in a project with wide-reaching settings of its own.
way "FetchContent" embedded fetch_content fetch_content -DFETCHCONTENT_SOURCE_DIR_IRONJAR="$root" \
  -DFETCHCONTENT_FULLY_DISCONNECTED=ON -DIRONJAR_PRECOMPILE=ON -DBUILD_SHARED_LIBS=ON -DCMAKE_UNITY_BUILD=ON \
  -DCMAKE_CXX_VISIBILITY_PRESET=hidden -DCMAKE_VISIBILITY_INLINES_HIDDEN=ON
