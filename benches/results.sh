#!/usr/bin/env bash
# Composes RESULTS.md of what the benches left in the target folder, the machine and what a build costs. `./dev bench`
# sources this, from the package's folder, with `target` and its own functions at hand.

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

Written by \`./dev bench\` on $(date -u '+%Y-%m-%d %H:%M') UTC; not to be edited.

$(machine)

The server is a throwaway one with its data in memory where there is enough, and writes nothing through to a disk
(\`fsync=off\`): what is measured is the work, not the disk. It has a core to itself, and so has the client, if there are
two. Absolute times differ from machine to machine; ratios and the shapes of curves hardly do.

## In comparison with hand-written code

The same statements through tokio-postgres by hand, prepared once and held (\`benches/common/hand_written.rs\`). Each of 25
rounds runs both sides by turns, and gives one ratio: how much longer ours takes, by the clock and of the client's CPU. The
table has their medians, the middle half of them, and what was aimed at. By hand there is one connection and no pool but where
tasks run at once, and no \`returning\` where nobody needs a row; lists are parsed into \`serde_json::Value\`, which this crate
leaves to whoever asks for a value. Rows without an aim show other ways to write it by hand.

$(cat "$target/tmp/ratios.md")

## Allocations

What one time of an operation asks of the allocator, the driver's share included: how often, and how many bytes. Of an
operation in tasks, a time is a call of each task.

$(cat "$target/tmp/allocations.md")

## Growth

Medians of a few rounds, and half the width of the middle half of them. The last column is what the last step of the size
makes of the number before.

### $(growth channels "Channels in a guild")

### $(growth tasks "Concurrent tasks")

### $(growth scan-runs "Scan runs in the table")

## Building

| | measured | aimed at | met |
|---|---:|---:|---|
| crates that a consumer compiles (no default features) | $crates | 150 | $(met "$crates" 150) |
| \`cargo build\` after touching a .rs file | $rust s | | |
| \`cargo build\` after a change of a query, scratch server included | $sql s | $(limit "$rust") s | $(met "$sql" "$(limit "$rust")") |
| \`cargo build\` after a new query, scratch server included | $query s | | |

Medians of three builds of the whole package (dev profile). The aim is 1.5 times the .rs file's, and 2 s for the server. A new
query is a new function, for which more is compiled again than for a new text.
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

# Of the curves of a name: a title, the plot, the table.
growth() {
  printf '%s\n\n![%s](../docs/growth-%s.svg)\n\n' "$2" "$2" "$1"
  cat "$target/tmp/growth-$1.md"
}

# With the features that README.md tells a consumer to take.
crates() {
  cargo tree --locked --no-default-features --edges=normal,build --prefix=none | sed 's/ (\*)$//' | sort -u | wc -l |
    tr -d ' '
}

# Nobody's files are touched, and nothing is left behind however this ends. cargo would take a package of the same version
# for this one.
copy_package() {
  copy=$target/build-times
  rm -rf "$copy"
  mkdir -p "$copy"
  trap 'rm -rf "$copy"' EXIT
  cp -R Cargo.lock README.md benches build build.rs codegen cornucopia.toml dev examples migrations queries src tests \
    "$copy/"
  sed 's/^version = "[^"]*"/version = "0.0.0"/' Cargo.toml >"$copy/Cargo.toml"
  build_seconds >/dev/null
  # The first edit moves the typed queries from codegen/ to cargo's folder.
  edit_sql
  build_seconds >/dev/null
}

# Three times an edit and a build.
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

# A scratch server of its own is part of the price.
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
