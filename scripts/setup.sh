#!/usr/bin/env bash
# Makes this machine able to build and test Restamp:
#
#   scripts/setup.sh                      # then, in each shell:  . ~/.cache/restamp/env.sh
#   scripts/setup.sh --toolchain debian   # what CI uses: asks package registries only, never rustup
#
# What it provides, in ~/.cache/restamp except Debian packages and tests/package/node_modules:
#   * rustc, cargo, clippy and rustfmt with the target wasm32-unknown-unknown: rustup's, or
#     Debian's (scripts/debian-rust.sh)
#   * wasm-bindgen, wasm-bindgen-test-runner and wasm-pack at the versions in tools/Cargo.lock
#   * the npm tools in tests/package/package-lock.json: wasm-opt, Vite, TypeScript, playwright-core
#   * Chromium and chromedriver, where apt can install them
#   * PostgreSQL's and Redis' programs, where apt can install them; as services they stay off: the
#     tests of the reference server start their own (backend/tests/support/database-servers.sh)
#   * Python, where apt can install it: one test runs the Frappe method of examples/frappe with it
#
# Running it again takes less than 2 s and repairs what is missing or out of date.
set -Eeuo pipefail
trap 'printf "setup: error: stopped at line %s of scripts/setup.sh\n" "$LINENO" >&2' ERR

usage() {
  sed -n '2,/^set -/p' "$0" | sed -e '/^set /d' -e 's/^# \{0,1\}//'
  cat <<'TEXT'
Options:
  --toolchain auto|rustup|debian   default $RESTAMP_TOOLCHAIN or auto: the Rust on PATH if it can
                                   build for wasm32, else rustup, else debian
  --cache DIR                      default $RESTAMP_CACHE or ~/.cache/restamp
  --no-browser                     neither install nor look for Chromium
  --no-databases                   neither install nor look for PostgreSQL and Redis
TEXT
}

target=wasm32-unknown-unknown
node_min=20.19.0 # what Vite needs; the package itself runs on any Node 20
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${RESTAMP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/restamp}
toolchain=${RESTAMP_TOOLCHAIN:-auto}
browser=1
databases=1
while [ $# -gt 0 ]; do
  case $1 in
    --toolchain) toolchain=${2:?--toolchain needs auto, rustup or debian}; shift ;;
    --toolchain=*) toolchain=${1#*=} ;;
    --cache) cache=${2:?--cache needs a folder}; shift ;;
    --cache=*) cache=${1#*=} ;;
    --no-browser) browser=0 ;;
    --no-databases) databases=0 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "setup: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
  shift
done

say() { printf 'setup: %s\n' "$*"; }
die() { trap - ERR; printf 'setup: error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
# step TEXT COMMAND...: runs COMMAND; its output is kept in a log and shown only if it fails.
step() {
  local text=$1 start=$SECONDS
  shift
  say "$text ..."
  if ! "$@" >"$cache/step.log" 2>&1 </dev/null 9>&-; then
    tail -n 40 "$cache/step.log" >&2
    die "failed after $((SECONDS - start)) s: $text (whole log: $cache/step.log)"
  fi
  say "$text: done in $((SECONDS - start)) s"
}
# apt_install PACKAGE...: installs those that are missing.
apt_install() {
  local package missing=() sudo=()
  for package; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    have sudo || die "needs Debian packages; as root, run: apt-get install --no-install-recommends ${missing[*]}"
    sudo=(sudo)
  fi
  export DEBIAN_FRONTEND=noninteractive
  step "apt-get update" "${sudo[@]}" apt-get -o Acquire::Retries=3 update
  for package in "${missing[@]}"; do
    apt-cache show "$package" >/dev/null 2>&1 ||
      die "apt has no package $package here: Debian's Rust needs Debian 12; elsewhere install rustup (https://rustup.rs)"
  done
  step "apt-get install ${missing[*]}" \
    "${sudo[@]}" apt-get -o Acquire::Retries=3 install -y --no-remove --no-install-recommends "${missing[@]}"
}
# apt_install_off PACKAGE...: the same for packages with services, which are not started, now or later.
policy=/usr/sbin/policy-rc.d
policy_made=0
apt_install_off() {
  local as=()
  if [ "$(id -u)" != 0 ]; then
    have sudo || die "needs Debian packages; as root, run: apt-get install --no-install-recommends $*"
    as=(sudo)
  fi
  if ! [ -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as[@]}" tee "$policy" >/dev/null
    policy_made=1
    "${as[@]}" chmod 755 "$policy"
  fi
  apt_install "$@"
  allow_services
  if have systemctl; then "${as[@]}" systemctl disable "$@" >/dev/null 2>&1 || true; fi
}
# allow_services: takes away the ban of apt_install_off, also if it failed.
allow_services() {
  [ "$policy_made" = 1 ] || return 0
  policy_made=0
  if [ "$(id -u)" = 0 ]; then rm -f "$policy"; else sudo rm -f "$policy"; fi
}
# has_wasm_std RUSTC
has_wasm_std() { compgen -G "$("$1" --print target-libdir --target "$target" 2>/dev/null)/libstd-*.rlib" >/dev/null; }

case $toolchain in
  auto | rustup | debian) ;;
  *) die "the toolchain is auto, rustup or debian, not '$toolchain' (--toolchain, RESTAMP_TOOLCHAIN)" ;;
