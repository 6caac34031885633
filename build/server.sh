# Starts a throwaway PostgreSQL for build.rs, tests, benches and the demo; ./dev sources this file. It stops when the script
# that started it ends.

# initdb and postgres refuse to run as root.
as_server_user() {
  if [ "$(id -u)" = 0 ]; then
    runuser -u "$(server_user)" -- "$@"
  else
    "$@"
  fi
}

server_user() {
  if [ "$(id -u)" != 0 ]; then
    id -un
  elif id postgres >/dev/null 2>&1; then
    echo postgres
  else
    echo nobody
  fi
}

# A folder in memory, if there is enough: a run of the tests creates hundreds of databases.
scratch_folder() {
  local free
  free=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1 || true)
  if [ -z "${TMPDIR:-}" ] && [ "${free:-0}" -gt 6000000 ]; then echo /dev/shm; else echo "${TMPDIR:-/tmp}"; fi
}

# Starts a server in its own folder and sets `url`. It stops when this script ends.
start_server() {
  local settings=() primary='' hba='' basebackup
  small_disk='' programs=''
  bin=$(postgres_bin) || fail_missing postgresql "PostgreSQL's server (initdb, pg_ctl, postgres; PG_BIN may name their folder)"
  folder=$(mktemp -d "$(scratch_folder)/clip-saver-db.XXXXXX")
  trap stop_server EXIT
  trap 'exit 130' INT TERM HUP
  while [[ ${1:-} == --* ]]; do
    case $1 in
      --tls)
        cp "$2" "$folder/server.crt"
        cp "$3" "$folder/server.key"
        chmod 600 "$folder/server.key"
        settings+=("ssl=on" "ssl_cert_file=$folder/server.crt" "ssl_key_file=$folder/server.key")
        [ -n "$hba" ] || hba=$'local all all trust\nhostssl all all all trust'
        shift
        ;;
      --client-ca)
        cp "$2" "$folder/client-ca.crt"
        settings+=("ssl_ca_file=$folder/client-ca.crt")
        ;;
      --hba) hba=$(cat "$2") ;;
      --at-least) bin=$(postgres_bin "$2") || fail "PostgreSQL $2 or newer is missing; ./dev test installs version 17" ;;
      --standby)
        primary=$2
        basebackup=$(postgres_program pg_basebackup) || fail_missing postgresql pg_basebackup
        ;;
      --small-disk) small_disk=$2 ;;
      *) fail "server has no option $1: see ./dev --help" ;;
    esac
    shift 2
  done
  # The folder with this project may be closed to the server's user.
  if [ "$bin" = "$(new_postgres_folder)/bin" ] && ! as_server_user test -x "$bin/postgres"; then
    programs=$(mktemp -d "${TMPDIR:-/tmp}/clip-saver-db.XXXXXX")
    chmod 755 "$programs"
    cp -R "$bin/../." "$programs"
    bin=$programs/bin
  fi
  # The server asks for no password: only its user (and root) may reach it.
  chmod 700 "$folder"
  mkdir "$folder/small-disk"
  if [ "$(id -u)" = 0 ]; then chown -R "$(server_user)" "$folder"; fi
  fill_data_folder "$primary"
  [ -z "$hba" ] || echo "$hba" | tee "$folder/data/pg_hba.conf" >/dev/null
  set_up ${settings[@]+"${settings[@]}"} "$@"
  launch || fail "the server did not start: $(tail -n 5 "$folder/log" "$folder/data/server.log")"
  url=${folder//%/%25}
  url=${url// /%20}
  url="postgresql://postgres@${url//\//%2F}/postgres"
}

# Creates a new cluster, or copies the one at a URL and follows it as a standby.
fill_data_folder() {
  if [ -z "$1" ]; then
    as_server_user "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C --no-sync \
      >"$folder/log" 2>&1 || fail "initdb failed: $(cat "$folder/log")"
  else
    as_server_user "$basebackup" -d "$1" -D "$folder/data" \
      --write-recovery-conf --checkpoint=fast --no-sync >"$folder/log" 2>&1 || fail "pg_basebackup failed: $(cat "$folder/log")"
  fi
}

set_up() {
  local setting
  for setting in "listen_addresses=" "unix_socket_directories=$folder" "fsync=off" "synchronous_commit=off" \
    "full_page_writes=off" "max_connections=300" "unix_socket_permissions=0700" "$@"; do
    echo "${setting%%=*} = '${setting#*=}'" | tee -a "$folder/data/postgresql.conf" >/dev/null
  done
}

launch() {
  local start=("$bin/pg_ctl" -D "$folder/data" -l "$folder/data/server.log" -w start)
  if [ -z "$small_disk" ]; then
    as_server_user "${start[@]}" >>"$folder/log" 2>&1
  else
    on_small_disk "${start[@]}" >>"$folder/log" 2>&1
  fi
}

# Runs a command as the server's user, with a file system at $folder/small-disk that only this command and its children see.
# It disappears with the last of them.
on_small_disk() {
  local mount='mount -t tmpfs -o "mode=700,size=$1,uid=$2" none "$3" && shift 3 && exec "$@"' sudo=()
  local disk="$folder/small-disk" own_user=(unshare --user --map-root-user --mount)
  if [ "$(id -u)" != 0 ] && "${own_user[@]}" mount -t tmpfs none "$disk" 2>/dev/null; then
    # The mount needs root; PostgreSQL refuses to run as root.
    "${own_user[@]}" sh -c "$mount" sh "$small_disk" 0 "$disk" \
      unshare --user --map-user="$(id -u)" --map-group="$(id -g)" "$@"
    return
  fi
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  ${sudo[@]+"${sudo[@]}"} unshare --mount sh -c "$mount" sh "$small_disk" "$(id -u "$(server_user)")" "$disk" \
    runuser -u "$(server_user)" -- "$@"
}

stop_server() {
  trap '' INT TERM HUP
  [ -z "${reader:-}" ] || kill "$reader" 2>/dev/null || true
  if [ -e "$folder/data/postmaster.pid" ]; then
    signal_server CONT
    # A killed server has left shared memory behind. Starting it again frees that.
    kill -0 "$(postmaster)" 2>/dev/null || launch || true
    as_server_user "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
  fi
  rm -rf "$folder" ${programs:+"$programs"}
}

postmaster() {
  head -n 1 "$folder/data/postmaster.pid"
}

# The processes that the postmaster has started.
backends() {
  local postmaster
  postmaster=$(postmaster)
  if [ -e /proc/self/status ]; then
    grep -ls "^PPid:[[:space:]]*$postmaster\$" /proc/[0-9]*/status | cut -d / -f 3
  else
    ps -A -o ppid=,pid= | awk -v postmaster="$postmaster" '$1 == postmaster { print $2 }'
  fi
}

# Sends a signal to all processes of the server, and sets `processes`.
signal_server() {
  processes=$(postmaster)
  # While the postmaster is stopped, it starts no more processes.
  kill -s STOP "$processes" 2>/dev/null || return 0
  processes="$(backends || true) $processes"
  # shellcheck disable=SC2086 # one argument for each process
  kill -s "$1" $processes 2>/dev/null || true
}

kill_server() {
  local tries
  signal_server KILL
  for tries in {1..500}; do
    # shellcheck disable=SC2086
    kill -s 0 $processes 2>/dev/null || return 0
    sleep 0.02
  done
  fail "after $tries checks some of these processes still run:" $processes
}

server() {
  start_server "$@"
  echo "$url"
  # The program that started this holds our standard input, which closes when that program ends, even if it is killed. `wait`
  # can be interrupted by a signal; `read` cannot.
  run_commands <&0 &
  reader=$!
  wait "$reader"
}

# Runs the commands on standard input, one a line. A command that fails ends the server.
run_commands() {
  local command
  while read -r command; do
    case $command in
      kill) kill_server ;;
      stop) as_server_user "$bin/pg_ctl" -D "$folder/data" -m fast stop >/dev/null ;;
      start) launch || fail "the server did not start: $(tail -n 5 "$folder/log" "$folder/data/server.log")" ;;
      freeze) signal_server STOP ;;
      thaw) signal_server CONT ;;
      *) fail "server: $command is not one of kill, stop, start, freeze and thaw" ;;
    esac
    echo ok
  done
}
