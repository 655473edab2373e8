#!/usr/bin/env bash
# A PostgreSQL and a Redis of one's own, for as long as somebody holds this script's standard input:
#
#   backend/tests/support/database-servers.sh
#
# They run in a new folder below $TMPDIR, on free ports of the loopback, as an unprivileged user. One
# line says where: "postgres://… redis://…". When standard input ends (the one who started this has
# ended, however), both are stopped by their process ids and the folder is removed.
set -Eeuo pipefail

die() { printf 'database-servers: %s\n' "$*" >&2; exit 1; }
# program NAME: on PATH, or where Debian puts PostgreSQL's
program() {
  command -v "$1" 2>/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" | sort -V | tail -n 1
}

initdb=$(program initdb) || true
postgres=$(program postgres) || true
redis=$(program redis-server || program valkey-server) || true
[ -n "$initdb" ] && [ -n "$postgres" ] || die "no initdb and postgres here: install PostgreSQL (Debian: apt-get install postgresql)"
[ -n "$redis" ] || die "no redis-server here: install Redis (Debian: apt-get install redis-server)"

folder=$(mktemp -d "${TMPDIR:-/tmp}/restamp-servers.XXXXXX")
pids=()
finish() {
  trap - EXIT
  for pid in "${pids[@]}"; do kill -INT "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# PostgreSQL refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then
  user=nobody
  if id postgres >/dev/null 2>&1; then user=postgres; fi
  as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
  chown "$user" "$folder"
fi
cd "$folder"
"${as[@]}" "$initdb" -D "$folder/data" -U restamp -A trust -E UTF8 --locale=C -N >"$folder/initdb.log" 2>&1 ||
  { cat "$folder/initdb.log" >&2; die "initdb failed"; }

# answers PORT: whether something listens there
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# serve NAME COMMAND...: starts COMMAND with a free port in the place of PORT; leaves it in $port
serve() {
  local name=$1 attempt pid
  shift
  for attempt in 1 2 3 4 5 6 7 8; do
    port=$((20000 + RANDOM % 10000))
    if answers "$port"; then continue; fi
    "${as[@]}" "${@//PORT/$port}" >"$folder/$name.log" 2>&1 </dev/null &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
      if answers "$port"; then pids+=("$pid"); return; fi
      sleep 0.05
    done
  done
  cat "$folder/$name.log" >&2
  die "$name does not start"
}
# Nothing here has to outlive the machine: no waiting for the disk.
serve postgres "$postgres" -D "$folder/data" -p PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
  -c max_connections=400 -c shared_buffers=32MB -c fsync=off -c full_page_writes=off
postgres_port=$port
serve redis "$redis" --port PORT --bind 127.0.0.1 --dir "$folder" --save '' --appendonly no --databases 1000
# It listens before it takes connections.
until "${as[@]}" "$(program psql)" -h 127.0.0.1 -p "$postgres_port" -U restamp -d postgres -c 'SELECT 1' >/dev/null 2>&1; do sleep 0.05; done

echo "postgres://restamp@127.0.0.1:$postgres_port redis://127.0.0.1:$port"
cat >/dev/null