esac
mkdir -p "$cache" || die "cannot write to $cache: choose another folder with --cache"
cache=$(cd "$cache" && pwd)
case $cache in *[[:space:]]*) die "the path $cache has a space in it: choose another folder with --cache" ;; esac
if have flock; then
  exec 9>"$cache/.lock"
  flock -n 9 || { say "another setup is at work on $cache, waiting for it"; flock 9; }
fi
trap 'rm -rf "$cache/tmp"; allow_services' EXIT
# An earlier env.sh on PATH must not decide what already works.
PATH=$(printf %s "$PATH" | tr ':' '\n' | grep -vxF -e "$cache/rust/bin" -e "$cache/bin" | paste -sd: -)
export PATH

# ---- Node ----------------------------------------------------------------------------------------
have node || die "no Node.js on PATH: install version $node_min or newer (https://nodejs.org) and run this again"
node_version=$(node --version)
[ "$(printf '%s\n' "v$node_min" "$node_version" | sort -V | head -n 1)" = "v$node_min" ] ||
  die "Node.js $node_version is too old: install version $node_min or newer (https://nodejs.org) and run this again"
have npm || die "no npm on PATH: install the npm that belongs to Node.js $node_version and run this again"

# ---- Rust ----------------------------------------------------------------------------------------
wanted=$toolchain
if [ "$toolchain" = auto ]; then
  if have cargo && have rustc && has_wasm_std rustc; then toolchain=path
  elif [ -e "$cache/rust/stamp" ]; then toolchain=debian
  elif have rustup; then toolchain=rustup
  elif have apt-get; then toolchain=debian
  else die "no Rust that builds for $target: install rustup (https://rustup.rs) and run this again"
  fi
fi
if [ "$toolchain" = rustup ]; then
  have rustup || die "--toolchain rustup, but rustup is not on PATH: install it (https://rustup.rs)"
  if ! has_wasm_std rustc; then
    # Where the network is closed this would hang for ever.
    limit=(); if have timeout; then limit=(timeout 300); fi
    say "rustup target add $target ..."
    if ! "${limit[@]}" rustup target add "$target" </dev/null 9>&-; then
      if [ "$wanted" != auto ] || ! have apt-get; then die "rustup could not add $target (see above)"; fi
      say "rustup could not add $target: using Debian's Rust"
      toolchain=debian
    fi
  fi
fi
if [ "$toolchain" = debian ]; then
  have apt-get || die "--toolchain debian, but there is no apt-get here: install rustup (https://rustup.rs)"
  # shellcheck source=scripts/debian-rust.sh
  . "$root/scripts/debian-rust.sh"
  debian_rust
else
  rm -rf "$cache/rust"
  have cc || { have apt-get && apt_install gcc libc6-dev; } || die "no C compiler (cc) on PATH: install one and run this again"
fi

# env.sh. $CARGO_HOME/bin goes last when it is not on PATH: cargo would otherwise search it first
# and take rustup's cargo-clippy from there.
mkdir -p "$cache/bin"
cat >"$cache/env.sh.new" <<SH
case ":\$PATH:" in *":$cache/bin:"*) ;; *) PATH="$cache/rust/bin:$cache/bin:\$PATH" ;; esac
case ":\$PATH:" in *":\${CARGO_HOME:-\$HOME/.cargo}/bin:"*) ;; *) PATH="\$PATH:\${CARGO_HOME:-\$HOME/.cargo}/bin" ;; esac
export PATH
SH
mv "$cache/env.sh.new" "$cache/env.sh"
# shellcheck source=/dev/null
. "$cache/env.sh"

