//! Checks the database itself: its encoding, what its tables are, which rows this role sees, and the sequence of users. `clip-db
//! check` makes these checks, too.

use clip_saver_db::{GenericClient as _, PreparedStatements};

use super::{Findings, Level, Target};

pub async fn encoding(target: &Target<'_>) -> Findings {
    let row = target.row(include_str!("encoding.sql")).await?;
    let (database, session): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    let remedy =
        "Create a database with `encoding 'UTF8' template template0`, and copy this one with pg_dump and pg_restore";
    Ok(vec![match (database, session) {
        ("UTF8", "UTF8") => Level::Ok.with("UTF8"),
        ("UTF8", session) => Level::Wrong.with(format!(
            "sessions have client_encoding {session}, not UTF8: a pooler changes it, see its settings (ignore_startup_parameters)"
        )),
        ("SQL_ASCII", _) => Level::Wrong.with(format!(
            "the database has no encoding (SQL_ASCII): it stores the bytes that each program sends, and calls that read text of a \
             program with another client_encoding fail (SQLSTATE 22021). {remedy}"
        )),
        (database, _) => Level::Wrong.with(format!(
            "the database has the encoding {database}: names with other characters, such as emoji, cannot be stored (SQLSTATE \
             22P05). {remedy}"
        )),
    }])
}

pub async fn isolation(target: &Target<'_>) -> Findings {
    let row = target.row(include_str!("isolation.sql")).await?;
    let (session, others, remedy): (&str, Option<&str>, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(vec![match (session, others) {
        ("read committed", None) => Level::Ok.with("read committed"),
        ("read committed", Some(others)) => {
            Level::Ok.with(format!("read committed, although {others}: that is for the sessions of other programs"))
        }
        _ if target.settings.config.prepared_statements == PreparedStatements::Off => {
            Level::Ok.with(format!("read committed: each call asks for it, since sessions begin with {session}"))
        }
        (session, others) => Level::Wrong.with(format!(
            "the pooler gives sessions the level {session} ({}): concurrent counts fail with conflicts (SQLSTATE 40001). Run \
             `{remedy}`, and let the pooler reconnect",
            others.unwrap_or("the server says so")
        )),
    }])
}

pub async fn tables(target: &Target<'_>) -> Findings {
    let mut findings = Vec::new();
    for row in target.rows_about_schema(include_str!("tables.sql")).await? {
        let (name, kind, is_temporary): (&str, &str, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        findings.push(if is_temporary {
            Level::Note.with(format!(
                "a session has a temporary table {name}: calls on that session would use it. That can only happen if a pooler \
                 gives the session to this program (see its server_reset_query)"
            ))
        } else {
            Level::Wrong.with(format!(
                "{name} is {kind}: this program cannot keep its rows there. Rename it, or set DB_SCHEMA to a schema with tables"
            ))
        });
    }
    if findings.is_empty() {
        findings.push(Level::Ok.with("no view or temporary table hides a table"));
    }
    Ok(findings)
}

pub async fn policies(target: &Target<'_>) -> Findings {
    let mut hidden = Vec::new();
    let mut role = String::new();
    let mut is_active = false;
    for row in target.rows_about_schema(include_str!("policies.sql")).await? {
        is_active = true;
        role = row.try_get(2)?;
        if !row.try_get(1)? {
            hidden.push(row.try_get::<_, String>(0)?);
        }
    }
    Ok(vec![if !hidden.is_empty() {
        Level::Wrong.with(format!(
            "row-level security may hide rows of {} from the role {role}, and refuse its writes: let the owner of the tables \
             run `alter table … disable row level security` or `create policy … to {role} using (true)`",
            hidden.join(", ")
        ))
    } else if is_active {
        Level::Ok.with("row-level security shows this role every row")
    } else {
        Level::Ok.with("no row-level security applies to this role")
    }])
}

/// A sequence with fewer numbers left, as a part of all, is near its end; with fewer than `FEW`, it ends soon.
const NEAR_END: i64 = 10;
const FEW: i64 = 1_000_000;

pub async fn sequence(target: &Target<'_>) -> Findings {
    let rows = target.rows_about_schema(include_str!("sequence.sql")).await?;
    let Some(row) = rows.first() else { return Ok(vec![Level::Ok.with("there is no users_id_seq yet")]) };
    if !row.try_get::<_, bool>(3)? {
        return Ok(vec![Level::Ok.with("not checked: there is no users.id that is a number")]);
    }
    if !row.try_get::<_, bool>(2)? {
        return Ok(vec![Level::Ok.with("not checked: this role stores no users")]);
    }
    // In a transaction: calls look for the tables as it does.
    let transaction = target.db.begin().await?;
    let highest = transaction.query_one(include_str!("highest_user.sql"), &[]).await;
    transaction.rollback().await;
    let last: Option<i64> = row.try_get(0)?;
    let sequence = Sequence {
        last: last.unwrap_or_default(),
        end: row.try_get(1)?,
        identifier: row.try_get(4)?,
        literal: row.try_get(5)?,
    };
    Ok(sequence_findings(&sequence, highest?.try_get(0)?))
}

/// The sequence of users, and its name with the schema as statements need it.
struct Sequence<'a> {
    last: i64,
    end: i64,
    identifier: &'a str,
    literal: &'a str,
}

fn sequence_findings(sequence: &Sequence<'_>, highest: i64) -> Vec<(Level, String)> {
    let Sequence { last, end, identifier, literal } = *sequence;
    let left = end - last;
    let mut findings = Vec::new();
    if left < end / NEAR_END {
        let level = if left < FEW { Level::Wrong } else { Level::Note };
        findings.push(level.with(format!(
            "users_id_seq has {left} numbers left; after the last one no new user can be stored (SQLSTATE 2200H). Let the owner \
             run `alter sequence {identifier} restart`: this program skips the numbers that users have, but the Python programs \
             do not"
        )));
    }
    if highest > last {
        let remedy = if end - highest < end / NEAR_END {
            "Give the users with the highest numbers lower ones: no other table refers to them".to_owned()
        } else {
            format!("Let the owner run `select setval({literal}, {highest})`")
        };
        findings.push(Level::Note.with(format!(
            "users_id_seq is at {last}, behind the rows (up to {highest}), as after an import: this program draws numbers until \
             one is free, other programs fail (SQLSTATE 23505). {remedy}"
        )));
    }
    if findings.is_empty() {
        findings.push(Level::Ok.with(format!("users_id_seq has {left} numbers left")));
    }
    findings
}
