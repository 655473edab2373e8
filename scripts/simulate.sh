#!/usr/bin/env bash
# Runs the simulation (tests/simulation) for as long as it is told, on all cores, with other seeds
# than the test command's:
#
#   scripts/simulate.sh 10m           # or 90s, 2h; 1m if nothing is said
#   scripts/simulate.sh 10m 5000000   # from this seed on; else from one that the time gives
#
# Prints how many worlds, saves and saves a second there were. Stops at the first world that breaks
# a promise, makes it smaller, and prints the command that replays it. Add such a seed to
# FAILED_ONCE in tests/simulation/main.rs, then fix the bug.
set -Eeuo pipefail
trap 'printf "simulate: error: stopped at line %s of scripts/simulate.sh\n" "$LINENO" >&2' ERR

cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:-1m}
case $time in
  *h) seconds=$((${time%h} * 3600)) ;;
  *m) seconds=$((${time%m} * 60)) ;;
  *s) seconds=${time%s} ;;
  -h | --help) sed -n '2,/^set -/p' "$0" | sed -e '/^set /d' -e 's/^# \{0,1\}//'; exit 0 ;;
  *) seconds=$time ;;
esac
env=${RESTAMP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/restamp}/env.sh
# shellcheck source=/dev/null
if [ -f "$env" ]; then . "$env"; fi
RESTAMP_FIRST=${2:-$(date +%s)000000} RESTAMP_SECONDS=$seconds \
  cargo test --locked --profile simulation --test simulation worlds -- --nocapture
