# Prints what got worse from one RESULTS.md to another, which rows are new, which are gone, and what is not compared:
#
#   awk -f benches/compare.awk OLD NEW
#
# Ratios and counts are compared. Times and rates are not, since they differ between machines: the sections Growth and Queues, and
# cells with a unit (scans/s). Nor are cells with two figures, which are the peers': they have no spread that tells noise from a
# change, and our own ratios are compared in their own table. Rows are found by their heading and first cell, columns by their
# title. A number got worse
#
# - with a column "spread" behind it, if it is above the old spread, and by more than 5 %;
# - as a share ("98 %", of updates in place), if it is lower by more than 2 points;
# - as any other number, if it is higher by more than 2 %.

BEGIN { not_compared = "^(spread|target|aim|met|rows|planning|by hand.*)$" }

FNR == 1 { file++; section = ""; in_table = 0 }

/^## / {
  is_left_out = /^## (Growth|Queues)/
  if (is_left_out) leave(substr($0, 4))
}

/^##+ / { section = $0; sub(/^#+ /, "", section) }

!/^\|/ { in_table = 0; next }

is_left_out || section == "" { next }

{
  columns = split($0, cells, "|") - 1
  for (column = 2; column <= columns; column++) gsub(/^ +| +$/, "", cells[column])
}

!in_table {
  in_table = 1
  tables[file, section] = 1
  for (column = 2; column <= columns; column++) titles[column] = cells[column]
  titles[columns + 1] = ""
  next
}

cells[2] ~ /^:?-+:?$/ { next }

seen[file, section, cells[2]]++ { print "twice under one heading: " section ": " cells[2] }

file == 1 {
  rows[++count] = section SUBSEP cells[2]
  for (column = 3; column <= columns; column++) {
    old[section, cells[2], titles[column]] = cells[column]
    if (titles[column + 1] == "spread") spread[section, cells[2], titles[column]] = cells[column + 1]
  }
  old[section, cells[2]] = 1
  next
}

{
  new[section, cells[2]] = 1
  if ((1, section) in tables && !((section, cells[2]) in old)) print "new: " section ": " cells[2]
  for (column = 3; column <= columns; column++) compare(section SUBSEP cells[2] SUBSEP titles[column], cells[column])
}

END {
  for (place in tables) {
    split(place, parts, SUBSEP)
    if (parts[1] == 2 && !((1, parts[2]) in tables)) print "new table: " parts[2]
    if (parts[1] == 1 && !((2, parts[2]) in tables)) print "table is gone: " parts[2]
  }
  for (n = 1; n <= count; n++) {
    split(rows[n], parts, SUBSEP)
    if ((2, parts[1]) in tables && !(rows[n] in new)) print "gone: " parts[1] ": " parts[2]
  }
  if (!worse) print "nothing got worse"
  if (left_out) print "not compared: " left_out
}

function leave(what) {
  if (!left[what]++) left_out = left_out (left_out ? "; " : "") what
}

function compare(place, now,    parts, was, bounds) {
  split(place, parts, SUBSEP)
  if (!(place in old) || parts[3] ~ not_compared) return
  was = old[place]
  if (!is_number(was) || !is_number(now)) {
    if (now ~ /[0-9]/) leave(parts[1] ": " parts[3])
    return
  }
  if (now ~ / %$/) {
    if (number(now) >= number(was) - 2) return
  } else if (place in spread) {
    split(spread[place], bounds, "–")
    if (number(now) <= number(bounds[2]) || number(now) <= number(was) * 1.05) return
    was = was " (" spread[place] ")"
  } else if (number(now) <= number(was) * 1.02) return
  worse = 1
  print "worse: " parts[1] ": " parts[2] ": " parts[3] " was " was ", is " now
}

# "1.05", "12,345" or "98 %". An empty cell is none.
function is_number(cell) {
  return cell ~ /^[0-9][0-9,]*(\.[0-9]+)?( %)?$/
}

function number(cell) {
  gsub(/[, %]/, "", cell)
  return cell + 0
}