# ---- wasm-bindgen, its test runner, wasm-pack ------------------------------------------------------
# locked FILE CRATE: the crate's version in a Cargo.lock
locked() { awk -v crate="name = \"$2\"" '$0 == crate { getline; gsub(/version = |"/, ""); print; exit }' "$1"; }
bindgen=$(locked "$root/tools/Cargo.lock" wasm-bindgen-cli)
used=$(locked "$root/Cargo.lock" wasm-bindgen)
[ "$used" = "$bindgen" ] ||
  die "Cargo.lock has wasm-bindgen $used but tools/Cargo.lock has wasm-bindgen-cli $bindgen: pin the same version in Cargo.toml and tools/Cargo.toml"
key=$(cat "$root"/tools/Cargo.{toml,lock} "$root"/tools/src/bin/*.rs | cksum)
if [ "$(cat "$cache/bin/stamp" 2>/dev/null)" != "$key" ] || ! [ -x "$cache/bin/wasm-pack" ]; then
  rm -f "$cache/bin/stamp"
  step "building wasm-bindgen $bindgen and wasm-pack $(locked "$root/tools/Cargo.lock" wasm-pack) (a few minutes)" \
    env -u CARGO_BUILD_TARGET -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS \
    cargo install --path "$root/tools" --locked --force --no-track --root "$cache" --target-dir "$cache/tmp/tools"
  echo "$key" >"$cache/bin/stamp"
fi

# ---- npm tools -------------------------------------------------------------------------------------
npm_dir=$root/tests/package
key="$(cat "$npm_dir"/package.json "$npm_dir"/package-lock.json | cksum) node ${node_version%%.*}"
if [ "$(cat "$npm_dir/node_modules/.restamp-stamp" 2>/dev/null)" != "$key" ]; then
  step "npm ci in tests/package" npm ci --prefix "$npm_dir" --no-audit --no-fund --no-update-notifier
  echo "$key" >"$npm_dir/node_modules/.restamp-stamp"
fi

# ---- browser ---------------------------------------------------------------------------------------
browser_path() { command -v chromium chromium-browser google-chrome google-chrome-stable 2>/dev/null | head -n 1; }
if [ $browser = 1 ]; then
  if { ! have chromedriver || [ -z "$(browser_path)" ]; } && have apt-get; then apt_install chromium chromium-driver; fi
  [ -n "$(browser_path)" ] || die "no Chrome or Chromium on PATH: install one, or use --no-browser"
  have chromedriver || die "no chromedriver on PATH: install the one for $(browser_path), or use --no-browser"
  say "$(chromedriver --version | cut -d' ' -f1,2), $(browser_path)"
fi

# ---- PostgreSQL and Redis --------------------------------------------------------------------------
# database_program NAME...: the first of them on PATH, or where Debian puts PostgreSQL's
database_program() {
  local name
  for name; do
    command -v "$name" 2>/dev/null && return
    compgen -G "/usr/lib/postgresql/*/bin/$name" | sort -V | tail -n 1 | grep . && return
  done
  return 1
}
if [ $databases = 1 ]; then
  if have apt-get; then
    lacking=()
    { database_program initdb && database_program postgres && have psql; } >/dev/null || lacking+=(postgresql)
    database_program redis-server valkey-server >/dev/null || lacking+=(redis-server)
    [ ${#lacking[@]} = 0 ] || apt_install_off "${lacking[@]}"
  fi
  { database_program initdb && database_program postgres && have psql; } >/dev/null ||
    die "no initdb, postgres and psql on PATH: install PostgreSQL 12 or newer (it need not run), or use --no-databases"
  redis=$(database_program redis-server valkey-server) ||
    die "no redis-server on PATH: install Redis 6 or newer (it need not run), or use --no-databases"
  say "$("$(database_program postgres)" --version | cut -d' ' -f2,3), $("$redis" --version | cut -d' ' -f1-3)"
fi

# ---- Python: runs the server method of examples/frappe in its test ----------------------------------
if ! have python3; then
  if have apt-get; then apt_install python3; else die "no python3 on PATH: install Python 3.8 or newer"; fi
fi

say "$(rustc --version | cut -d' ' -f1,2) ($toolchain) at $(command -v rustc); wasm-bindgen $bindgen; Node.js $node_version"
say "ready in $SECONDS s. In each shell:  . $cache/env.sh"
