#!/usr/bin/env bash
# Builds the npm package into pkg/, ready for `npm pack`, and prints its sizes. Does nothing when
# no input has changed since the last time. Run scripts/setup.sh first.
set -Eeuo pipefail
trap 'printf "build: error: stopped at line %s of scripts/build.sh\n" "$LINENO" >&2' ERR

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
cache=${RESTAMP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/restamp}
work=$root/target/npm
target=wasm32-unknown-unknown
die() { trap - ERR; printf 'build: error: %s\n' "$*" >&2; exit 1; }

[ -f "$cache/env.sh" ] || die "this machine is not set up: run scripts/setup.sh"
# shellcheck source=/dev/null
. "$cache/env.sh"
wasm_opt=$root/tests/package/node_modules/.bin/wasm-opt
[ -x "$wasm_opt" ] || die "the npm tools are missing: run scripts/setup.sh"
mkdir -p "$work"
if command -v flock >/dev/null; then exec 9>"$work/.lock"; flock 9; fi

inputs() {
  find src -type f -print0 | sort -z | xargs -0 sha256sum
  for file in Cargo.toml Cargo.lock pkg.json README.md LICENSE-* scripts/build.sh scripts/assemble.mjs tests/package/package-lock.json; do
    [ ! -f "$file" ] || sha256sum "$file"
  done
  rustc -V
  wasm-bindgen -V
}
key=$(inputs | sha256sum)
if [ -f pkg/package.json ] && [ "$(cat "$work/stamp" 2>/dev/null)" = "$key" ]; then
  echo "build: pkg/ is up to date"
  cat "$work/sizes"
  exit 0
fi
rm -f "$work/stamp"

# Panic messages name source files: shortened to paths that say nothing of this machine. Stripping
# is left to wasm-opt, for rustc's would also take the section that names the wasm features in use.
# cdylib alone, because beside an rlib cargo silently leaves out lto: a sixth of the size.
cargo fetch --locked --quiet --target "$target" 9>&-
remap=("--remap-path-prefix=$root=" "--remap-path-prefix=$HOME=~")
for folder in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do remap+=("--remap-path-prefix=$folder="); done
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${remap[*]}") \
  cargo rustc --lib --package restamp --crate-type cdylib --release --locked --target "$target" \
  --config 'profile.release.strip="none"' 9>&-

rm -rf "$work/bindgen" "$work/pkg"
mkdir "$work/pkg"
wasm-bindgen "${CARGO_TARGET_DIR:-target}/$target/release/restamp.wasm" --out-dir "$work/bindgen" --out-name restamp --target web \
  --no-typescript --omit-default-module-path --remove-name-section --remove-producers-section

# The features are named one by one, for Node 20 refuses modules made with --all-features: these
# are what rustc itself takes for granted. The short names of imports and exports (read again by
# assemble.mjs) are a step of their own, for --converge would repeat it.
features=(--enable-bulk-memory --enable-mutable-globals --enable-sign-ext --enable-nontrapping-float-to-int
  --enable-reference-types --enable-multivalue)
"$wasm_opt" "$work/bindgen/restamp_bg.wasm" -o "$work/small.wasm" "${features[@]}" \
  -Oz --converge --strip-debug --strip-producers --strip-target-features
"$wasm_opt" "$work/small.wasm" -o "$work/pkg/restamp_bg.wasm" "${features[@]}" \
  --minify-imports-and-exports-and-modules >"$work/names.json"
if grep -aqF -e "$HOME" -e "$root" "$work/pkg/restamp_bg.wasm"; then die "restamp_bg.wasm names folders of this machine"; fi

node scripts/assemble.mjs "$work/bindgen" "$work/names.json" "$work/pkg" >"$work/sizes"
rm -rf pkg
mv "$work/pkg" pkg
echo "$key" >"$work/stamp"
cat "$work/sizes"
