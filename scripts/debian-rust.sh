# Debian's own Rust with a wasm32 std, for machines where rustup is missing or cannot download.
# Sourced by scripts/setup.sh; uses its say, die, step, apt_install, has_wasm_std, $cache, $target.
#
# Debian 12 packages rustc together with its std's sources, but no wasm32 std. That one is built
# here once, offline, and put into a sysroot of our own, <cache>/rust, laid out as a rustup
# toolchain: rustc and rustdoc are two-line scripts that add --sysroot, clippy-driver reads
# SYSROOT. /usr is left as Debian's packages made it.
# shellcheck shell=bash disable=SC2154 # cache and target come from setup.sh

debian_rust() {
  local lld='' version packages=(rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web gcc libc6-dev)
  # rustc links wasm with LLVM's lld; 22 is the LLVM that this rustc is built with.
  for version in 22 21 20 19; do
    if [ -x "/usr/bin/wasm-ld-$version" ]; then lld=$version; break; fi
  done
  if [ -z "$lld" ]; then lld=22; packages+=(lld-22); fi
  apt_install "${packages[@]}"

  local verbose host release commit key sources linker=/usr/bin/wasm-ld-$lld
  key="v1 $linker $(dpkg-query -W -f='${Package}=${Version} ' rustc-web rust-web-src)"
  [ "$(cat "$cache/rust/stamp" 2>/dev/null)" != "$key" ] || return 0

  verbose=$(/usr/bin/rustc -vV)
  host=$(sed -n 's/^host: //p' <<<"$verbose")
  release=$(sed -n 's/^release: //p' <<<"$verbose")
  commit=$(sed -n 's/^commit-hash: //p' <<<"$verbose")
  sources=$(readlink -f /usr/lib/rustlib/src/rust)
  [ -d "$sources/library/vendor" ] ||
    die "no std sources in $sources: run apt-get install --reinstall rust-web-src"
  step "building the $target std of Rust $release (about a minute)" build_wasm_std "$sources" "$commit"
  make_sysroot "$host" "$linker"
  has_wasm_std "$cache/rust/bin/rustc" || die "the new sysroot $cache/rust does not work: remove it and run this again"
  echo "$key" >"$cache/rust/stamp"
}

# build_wasm_std SOURCES COMMIT: leaves the rlibs in <cache>/tmp/lib. Only the sources' own vendored
# crates are used, so no registry is asked. Without bitcode `lto = true` fails ("Can't find section
# .llvmbc"). /rustc/COMMIT is the path that official builds show in panic messages.
build_wasm_std() {
  local sources=$1 commit=$2 tmp=$cache/tmp
  rm -rf "$tmp"
  mkdir -p "$tmp/src" "$tmp/lib" "$tmp/cargo-home" || return 1
  printf '%s\n' '[package]' 'name = "std-probe"' 'version = "0.0.0"' 'edition = "2021"' '[workspace]' \
    '[profile.release]' 'debug = false' >"$tmp/Cargo.toml"
  echo '#![no_std]' >"$tmp/src/lib.rs"
  (
    cd "$tmp" &&
      env -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS -u RUSTC_WORKSPACE_WRAPPER \
        CARGO_HOME="$tmp/cargo-home" RUSTC=/usr/bin/rustc RUSTC_WRAPPER='' RUSTC_BOOTSTRAP=1 \
        RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=$sources=/rustc/$commit" \
        /usr/bin/cargo build --offline --release --target "$target" --target-dir "$tmp/target" \
        --config 'source.crates-io.replace-with = "vendored"' \
        --config "source.vendored.directory = \"$sources/library/vendor\"" \
        -Zbuild-std=std,panic_abort,panic_unwind,test,proc_macro
  ) || return 1
  find "$tmp/target/$target/release/deps" -name '*.rlib' ! -name 'libstd_probe-*' -exec cp {} "$tmp/lib/" \; || return 1
  ls "$tmp"/lib/libcore-*.rlib "$tmp"/lib/libstd-*.rlib "$tmp"/lib/libtest-*.rlib
}

# make_sysroot HOST LINKER
make_sysroot() {
  local host=$1 linker=$2 new=$cache/rust.new tool
  rm -rf "$new"
  mkdir -p "$new/bin" "$new/lib/rustlib/$target" "$new/lib/rustlib/$host/bin"
  mv "$cache/tmp/lib" "$new/lib/rustlib/$target/lib"
  ln -s "/usr/lib/rustlib/$host/lib" "$new/lib/rustlib/$host/lib"
  ln -s /usr/lib/rustlib/src "$new/lib/rustlib/src"
  ln -s "$linker" "$new/lib/rustlib/$host/bin/rust-lld" # where rustc looks for it first
  for tool in rustc rustdoc; do
    printf '#!/bin/sh\nexec /usr/bin/%s --sysroot %s "$@"\n' "$tool" "$cache/rust" >"$new/bin/$tool"
  done
  for tool in cargo-clippy clippy-driver; do
    printf '#!/bin/sh\nSYSROOT=%s exec /usr/bin/%s "$@"\n' "$cache/rust" "$tool" >"$new/bin/$tool"
  done
  # Not the links below: those are /usr's own files.
  chmod +x "$new/bin/rustc" "$new/bin/rustdoc" "$new/bin/cargo-clippy" "$new/bin/clippy-driver"
  for tool in cargo cargo-fmt rustfmt; do ln -s "/usr/bin/$tool" "$new/bin/$tool"; done
  rm -rf "$cache/rust"
  mv "$new" "$cache/rust"
}
