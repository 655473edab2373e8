#!/usr/bin/env bash
# One command that makes this machine able to build and test the project:
#
#   scripts/setup.sh                      # then: . <prefix>/env.sh   (the last line prints the path)
#   scripts/setup.sh --toolchain debian   # what CI uses: never asks rustup to download anything
#
# What it provides, all in <prefix> (default ~/.cache/restamp) except Debian packages:
#   * rustc/cargo/clippy/rustfmt able to build for wasm32-unknown-unknown
#       rustup: the rustup toolchain, with `rustup target add wasm32-unknown-unknown`
#       debian: Debian's rustc-web packages, plus the wasm32 std built from Debian's rust-web-src
#   * wasm-bindgen, wasm-bindgen-test-runner and wasm-pack, built from tools/ at the versions in
#     tools/Cargo.lock
#   * a browser and its WebDriver (Debian: chromium, chromium-driver)
#
# Running it again is cheap (well under 2 s) and repairs whatever is missing or out of date.
set -Eeuo pipefail
trap 'printf "setup: error: stopped at line %s\n" "$LINENO" >&2' ERR

usage() {
  sed -n '2,/^set -/p' "$0" | sed -e '/^set /d' -e 's/^# \{0,1\}//'
  cat <<'EOF'
Options:
  --toolchain auto|rustup|debian   default auto: whatever can already build for wasm32, else rustup, else debian
  --prefix DIR                     default $RESTAMP_TOOLCHAIN_DIR or ~/.cache/restamp
  --no-browser                     do not install or look for Chromium
  --firefox                        also firefox-esr and geckodriver (built from its crate)
  --webkit                         also WebKitGTK's WebDriver, and Xvfb for it
EOF
}

TARGET=wasm32-unknown-unknown
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools_dir=${RESTAMP_TOOLS_DIR:-$here/tools}
prefix=${RESTAMP_TOOLCHAIN_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/restamp}
toolchain=auto browser=1 firefox=0 webkit=0
while [ $# -gt 0 ]; do
  case $1 in
    --toolchain) toolchain=${2:?--toolchain needs auto, rustup or debian}; shift ;;
    --toolchain=*) toolchain=${1#*=} ;;
    --prefix) prefix=${2:?--prefix needs a folder}; shift ;;
    --prefix=*) prefix=${1#*=} ;;
    --no-browser) browser=0 ;;
    --firefox) firefox=1 ;;
    --webkit) webkit=1 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "setup: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
  shift
done
case $toolchain in auto | rustup | debian) ;; *) echo "setup: --toolchain takes auto, rustup or debian" >&2; exit 2 ;; esac

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
# step TEXT CMD...: runs CMD, its output kept in a log that is shown only if CMD fails
step() {
  local text=$1 t0=$SECONDS; shift
  say "$text ..."
  if ! "$@" >"$prefix/step.log" 2>&1 </dev/null 9>&-; then
    tail -n 40 "$prefix/step.log" >&2
    die "failed after $((SECONDS - t0)) s: $text (whole log: $prefix/step.log)"
  fi
  say "$text: done in $((SECONDS - t0)) s"
}

mkdir -p "$prefix" || die "cannot write to $prefix (choose another folder with --prefix)"
prefix=$(cd "$prefix" && pwd)
case $prefix in *[[:space:]]*) die "the path $prefix has a space in it: choose another folder with --prefix" ;; esac
if have flock; then
  exec 9>"$prefix/.lock"
  flock -n 9 || { say "another setup is running on $prefix, waiting for it"; flock 9; }
fi
trap 'rm -rf "$prefix/tmp"' EXIT
# An earlier env.sh on PATH must not decide what "already works" means.
PATH=$(printf %s "$PATH" | tr ':' '\n' | grep -vxF -e "$prefix/rust/bin" -e "$prefix/bin" | paste -sd: -)
export PATH

