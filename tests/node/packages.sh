# shellcheck shell=bash
# Sourced. install_packages FOLDER PACKAGE@VERSION... : npm's packages into FOLDER/node_modules, unless just these are
# there. `alias@npm:PACKAGE@VERSION` works too.
all_installed() {
  local folder=$1 package name
  for package in "${@:2}"; do
    name=${package%@npm:*}
    [ "$name" != "$package" ] || name=${package%@*}
    grep -qsF "\"version\": \"${package##*@}\"" "$folder/node_modules/$name/package.json" || return 1
  done
}

# Exits with 77, which ctest takes for skipped, when it cannot.
install_packages() {
  mkdir -p "$1"
  if all_installed "$@" || timeout 200 npm install --no-save --no-package-lock --no-audit --no-fund --prefix "$@" \
    >"$1/npm.log" 2>&1; then
    return
  fi
  echo "SKIPPED: npm could not install ${*:2} ($1/npm.log): NOTHING was compared" >&2
  exit 77
}
