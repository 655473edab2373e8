#!/usr/bin/env bash
# What the size of the WebAssembly module is made of, by part: bench/results/size.md. Builds the
# module as scripts/build.sh does, but keeps its functions' names, and asks twiggy (installed into
# the cache folder at the first run). Run scripts/build.sh first.
set -Eeuo pipefail
trap 'printf "size: error: stopped at line %s of bench/size.sh\n" "$LINENO" >&2' ERR

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cache=${RESTAMP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/restamp}
work=$PWD/target/size
target=wasm32-unknown-unknown
# shellcheck source=/dev/null
. "$cache/env.sh"
[ -f pkg/restamp_bg.wasm ] || { trap - ERR; echo "size: error: run scripts/build.sh first" >&2; exit 1; }
mkdir -p "$work"
if [ ! -x "$cache/bin/twiggy" ]; then
  cargo install twiggy --version 0.8.0 --root "$cache" --no-track --target-dir "$work/twiggy"
fi

cargo rustc --lib --package restamp --crate-type cdylib --release --locked --target "$target" \
  --config 'profile.release.strip="none"'
wasm-bindgen "${CARGO_TARGET_DIR:-target}/$target/release/restamp.wasm" --out-dir "$work/bindgen" --out-name restamp --target web --no-typescript
tests/package/node_modules/.bin/wasm-opt "$work/bindgen/restamp_bg.wasm" -o "$work/named.wasm" -Oz --converge -g \
  --enable-bulk-memory --enable-mutable-globals --enable-sign-ext --enable-nontrapping-float-to-int \
  --enable-reference-types --enable-multivalue
"$cache/bin/twiggy" top -n 1000000 -f json "$work/named.wasm" > "$work/items.json"
node bench/size/parts.mjs "$work/items.json" pkg bench/results/size.md
