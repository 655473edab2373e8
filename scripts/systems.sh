#!/usr/bin/env bash
# The five systems that Restamp grew out of, beside Restamp: prints the table and writes bench/results/systems.md.
#   scripts/systems.sh [--quick | --real]
# --quick takes few seeds and writes nothing. The figures are the same on every machine.
# --real makes 300 transfers by 50 tills at the reference backend, in real time, on SQLite and on a PostgreSQL and a Redis
# of its own, and writes bench/results/systems-real.md.
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
  exec cargo run --release --locked --package restamp-systems -- "$@"
fi
cargo build --release --locked --package restamp-backend --package restamp-systems
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
# measure OPTION…: the table of a backend with these options
measure() {
  : >"$work/backend"
  "$target/restamp-backend" --port 0 --test-endpoints "$@" >"$work/backend" 7>&- &
  backend_pid=$!
  until [ -s "$work/backend" ]; do sleep 0.1; kill -0 "$backend_pid"; done
  read -r _ _ url <"$work/backend"
  "$target/restamp-systems" --real "$url" >"$work/table"
  kill "$backend_pid"
  wait "$backend_pid" || true
  backend_pid=
}
{
  printf '# Transfers, against the real backend\n\nMeasured on %s, %s, %s cores, release build, everything on that machine, HTTP on the loopback, a\n' \
    "$(date -u +%F)" "$(uname -sm)" "$(nproc)"
  printf 'connection a request: 50 tills, each a thread that makes 6 transfers of 1 among 20 wallets, one after the other without a pause,\n'
  printf 'all from the same moment on. Faults: 1 %% of requests lost, 1 %% of answers lost, 1 %% 5xx. Lost and doubled: by the wallets at the end.\n'
  measure --data "$work/systems.sqlite"
  printf '\n## SQLite\n\n'
  cat "$work/table"
  measure --database "$postgres/postgres" --redis "$redis"
  printf '\n## PostgreSQL, leases in Redis\n\n'
  cat "$work/table"
} | tee bench/results/systems-real.md
