# Sourced by the scripts that build: one way to configure.
# shellcheck shell=bash

# configure FOLDER [cmake options]: build/FOLDER of $root, with warnings as errors; its path is in $build then.
configure() {
  build="$root/build/$1"
  cmake -S "$root" -B "$build" -G Ninja -DIRONJAR_STRICT=ON -DCMAKE_CXX_COMPILER_LAUNCHER=ccache "${@:2}" >/dev/null
}
