#!/usr/bin/env bash
# Runs every test of the project, after setting up what is missing (scripts/setup.sh):
#
#   scripts/test.sh
#
# Each suite writes a log to target/test-logs/, shown here if the suite fails. The last line is the
# sum over all suites: "N passed, N failed". A suite that runs no test has failed.
set -Eeuo pipefail
trap 'printf "test: error: stopped at line %s of scripts/test.sh\n" "$LINENO" >&2' ERR

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cache=${RESTAMP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/restamp}
logs=$PWD/target/test-logs
target=wasm32-unknown-unknown

scripts/setup.sh
# shellcheck source=/dev/null
. "$cache/env.sh"
rm -rf "$logs"
mkdir -p "$logs"
suites=(format lint lint-wasm native package-build browser package)
if compgen -G 'www/tests/*.test.mjs' >/dev/null; then suites+=(pages); fi
for name in "${suites[@]}"; do echo "0 1" >"$logs/$name.count"; done # until it has run

# suite NAME KIND COMMAND...: runs COMMAND and counts its tests. KIND says how: `check` is one test,
# `rust` has "test result:" lines, `node` a TAP summary.
suite() {
  local name=$1 kind=$2 log=$logs/$1.log start=$SECONDS status=0 passed=0 failed=0
  shift 2
  "$@" >"$log" 2>&1 </dev/null || status=$?
  case $kind in
    check) if [ $status = 0 ]; then passed=1; else failed=1; fi ;;
    rust)
      passed=$(sum 's/^test result: .* ([0-9]+) passed;.*/\1/p' "$log")
      failed=$(sum 's/^test result: .* ([0-9]+) failed;.*/\1/p' "$log")
      ;;
    node)
      passed=$(sum 's/^# pass ([0-9]+)$/\1/p' "$log")
      failed=$(sum 's/^# (fail|cancelled) ([0-9]+)$/\2/p' "$log")
      ;;
  esac
  if [ $((passed + failed)) = 0 ]; then
    echo "no test ran" >>"$log"
    failed=1
  elif [ $status != 0 ] && [ "$failed" = 0 ]; then
    failed=1
  fi
  echo "$passed $failed" >"$logs/$name.count"
  printf 'test: %-16s %4d passed, %d failed, %3d s\n' "$name" "$passed" "$failed" $((SECONDS - start))
}
# sum SED-SCRIPT FILE: the sum of the numbers that the script prints
sum() { sed -nE "$1" "$2" | awk '{ total += $1 } END { print total + 0 }'; }

# A browser that does not even load the page with the tests (seen on a busy machine) is started again; tests that
# began are not.
in_browser() {
  local try out
  out=$(mktemp "$logs/in-browser.XXXX")
  cargo test --locked --target "$target" --profile wasm-test --test browser --no-run || return 1
  for try in 1 2 3 4 5; do
    timeout --kill-after=10 90 wasm-pack test --headless --chrome --mode no-install . --profile wasm-test --test browser >"$out" 2>&1 && break
    grep -q "^running " "$out" && break
  done
  cat "$out"
  grep -q "^test result: ok" "$out"
}

# One lane per build folder, so that neither waits for the other's lock.
native() {
  suite format check cargo fmt --all --check
  suite lint check cargo clippy --locked --workspace --all-targets -- -D warnings
  suite lint-wasm check cargo clippy --locked --package restamp --lib --target "$target" -- -D warnings
  suite native rust cargo test --locked --workspace --no-fail-fast
}
browser() {
  suite package-build check scripts/build.sh
  # The first start of a browser on a busy machine is slow, and the test runner's patience is short.
  timeout 120 chromium --headless=new --no-sandbox --disable-gpu --user-data-dir="$(mktemp -d "$logs/profile.XXXX")" \
    --dump-dom about:blank >"$logs/browser-start.log" 2>&1 </dev/null || true
  # Without this variable, tests that are not configured for a browser would be left out silently.
  WASM_BINDGEN_USE_BROWSER=1 WASM_BINDGEN_TEST_TIMEOUT=300 WASM_BINDGEN_TEST_DRIVER_TIMEOUT=120 suite browser rust in_browser
  suite package node node --test --test-reporter=tap tests/package/*.test.mjs
}
native &
browser
wait
# The pages talk to the reference server, which the native lane has built.
if [ -f "$logs/pages.count" ]; then suite pages node node --test --test-reporter=tap www/tests/*.test.mjs; fi

passed=0 failed=0
for name in "${suites[@]}"; do
  read -r suite_passed suite_failed <"$logs/$name.count"
  passed=$((passed + suite_passed)) failed=$((failed + suite_failed))
  if [ "$suite_failed" != 0 ]; then
    printf '\n======== %s: target/test-logs/%s.log, its end ========\n' "$name" "$name"
    tail -n 150 "$logs/$name.log" || true
  fi
done
printf '\ntest: %d s\n%d passed, %d failed\n' "$SECONDS" "$passed" "$failed"
exit $((failed > 0))
