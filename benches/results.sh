#!/usr/bin/env bash
# Writes RESULTS.md from the benches' output in the target folder, the machine and the cost of a build. `./dev bench` sources
# this file in the package's folder. It uses `target` and functions of `dev`.

# The whole document.
# shellcheck disable=SC2154 # dev sets `target`
results() {
  local crates rust sql query
  crates=$(crates) || fail "the crates of a consumer could not be counted"
  copy_package
  rust=$(median_build touch_rust) || exit 1
  sql=$(median_build edit_sql) || exit 1
  query=$(median_build add_query) || exit 1
  cat <<TEXT
# Results

Written by \`./dev bench\` on $(date -u '+%Y-%m-%d %H:%M') UTC; do not edit.

$(machine)

The server is a throwaway PostgreSQL. Its data is in memory if there is enough, and it does not flush to disk (\`fsync=off\`):
the benches measure the work, not the disk. Its sessions keep the memory that they have freed: as glibc does it by itself, one of two
sessions may give it back after each batch, and then takes 1.2 times as long. With two cores, the server and the client have one
each. Absolute times differ between machines; the shapes of curves and most ratios hardly do. What round trips save depends on the
machine: a scan run that is joined was 0.48 where a read of one row took 75 µs, and 0.71 where it took 39.

## In comparison with hand-written code

The hand-written side runs the same statements through tokio-postgres, prepared once and held
(\`benches/common/hand_written.rs\`). Each of 25 rounds alternates between both sides and gives one ratio: ours divided by
hand-written, in wall time and in client CPU time. The table shows the medians, the middle half (spread) and the targets.
There are two exceptions. A guild's channels: by hand the server sorts them (\`order by\`), and the crate sorts them after
reading. Batches: by hand they are the plainest \`unnest … on conflict\`, which fails if a key comes twice, and can deadlock.
Hand-written code uses one connection and no pool, with concurrent tasks a pool of 8, and no \`returning\` if no row is needed. It
parses lists into \`serde_json::Value\`; this crate parses JSON only when a value is asked for. Rows without a target show other
ways to write the code by hand.

$(cat "$target/tmp/ratios.md")

### What stands in the way of the aims that were missed

By callgrind on 2026-11-27, when single writes still returned a row (\`benches/profile\`; user instructions a call, both sides
in one process):

| | ours | by hand |
|---|---:|---:|
| get_guild_settings | 17,738 | 27,006 |
| upsert_guild | 17,724 | 14,704 |
| update_channel_progress | 16,968 | 13,831 |
| update_channel_progress, 16 tasks | 18,050 | 13,600 |

- Of the 3,000 more for a write, some 800 received the row that it returned. It returns none any more: the server put it into a
  tuplestore first, and sent it from there when the statement had ended (PORTAL_ONE_RETURNING in its code). By \`pgbench\`, one
  session, \`upsert_guild\` took 57 µs with \`returning\` and 52 without, an update of a channel 66 and 60.
- 550 find the prepared statement by its text, under a lock that keeps joined calls in order. 300 take a session from the pool
  and give it back; 200 observe the call; the rest is in many small pieces.
- With 16 tasks, half of the calls wait for one of 8 connections. That costs 1,000 more: a timer for \`DB_ACQUIRE_TIMEOUT\`, and
  the question whether a further session may be opened.
- Lists: the program sorts the rows, which by hand the server does.

## Peers

Measured by \`benches/peers\` (\`./dev bench peers\`): this crate and other libraries, each in comparison with the same
hand-written code, on the same tables and server, in one run. A cell is wall time / client CPU time, divided by those of the
hand-written side: the medians of 25 rounds, each of which runs all sides. Every library is used as its users would: cached
statements where it has them, a pool of 8 connections without a ping before each use, typed structs, JSON parsed into
\`serde_json::Value\` (this crate parses it when a value is asked for). Before the rounds, what all sides wrote is compared.

- sqlx: SQL by hand, batches by \`unnest\`.
- diesel-async: its query builder; \`sql_query\` for batches by \`unnest\` and for what the builder cannot say. It prepares
  updates, upserts and \`sql_query\` at each call. The ten updates of a scan run's totals are sent together.
- SeaORM: entities, batches by \`insert_many\` with \`on_conflict\`.

$(cat "$target/tmp/peers.md")

## Allocations

Allocations and bytes for one run of an operation, including the driver's share. With several tasks, one run is one call of
each task.

$(cat "$target/tmp/allocations.md")

## Server cost

What one call of each function costs the server, as the server itself counts it (\`benches/server_cost\`), on a database with
100,000 channels, 1,000,000 runs and 1,000,000 clips (\`tests/fixtures/large_database.sql\`). Means of 200 calls after 20 others.
Each call takes other rows, some of them in turn, and commits. No vacuum runs meanwhile.

- *statements*: those of the function; \`begin\` and the like are not counted. *rows*: the rows that they returned or wrote.
- *buffers*: pages of 8 kB that were looked at, in memory or not.
- *WAL bytes*: everything that was written to the WAL, the commit included, without images of whole pages
  (\`full_page_writes=off\`). A read that cleans up a page writes a few.
- *HOT*: the share of the updated rows that were updated in place, so that no index was written. Empty: nothing was updated.
- *plans*: how often a call was planned; 0 is a statement that is planned once for each connection. *planning*: its share of the
  server's time.

$(cat "$target/tmp/server-cost.md")

### With images of whole pages

Progress of 1,000 scans at once after a checkpoint, with \`full_page_writes=on\`, PostgreSQL's default. The aim is 95 % HOT, and
indexes that do not grow.

$(cat "$target/tmp/server-cost-of-a-scan.md")

## Scans on a disk

1,000 messages of a channel are scanned on a server that waits for the disk at each commit (\`fsync=on\`,
\`synchronous_commit=on\`; \`benches/durable\`). Of the 13 statements the first enqueues a run, ten count 100 messages each, and
two mark start and end. In five commits, the enqueued run is committed first; then come four commits of three statements. Each of
15 rounds runs every way; *wall* is the time divided by that of the first line. The worker's functions (\`request_scan\`,
\`claim_scan_runs\`, \`record_scan_page\`, \`complete_scan\`) also keep other workers away, and count each message once.

$(cat "$target/tmp/durable.md")

## Growth

Medians of a few rounds ± half the width of their middle half. The last column is the last number divided by the one before.

### $(growth channels "Channels in a guild")

### $(growth tasks "Concurrent tasks")

### $(growth scan-runs "Scan runs in the table")

## Queues

Measured by \`benches/queues\` (\`./dev bench queues\`), each comparison in one run on one server. Medians of interleaved rounds.
No vacuum runs unless said, and commits do not wait for the disk (\`fsync=off\`, \`synchronous_commit=off\`). All sides have 4
connections; awa has 4 more, for its maintenance. Jobs do nothing. A claim's cost is one call by one caller; once a second a
worker also looks at everything, which the second line shows. Inserts by hand are two statements of \`unnest\` with
\`on conflict do nothing\`.

$(cat "$target/tmp/queues.md")

What stands in the way of the aims that were missed, from profiles of 2026-11-26:

- Claims: the plainest SQL by hand on these tables, without fairness, cancellation and repeated calls, is little
  faster in the same run. A run's row stays: it is history. So a claim writes four index entries
  (key, channel, lease, active) and a completion two, at some 7.5 µs an entry here: dropping one index of the table (\`pgbench\`,
  100 at a time) raised 330 to 440 statements a second. The update cannot be in place, because the status is in the indexes'
  conditions. graphile_worker deletes a job when it is done, and has no token that keeps a stalled worker from writing.
- \`record_scan_page\`: of what it takes beyond the inserts, some 170 µs are the start of a plan of 60 nodes, 100 µs the locks
  (guild, channel, run, coverage) and the commit, 40 µs the counting (one session, the statement cut down part by part).
- One channel's pages are written one after another: each waits for the lock of the one before. With pages of 100, handing that
  lock from one session to the next takes longer than the page. With pages of 1,000, the most that the call takes, the aim is met:
  a worker may collect Discord's pages of 100.

## Building

| | measured | target | met |
|---|---:|---:|---|
| crates that a consumer compiles (no default features) | $crates | 150 | $(met "$crates" 150) |
| \`cargo build\` after touching a .rs file | $rust s | | |
| \`cargo build\` after a change of a query, scratch server included | $sql s | $(limit "$rust") s | $(met "$sql" "$(limit "$rust")") |
| \`cargo build\` after a new query, scratch server included | $query s | | |

Medians of three builds of the whole package (dev profile). The target is 1.5 times the .rs file's time, plus 2 s for the
server. A new query is a new function: it recompiles more than a changed query does.
TEXT
}

machine() {
  local cpu memory
  if [ -r /proc/cpuinfo ]; then
    cpu=$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)
    memory=$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)
  else
    cpu=$(sysctl -n machdep.cpu.brand_string)
    memory=$(sysctl -n hw.memsize | awk '{ printf "%.0f", $1 / 1073741824 }')
  fi
  cat <<TEXT
| | |
|---|---|
| CPU | ${cpu:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) cores |
| memory | $memory GiB |
| kernel | $(uname -s) $(uname -r | sed "s/-.*//") $(uname -m) |
| PostgreSQL | $("$(postgres_bin)/postgres" --version | sed 's/^postgres (PostgreSQL) //') |
| Rust | $(rustc --version | sed 's/^rustc //') |
TEXT
}

# The title, the plot and the table of the curves with this name.
growth() {
  printf '%s\n\n![%s](../docs/growth-%s.svg)\n\n' "$2" "$2" "$1"
  cat "$target/tmp/growth-$1.md"
}

# With the features that README.md recommends to consumers.
crates() {
  cargo tree --locked --no-default-features --edges=normal,build --prefix=none | sed 's/ (\*)$//' | sort -u | wc -l |
    tr -d ' '
}

# Builds run in a copy: they change no file of the package, and the copy is removed at any exit. With the same version, cargo
# would take the copy for this package.
copy_package() {
  copy=$target/build-times
  rm -rf "$copy"
  mkdir -p "$copy"
  trap 'rm -rf "$copy"' EXIT
  cp -R Cargo.lock README.md benches build build.rs codegen cornucopia.toml dev examples migrations queries src tests \
    "$copy/"
  mkdir "$copy/python" # the other member of the workspace
  cp -R python/Cargo.toml python/src "$copy/python/"
  sed 's/^version = "[^"]*"/version = "0.0.0"/' Cargo.toml >"$copy/Cargo.toml"
  build_seconds >/dev/null
  # The first edit moves the typed queries from codegen/ to cargo's folder.
  edit_sql
  build_seconds >/dev/null
}

# The median time of three edits and builds.
median_build() {
  local n
  for n in 1 2 3; do
    "$1" "$n"
    build_seconds
  done | sort -n | awk 'NR == 2 { printf "%.1f", $1 }'
}

touch_rust() {
  touch "$copy/src/repositories/channels.rs"
}

edit_sql() {
  sed 's/^where channel_id = :channel_id/& and true/' "$copy/queries/channels.sql" >"$copy/edited.sql"
  mv "$copy/edited.sql" "$copy/queries/channels.sql"
}

add_query() {
  printf '\n--! added_%s\nselect count(*) as channels from bot_channels;\n' "$1" >>"$copy/queries/channels.sql"
}

# The time includes starting a scratch server.
build_seconds() {
  local TIMEFORMAT=%R
  {
    time env -u CLIP_DB_CODEGEN_URL CARGO_TARGET_DIR="$target" \
      cargo build --offline --manifest-path "$copy/Cargo.toml" >"$copy/log" 2>&1
  } 2>&1 || fail "a copy of the package does not build: $(cat "$copy/log")"
}

limit() {
  awk -v rust="$1" 'BEGIN { printf "%.1f", 1.5 * rust + 2 }'
}

met() {
  awk -v measured="$1" -v aim="$2" 'BEGIN { print (measured <= aim ? "yes" : "**no**") }'
}
