//! `clip-db unreadable`

use std::fmt;

use clip_saver_db::{Db, Error, GenericClient as _, UnreadableRow, repositories};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// How many values are shown, and deleted, at a time.
const LIMIT: u32 = 1_000;

/// How many rows of each table are deleted, in the order of the columns of contents.sql and delete.sql.
struct Counts([i64; 6]);

/// A table's rows as people name them, one and many.
const NAMES: [(&str, &str); 6] = [
    ("user", "users"),
    ("install intent", "install intents"),
    ("guild", "guilds"),
    ("row of guild settings", "rows of guild settings"),
    ("channel", "channels"),
    ("scan run", "scan runs"),
];

pub async fn run(db: &Db, is_deleting: bool, as_json: bool, output: &mut Output) -> Result<Exit, Failure> {
    let rows = repositories::get_unreadable_rows(db, LIMIT).await?;
    if !as_json {
        for row in &rows {
            output.line(row);
        }
    }
    let (counts, left) = if is_deleting {
        let deleted = counts(db, include_str!("unreadable/delete.sql"), &rows).await.map_err(refusal)?;
        (deleted, repositories::get_unreadable_rows(db, LIMIT).await?)
    } else {
        (counts(db, include_str!("unreadable/contents.sql"), &rows).await?, rows.clone())
    };
    if as_json {
        output.line(object(&rows, &counts, is_deleting.then_some(&*left)));
    } else {
        output.line(summary(&rows, &counts, is_deleting.then_some(&*left)));
    }
    Ok(if left.is_empty() { Exit::Fine } else { Exit::SomethingToDo })
}

async fn counts(db: &Db, sql: &str, rows: &[UnreadableRow]) -> Result<Counts, Error> {
    let column = |of: fn(&UnreadableRow) -> &str| rows.iter().map(of).collect::<Vec<_>>();
    let (tables, keys) = (column(|row| &row.table), column(|row| &row.key));
    let (columns, values) = (column(|row| &row.column), column(|row| &row.value));
    // In a transaction: with `DB_PREPARED_STATEMENTS=off` only a transaction finds the tables.
    let row = db
        .transaction(async |transaction| {
            Ok::<_, Error>(transaction.query_one(sql, &[&tables, &keys, &columns, &values]).await?)
        })
        .await?;
    let mut counts = [0; 6];
    for (place, count) in counts.iter_mut().enumerate() {
        *count = row.try_get(place)?;
    }
    Ok(Counts(counts))
}

/// The roles of bot and worker may not delete everything.
fn refusal(error: Error) -> Failure {
    if error.sqlstate() == Some("42501") {
        return Failure::wrong(format!("{error}\nNothing was deleted: let the owner of the tables run this command."));
    }
    error.into()
}

fn summary(rows: &[UnreadableRow], counts: &Counts, left: Option<&[UnreadableRow]>) -> String {
    let unreadable = left.unwrap_or(rows);
    let deleted = left.map(|_| format!("deleted {counts}; ")).unwrap_or_default();
    if unreadable.is_empty() {
        return format!("{deleted}every row can be read");
    }
    let values = if unreadable.len() == 1 { "1 value".into() } else { format!("{} values", unreadable.len()) };
    let more = if unreadable.len() == LIMIT as usize { ", perhaps more" } else { "" };
    let next = match left {
        None => format!("; `clip-db unreadable --delete` would delete {counts}"),
        Some(_) => String::new(),
    };
    let by_hand = if unreadable.iter().any(is_time) { BY_HAND } else { "" };
    format!("{deleted}{values} cannot be read{more}{next}{by_hand}")
}

const BY_HAND: &str = ". Set the times by hand: the rest of their rows is good";

fn is_time(row: &UnreadableRow) -> bool {
    row.column.ends_with("_at")
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |(count, (one, many)): (&i64, (&str, &str))| match *count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let named: Vec<String> = self.0.iter().zip(NAMES).filter_map(named).collect();
        formatter.write_str(if named.is_empty() { "nothing" } else { "" })?;
        formatter.write_str(&named.join(", "))
    }
}

fn object(rows: &[UnreadableRow], counts: &Counts, left: Option<&[UnreadableRow]>) -> Value {
    let row = |row: &UnreadableRow| {
        json!({
            "table": row.table, "key": row.key, "column": row.column, "value": row.value, "reason": row.reason,
        })
    };
    let all = |rows: &[UnreadableRow]| Value::Array(rows.iter().map(row).collect());
    let [users, install_intents, guilds, guild_settings, channels, scan_runs] = counts.0;
    let counts = json!({
        "users": users, "install_intents": install_intents, "guilds": guilds, "guild_settings": guild_settings,
        "channels": channels, "scan_runs": scan_runs,
    });
    match left {
        None => json!({ "rows": all(rows), "deletable": counts }),
        Some(left) => json!({ "rows": all(rows), "deleted": counts, "left": all(left) }),
    }
}
