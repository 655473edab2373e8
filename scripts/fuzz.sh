#!/usr/bin/env bash
# Looks for inputs that break a law (fuzz/README.md), with cargo-fuzz and any stable Rust:
#
#   scripts/fuzz.sh merge 10m        # one target for ten minutes (s, m or h; default 1m)
#   scripts/fuzz.sh all 10m          # all targets, $RESTAMP_FUZZ_JOBS of them at a time (default 2)
#   scripts/fuzz.sh merge FILE       # one input once more, with the panic's words
#   scripts/fuzz.sh minimise all     # what was found goes into fuzz/corpus, as few files as reach all
#
# What was found lies in fuzz/target/found, logs in fuzz/logs, inputs that broke a law in
# fuzz/artifacts. The last lines are the figures. Not part of scripts/test.sh: that replays the
# corpora (tests/fuzz).
set -Eeuo pipefail
trap 'printf "fuzz: error: stopped at line %s of scripts/fuzz.sh\n" "$LINENO" >&2' ERR

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cache=${RESTAMP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/restamp}
cargo_fuzz=0.13.2
jobs=${RESTAMP_FUZZ_JOBS:-2}
say() { printf 'fuzz: %s\n' "$*"; }
die() { trap - ERR; printf 'fuzz: error: %s\n' "$*" >&2; exit 1; }

all=$(sed -n 's/^path = "fuzz_targets\/\(.*\)\.rs"$/\1/p' fuzz/Cargo.toml)
command=run
if [ "${1:-}" = minimise ]; then command=minimise; shift; fi
case ${1:-} in
  all) targets=$all ;;
  *) targets=$(grep -x "${1:-none}" <<<"$all") || die "name a target ($(tr '\n' ' ' <<<"$all")) or all" ;;
esac
time=${2:-1m}
if [ -f "$time" ]; then command=once; input=$time
else
  case $time in
    *h) seconds=$((${time%h} * 3600)) ;;
    *m) seconds=$((${time%m} * 60)) ;;
    *) seconds=$((${time%s})) ;;
  esac
fi

# ---- tools ---------------------------------------------------------------------------------------
[ -f "$cache/env.sh" ] || scripts/setup.sh --no-browser
# shellcheck source=/dev/null
. "$cache/env.sh"
if ! command -v c++ >/dev/null; then
  # libFuzzer comes as C++ source in the crate libfuzzer-sys.
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then die "no C++ compiler (c++) on PATH: install one"; fi
  say "apt-get install g++ ..."
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends g++
fi
if [ "$(cargo-fuzz --version 2>/dev/null)" != "cargo-fuzz $cargo_fuzz" ]; then
  say "building cargo-fuzz $cargo_fuzz (a few minutes, once) ..."
  env -u CARGO_TARGET_DIR cargo install cargo-fuzz --version "$cargo_fuzz" --locked --force --root "$cache" \
    --target-dir "$cache/tmp/cargo-fuzz" --quiet
  rm -rf "$cache/tmp/cargo-fuzz"
fi

# Sanitizers need a nightly compiler; coverage does not. Safe Rust has little for them to find.
say "building the targets ..."
host=$(rustc --print host-tuple)
env -u CARGO_TARGET_DIR cargo fuzz build --sanitizer none --target "$host"
cd fuzz
programs=target/$host/release

# options TARGET: libFuzzer's options for it
options() {
  case $1 in
    frappe | rest | verdict) echo -dict=dictionaries/answers.dict ;;
    till) echo -max_len=2048 ;;
    *) echo -dict=dictionaries/documents.dict ;;
  esac
  printf -- '%s\n' -timeout=20 -rss_limit_mb=2048 "-artifact_prefix=artifacts/$1/"
}

run() {
  local target=$1
  mkdir -p "target/found/$target" "artifacts/$target" logs
  # shellcheck disable=SC2046
  nice -n 10 "$programs/$target" $(options "$target") -max_total_time="$seconds" -print_final_stats=1 \
    "target/found/$target" "corpus/$target" >"logs/$target.log" 2>&1 || true
}

figures() {
  local target failed=0
  for target in $targets; do
    awk -v target="$target" '
      /\tDONE/                          { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
      /^stat::number_of_executed_units/ { runs = $2 }
      /^stat::average_exec_per_sec/     { each = $2 }
      /^SUMMARY|^ALARM/                 { found = 1 }
      END { printf "fuzz: %-8s %12d runs %8d/s %6d edges  %s\n", target, runs, each, edges, found ? "BROKE A LAW" : "nothing found" }
    ' "logs/$target.log"
    if ls "artifacts/$target"/* >/dev/null 2>&1; then
      ls "artifacts/$target"/*
      failed=1
    fi
  done
  return $failed
}

# Edges decide what stays, not how often each was passed: few files. What has a name of its own
# (libFuzzer names files by their content) showed something once, and stays.
minimise() {
  local target=$1 new=target/minimised/$1 before
  before=$(find "corpus/$target" -type f | wc -l)
  rm -rf "$new" && mkdir -p "$new" "target/found/$target" "artifacts/$target" logs
  # shellcheck disable=SC2046
  "$programs/$target" $(options "$target") -merge=1 -use_counters=0 "$new" "corpus/$target" \
    "target/found/$target" >"logs/$target.minimise.log" 2>&1
  find "corpus/$target" -regextype posix-extended -type f ! -regex '.*/[0-9a-f]{40}' -exec cp -t "$new" {} +
  rm -rf "corpus/$target" "target/found/$target"
  mv "$new" "corpus/$target"
  say "$target: $before files, now $(find "corpus/$target" -type f | wc -l)"
}

case $command in
  once) "$programs/$targets" "$OLDPWD/$input" ;;
  minimise) for target in $targets; do minimise "$target"; done ;;
  run)
    for target in $targets; do
      while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
      say "$target for $seconds s"
      run "$target" &
    done
    wait
    figures
    ;;
esac
