#!/usr/bin/env bash
# Many tills at one invoice: prints the tables and writes bench/results/contention.md and contention.svg.
#   scripts/contention.sh [--quick | --real]
# --quick takes a minute, with up to 20 tills, and writes nothing. The figures are the same on every machine.
# --real asks the reference backend instead, in real time, on a PostgreSQL and a Redis of its own, and writes
# bench/results/contention-real.md.
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
if [ "${1:-}" != --real ]; then
  exec cargo run --release --locked --package restamp-contention --bin restamp-contention -- "$@"
fi
cargo build --release --locked --package restamp-backend --package restamp-contention
target=${CARGO_TARGET_DIR:-target}/release
work=$(mktemp -d)
mkfifo "$work/hold"
# They run for as long as this script holds their standard input.
backend/tests/support/database-servers.sh <"$work/hold" >"$work/servers" &
exec 7>"$work/hold"
backend_pid=
trap '[ -z "$backend_pid" ] || kill "$backend_pid" 2>/dev/null || true; exec 7>&-; wait; rm -rf "$work"' EXIT
until [ -s "$work/servers" ]; do sleep 0.1; kill -0 %1; done
read -r postgres redis <"$work/servers"
"$target/restamp-backend" --port 0 --database "$postgres/postgres" --redis "$redis" --profile bills=salesInvoice \
  --test-endpoints >"$work/backend" 7>&- &
backend_pid=$!
until [ -s "$work/backend" ]; do sleep 0.1; kill -0 "$backend_pid"; done
read -r _ _ url <"$work/backend"
table=$("$target/restamp-contention-real" "$url")
{
  printf '# Contention, against the real backend\n\nMeasured on %s, %s, %s cores, release build, PostgreSQL and Redis on the same machine,\n' \
    "$(date -u +%F)" "$(uname -sm)" "$(nproc)"
  printf 'HTTP on the loopback, a connection a request, all tills in one process. One save: the median of 41 undisturbed ones; the bound is that\n'
  printf 'times the number of tills; last till: the median of five runs, from the moment when all begin until the last one knows that it is stored.\n'
  printf 'Delay: the server waits so long before it takes a request up, for the loopback has no way to go; the bound has it in it too.\n'
  printf 'Faults: 1 %% of requests lost, 1 %% of answers lost, 1 %% 5xx. Lost and doubled are counted in the stored documents.\n\n%s\n' "$table"
} | tee bench/results/contention-real.md