# ---- Debian packages -------------------------------------------------------------------------
installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
apt_install() { # apt_install PACKAGE...: installs those that are missing
  local p missing=()
  for p; do installed "$p" || missing+=("$p"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    have sudo || die "needs these Debian packages; as root, run: apt-get install --no-install-recommends ${missing[*]}"
    sudo=(sudo)
  fi
  export DEBIAN_FRONTEND=noninteractive
  step "apt-get update" "${sudo[@]}" apt-get -o Acquire::Retries=3 update
  for p in "${missing[@]}"; do
    apt-cache show "$p" >/dev/null 2>&1 ||
      die "this system's apt has no package $p (the debian toolchain needs Debian 12; elsewhere install rustup)"
  done
  step "apt-get install ${missing[*]}" "${sudo[@]}" apt-get -o Acquire::Retries=3 install -y --no-remove --no-install-recommends "${missing[@]}"
}

# ---- which Rust ------------------------------------------------------------------------------
# true if the rustc that runs as $1 has a std for wasm32
has_wasm_std() { ls "$("$1" --print target-libdir --target $TARGET 2>/dev/null)"/libstd-*.rlib >/dev/null 2>&1; }
wanted=$toolchain
if [ "$toolchain" = auto ]; then
  if have cargo && have rustc && has_wasm_std rustc; then toolchain=path
  elif [ -e "$prefix/rust/stamp" ]; then toolchain=debian
  elif have rustup; then toolchain=rustup
  elif have apt-get; then toolchain=debian
  else die "found neither Rust with the $TARGET target, nor rustup (https://rustup.rs), nor apt-get"
  fi
fi
if [ "$toolchain" = rustup ]; then
  have rustup || die "--toolchain rustup, but there is no rustup on PATH"
  if ! has_wasm_std rustc; then
    say "rustup target add $TARGET ..."
    limited() { if have timeout; then timeout 300 "$@"; else "$@"; fi; }
    if ! limited rustup target add $TARGET </dev/null 9>&-; then
      if [ "$wanted" != auto ] || ! have apt-get; then die "rustup could not add $TARGET (see above)"; fi
      say "rustup could not add $TARGET: using Debian's Rust instead"
      toolchain=debian
    fi
  fi
fi

packages=()
if have apt-get; then
  if [ "$toolchain" = debian ]; then
    packages+=(rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web gcc libc6-dev)
    # rustc links wasm with LLVM's lld; 22 is the LLVM that this rustc is built with
    lld=; for v in 22 21 20 19; do if [ -x /usr/bin/wasm-ld-$v ]; then lld=$v; break; fi; done
    if [ -z "$lld" ]; then lld=22; packages+=(lld-22); fi
  fi
  if ! have cc && [ "$toolchain" != debian ]; then packages+=(gcc libc6-dev); fi
  have node || packages+=(nodejs npm)
  if [ $browser = 1 ]; then packages+=(chromium chromium-driver); fi
  if [ $firefox = 1 ]; then packages+=(firefox-esr); fi
  if [ $webkit = 1 ]; then packages+=(webkit2gtk-driver xvfb xauth); fi
  if [ ${#packages[@]} -gt 0 ]; then apt_install "${packages[@]}"; fi
elif [ "$toolchain" = debian ]; then
  die "--toolchain debian, but there is no apt-get here"
else
  have cc || die "no C compiler (cc) on PATH"
  have node || die "no Node.js (node) on PATH"
  if [ $browser = 1 ] && ! have chromedriver; then
    say "note: no chromedriver on PATH; wasm-pack will download the one for current Chrome"
  fi
fi

# ---- Debian's Rust: a sysroot of our own with the wasm32 std in it ------------------------------
# <prefix>/rust is laid out like a rustup toolchain. rustc and rustdoc are two-line scripts that
# add --sysroot; clippy-driver reads SYSROOT. /usr is left as Debian's packages made it.
build_std() { # build_std SOURCES COMMIT-HASH: leaves the rlibs in <prefix>/tmp/lib
  local tmp=$prefix/tmp src=$1 hash=$2
  rm -rf "$tmp"; mkdir -p "$tmp/src" "$tmp/lib" "$tmp/cargo-home" || return 1
  printf '%s\n' '[package]' 'name = "std-probe"' 'version = "0.0.0"' 'edition = "2021"' '[workspace]' \
    '[profile.release]' 'debug = false' >"$tmp/Cargo.toml"
  echo '#![no_std]' >"$tmp/src/lib.rs"
  # The sources' own vendored crates, so no registry is asked. Without bitcode, lto = true would
  # fail ("Can't find section .llvmbc"); /rustc/HASH is what official builds show in panic messages.
  ( cd "$tmp" && env -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS -u RUSTC_WORKSPACE_WRAPPER \
      CARGO_HOME="$tmp/cargo-home" RUSTC=/usr/bin/rustc RUSTC_WRAPPER='' RUSTC_BOOTSTRAP=1 \
      RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=$src=/rustc/$hash" \
      /usr/bin/cargo build --offline --release --target $TARGET --target-dir "$tmp/target" \
        --config 'source.crates-io.replace-with = "vendored"' \
        --config "source.vendored.directory = \"$src/library/vendor\"" \
        -Zbuild-std=std,panic_abort,panic_unwind,test,proc_macro ) || return 1
  find "$tmp/target/$TARGET/release/deps" -name '*.rlib' ! -name 'libstd_probe-*' -exec cp {} "$tmp/lib/" \; || return 1
  ls "$tmp"/lib/libcore-*.rlib "$tmp"/lib/libstd-*.rlib "$tmp"/lib/libtest-*.rlib
}
make_sysroot() {
  local new=$prefix/rust.new host=$1 linker=$2 t
  rm -rf "$new"; mkdir -p "$new/bin" "$new/lib/rustlib/$TARGET" "$new/lib/rustlib/$host/bin"
  mv "$prefix/tmp/lib" "$new/lib/rustlib/$TARGET/lib"
  ln -s "/usr/lib/rustlib/$host/lib" "$new/lib/rustlib/$host/lib"
  ln -s /usr/lib/rustlib/src "$new/lib/rustlib/src"
  ln -s "$linker" "$new/lib/rustlib/$host/bin/rust-lld" # where rustc looks for it first
  for t in rustc rustdoc; do
    printf '#!/bin/sh\nexec /usr/bin/%s --sysroot %s "$@"\n' $t "$prefix/rust" >"$new/bin/$t"
  done
  for t in cargo-clippy clippy-driver; do
    printf '#!/bin/sh\nSYSROOT=%s exec /usr/bin/%s "$@"\n' "$prefix/rust" $t >"$new/bin/$t"
  done
  for t in cargo cargo-fmt rustfmt; do ln -s /usr/bin/$t "$new/bin/$t"; done
  chmod +x "$new/bin/rustc" "$new/bin/rustdoc" "$new/bin/cargo-clippy" "$new/bin/clippy-driver" # not the links: those are /usr's
  rm -rf "$prefix/rust"; mv "$new" "$prefix/rust"
}
if [ "$toolchain" = debian ]; then
  linker=/usr/bin/wasm-ld-$lld
  verbose=$(/usr/bin/rustc -vV)
  host=$(sed -n 's/^host: //p' <<<"$verbose"); release=$(sed -n 's/^release: //p' <<<"$verbose"); hash=$(sed -n 's/^commit-hash: //p' <<<"$verbose")
  key="v1 $linker $(dpkg-query -W -f='${Package}=${Version} ' rustc-web rust-web-src)"
  if [ "$(cat "$prefix/rust/stamp" 2>/dev/null)" != "$key" ]; then
    src=$(readlink -f /usr/lib/rustlib/src/rust)
    [ -d "$src/library/vendor" ] || die "no std sources in $src (package rust-web-src)"
    step "building the $TARGET std of Rust $release (about a minute)" build_std "$src" "$hash"
    make_sysroot "$host" "$linker"
    has_wasm_std "$prefix/rust/bin/rustc" || die "the new sysroot in $prefix/rust does not work"
    echo "$key" >"$prefix/rust/stamp"
  fi
else
  rm -rf "$prefix/rust"
fi

# ---- env.sh ----------------------------------------------------------------------------------
# $CARGO_HOME/bin goes last when it is not on PATH: cargo would otherwise search it first, and
# take rustup's cargo-clippy from there.
mkdir -p "$prefix/bin"
cat >"$prefix/env.sh.new" <<EOF
case ":\$PATH:" in *":$prefix/bin:"*) ;; *) PATH="$prefix/rust/bin:$prefix/bin:\$PATH" ;; esac
case ":\$PATH:" in *":\${CARGO_HOME:-\$HOME/.cargo}/bin:"*) ;; *) PATH="\$PATH:\${CARGO_HOME:-\$HOME/.cargo}/bin" ;; esac
export PATH
EOF
mv "$prefix/env.sh.new" "$prefix/env.sh"
. "$prefix/env.sh"

