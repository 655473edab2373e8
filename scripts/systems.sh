#!/usr/bin/env bash
# The five systems that Restamp grew out of, beside Restamp: prints the table and writes bench/results/systems.md.
#   scripts/systems.sh [--quick]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cache=${RESTAMP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/restamp}
if ! command -v cargo >/dev/null; then
  [ -f "$cache/env.sh" ] || scripts/setup.sh
  # shellcheck source=/dev/null
  . "$cache/env.sh"
fi
# The release profile is made for a small module; here it is speed that counts, and a quick build.
export CARGO_PROFILE_RELEASE_OPT_LEVEL=3 CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
exec cargo run --release --locked --package restamp-systems -- "$@"
