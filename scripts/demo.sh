#!/usr/bin/env bash
# Starts the demo, two tills beside one server and the five systems, and prints its address: open that in a browser.
# Arguments go to the server, for example:  scripts/demo.sh --port 8080 --data sales.sqlite
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh --no-browser
# shellcheck source=/dev/null
. "${RESTAMP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/restamp}/env.sh"
scripts/build.sh
cargo build --locked --package restamp-backend
exec "${CARGO_TARGET_DIR:-target}/debug/restamp-backend" --www www --package pkg --no-keep-alive --unique customers.phone "$@"
