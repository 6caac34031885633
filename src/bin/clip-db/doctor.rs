//! `clip-db doctor`: looks at what is around the schema, each thing by itself, so that one that cannot be looked at does
//! not hide the others.

mod access;
mod connections;
mod network;
mod pooler;
mod server;

use std::fmt;

use clip_saver_db::{Connection, Db, Error, ErrorKind, PreparedStatements, close_db};
use tokio_postgres::Row;

use crate::connect::Settings;
use crate::end::{End, Failure};
use crate::output::Output;

/// What was found out.
struct Finding {
    level: Level,
    subject: &'static str,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Ok,
    Note,
    Wrong,
}

impl Level {
    fn with(self, text: impl Into<String>) -> (Self, String) {
        (self, text.into())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Wrong => "WRONG",
        };
        write!(formatter, "{level:<5}  {:<11}  {}", self.subject, self.text)
    }
}

/// What a look at one thing gives.
type Findings = Result<Vec<(Level, String)>, Error>;

/// What is looked at.
struct Patient<'a> {
    settings: &'a Settings,
    /// Gives one more connection.
    db: Db,
    connection: Connection,
    /// What a pooler refuses; the connection was made without it.
    refusals: Vec<String>,
}

impl Patient<'_> {
    /// The one row of a query without parameters. It is sent unnamed: that works behind every pooler.
    async fn row(&self, sql: &str) -> Result<Row, Error> {
        Ok(self.rows(sql).await?.swap_remove(0))
    }

    async fn rows(&self, sql: &str) -> Result<Vec<Row>, Error> {
        Ok(self.connection.raw().query_typed(sql, &[]).await?)
    }
}

pub async fn run(settings: &Settings, output: &mut Output) -> Result<End, Failure> {
    let (db, refusals) = connect(settings).await?;
    let connection = db.connection().await?;
    let patient = Patient { settings, db, connection, refusals };
    let mut is_wrong = false;
    for finding in examine(&patient).await? {
        is_wrong |= finding.level == Level::Wrong;
        output.line(finding);
    }
    let Patient { db, connection, .. } = patient;
    drop(connection); // closing waits for it
    close_db(&db).await;
    Ok(if is_wrong { End::Wrong } else { End::Fine })
}

/// Connects without what a pooler refuses (start-up options, prepared statements), so that the rest can be looked at.
async fn connect(settings: &Settings) -> Result<(Db, Vec<String>), Failure> {
    let mut config = settings.own(2);
    let mut refusals: Vec<String> = Vec::new();
    loop {
        match Db::connect(config.clone()).await {
            Err(error)
                if error.kind() == ErrorKind::Pooler && config.prepared_statements != PreparedStatements::Off =>
            {
                if config.statement_timeout.is_none() {
                    config.prepared_statements = PreparedStatements::Off;
                }
                config.statement_timeout = None;
                config.idle_in_transaction_timeout = None;
                refusals.push(error.to_string());
            }
            db => {
                refusals.dedup();
                return Ok((db.map_err(|error| Failure::connecting(&error))?, refusals));
            }
        }
    }
}

async fn examine(patient: &Patient<'_>) -> Result<Vec<Finding>, Failure> {
    let all = [
        ("server", server::version(patient).await),
        ("writable", server::writable(patient).await),
        ("pgcrypto", server::extension(patient).await),
        ("migrations", access::migrations(patient).await),
        ("rights", access::rights(patient).await),
        ("connections", connections::connections(patient).await),
        ("encryption", network::encryption(patient).await),
        ("pooler", pooler::pooler(patient).await),
        ("clock", network::clock(patient).await),
    ];
    let mut findings = Vec::new();
    for (subject, found) in all {
        match found.map_err(Failure::from) {
            Ok(found) => findings.extend(found.into_iter().map(|(level, text)| Finding { level, subject, text })),
            Err(failure) if failure.end == End::NoConnection => return Err(failure),
            Err(failure) => {
                let text = format!("cannot be looked at: {}", failure.message);
                findings.push(Finding { level: Level::Wrong, subject, text });
            }
        }
    }
    Ok(findings)
}