# ---- wasm-bindgen, its test runner, wasm-pack ---------------------------------------------------
locked() { awk -v n="$2" '$0 == "name = \"" n "\"" { getline; gsub(/version = |"/, ""); print; exit }' "$1"; }
[ -f "$tools_dir/Cargo.lock" ] || die "no $tools_dir/Cargo.lock"
bindgen=$(locked "$tools_dir/Cargo.lock" wasm-bindgen-cli)
if [ -f "$here/Cargo.lock" ]; then
  used=$(locked "$here/Cargo.lock" wasm-bindgen)
  [ -z "$used" ] || [ "$used" = "$bindgen" ] ||
    die "Cargo.lock has wasm-bindgen $used but tools/Cargo.lock has wasm-bindgen-cli $bindgen: they must be the same version (change tools/Cargo.toml, or the project's pin, then cargo update there)"
fi
key=$(cat "$tools_dir/Cargo.toml" "$tools_dir/Cargo.lock" "$tools_dir"/src/bin/*.rs | cksum)
if [ "$(cat "$prefix/bin/stamp" 2>/dev/null)" != "$key" ] || ! [ -x "$prefix/bin/wasm-pack" ]; then
  rm -f "$prefix/bin/stamp"
  step "building wasm-bindgen $bindgen and wasm-pack $(locked "$tools_dir/Cargo.lock" wasm-pack) (a few minutes)" \
    env -u CARGO_BUILD_TARGET -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS \
    cargo install --path "$tools_dir" --locked --force --no-track --root "$prefix" --target-dir "$prefix/tmp/tools"
  rm -rf "$prefix/tmp"
  echo "$key" >"$prefix/bin/stamp"
fi
if [ $firefox = 1 ] && ! have geckodriver; then
  step "building geckodriver (a few minutes)" env -u CARGO_BUILD_TARGET -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS \
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo install geckodriver@0.37.1 --force --no-track --root "$prefix" --target-dir "$prefix/tmp/gecko"
  rm -rf "$prefix/tmp"
fi

# ---- what there is now -------------------------------------------------------------------------
say "$(rustc --version) from $(command -v rustc); wasm-bindgen $bindgen; $toolchain toolchain"
[ $browser = 0 ] || ! have chromedriver || say "$(chromedriver --version | cut -d' ' -f1,2), $(command -v chromium google-chrome google-chrome-stable 2>/dev/null | head -1 || true)"
say "ready in $SECONDS s. In each shell:  . $prefix/env.sh"
