# Sourced by the scripts that anybody may run first: sees to it that packages of Debian and npm are there.
# shellcheck shell=bash

need_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if ! command -v apt-get >/dev/null; then
    echo "please install what is Debian's ${missing[*]}" >&2
    return 1
  fi
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >/dev/null
}

build_packages=(g++ cmake ninja-build pkg-config libsodium-dev libssl-dev nlohmann-json3-dev libsimdjson-dev zlib1g-dev)
httplib_packages=(libcpp-httplib-dev libbrotli-dev)
front_packages=(nginx haproxy)  # reverse proxies in front; tests start their own, on free ports
asio_packages=(libboost1.81-dev)  # headers only
server_packages=("${asio_packages[@]}" libpoco-dev)
metrics_packages=(prometheus-cpp-dev)
curl_packages=(libcurl4-openssl-dev)
redis_packages=(libhiredis-dev redis-server spin)  # tests start servers of their own, on free ports

# For the Node package and the exchange with iron-session; any version from 18 on serves.
need_node() {
  command -v node >/dev/null && command -v npm >/dev/null && return
  need_packages nodejs npm || echo "NODE IS MISSING: the Node package and the exchange with iron-session are NOT tested"
}

# need_node_headers BUILD: the headers of Node's C interface: Node's own, Debian's, or npm's, which are installed into
# BUILD when there are none.
need_node_headers() {
  local beside
  beside=$(node -p 'require("path").join(process.execPath, "..", "..", "include", "node")')
  [ -e "$beside/node_api.h" ] || [ -e /usr/include/node/node_api.h ] || [ -e /usr/include/nodejs/src/node_api.h ] ||
    need_npm "$1/node-headers" node-headers
}

# need_npm FOLDER CONSUMER: the packages of ../packages/CONSUMER into FOLDER/node_modules, unless just these are there:
# those of its lock file, with the contents that it gives the hashes of, and without running a script of any of them (none
# needs its own). Fails, and says so, when npm cannot.
need_npm() {
  local from file
  from=$(dirname "${BASH_SOURCE[0]}")/../packages/$2
  ! npm_has "$1" "$from" || return 0
  mkdir -p "$1"
  for file in "${npm_files[@]}"; do cp "$from/$file" "$1"; done
  timeout 200 npm ci --ignore-scripts --no-audit --no-fund --prefix "$1" >"$1/npm.log" 2>&1 && return
  echo "npm could not install the packages of $from: see $1/npm.log" >&2
  return 1
}
npm_files=(package.json package-lock.json)
npm_has() {
  local file
  [ -e "$1/node_modules/.package-lock.json" ] || return 1 # npm's last word
  for file in "${npm_files[@]}"; do cmp -s "$1/$file" "$2/$file" || return 1; done
}
