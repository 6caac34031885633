# Starts a throwaway PgBouncer for tests; ./dev sources this file. It stops when the script that started it ends.

# The path of PgBouncer. Debian's package does not put it on every user's PATH.
pgbouncer_program() {
  PATH=$PATH:/usr/sbin program "${PGBOUNCER:-pgbouncer}"
}

# Starts PgBouncer in its own folder, with its socket there. It asks for no password: only its user (and root) can reach it.
pooler() {
  local program host=$1 port=$2 user=$3 password=$4 apart=() status
  program=$(pgbouncer_program) || fail_missing pgbouncer "PgBouncer (${PGBOUNCER:-pgbouncer})"
  shift 4
  folder=$(mktemp -d "${TMPDIR:-/tmp}/clip-saver-db.XXXXXX")
  trap stop_pooler EXIT
  trap 'exit 130' INT TERM HUP
  # 1.21 and later can keep prepared statements apart; 1.24 and later do so by default.
  if [ "$(printf '%s\n' 1.21 "$("$program" --version | sed -n 's/^PgBouncer //p')" | sort -V | head -n 1)" = 1.21 ]; then
    apart=("max_prepared_statements=0")
  fi
  echo "\"$user\" \"$password\"" >"$folder/users"
  {
    printf '[databases]\n* = host=%s port=%s\n[pgbouncer]\n' "$host" "$port"
    printf '%s\n' "listen_addr=" "listen_port=6432" "unix_socket_dir=$folder" "unix_socket_mode=0700" "auth_type=trust" \
      "auth_file=$folder/users" "logfile=$folder/log" "pidfile=$folder/pid" ${apart[@]+"${apart[@]}"} "$@"
  } >"$folder/pgbouncer.ini"
  chmod 700 "$folder"
  if [ "$(id -u)" = 0 ]; then chown -R "$(server_user)" "$folder"; fi
  as_server_user "$program" --quiet "$folder/pgbouncer.ini" >"$folder/output" 2>&1 &
  pooler=$!
  until [ -S "$folder/.s.PGSQL.6432" ] && [ -s "$folder/pid" ]; do
    if ! kill -0 "$pooler" 2>/dev/null; then
      status=0
      wait "$pooler" || status=$?
      fail "PgBouncer did not start: exit code $status; $(cat "$folder/output" "$folder/log" 2>/dev/null)"
    fi
    sleep 0.02
  done
  url=${folder//%/%25}
  url=${url// /%20}
  echo "postgresql://$user@${url//\//%2F}:6432/postgres"
  # Like the server, it runs while standard input is open.
  cat <&0 >/dev/null &
  reader=$!
  wait "$reader"
}

stop_pooler() {
  trap '' INT TERM HUP
  [ -z "${reader:-}" ] || kill "$reader" 2>/dev/null || true
  if [ -e "$folder/pid" ]; then
    kill "$(cat "$folder/pid")" 2>/dev/null || true
    wait "$pooler" || true
  fi
  rm -rf "$folder"
}
