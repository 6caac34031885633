//! `clip-db doctor`: checks the server, the connection and the role. Each check runs by itself, so that one that fails does
//! not hide the others.

mod access;
mod connections;
mod database;
mod locks;
mod network;
mod pooler;
mod retention;
mod schema;
mod server;

use std::fmt;

use clip_saver_db::{Connection, Db, Error, ErrorKind, PreparedStatements, close_db};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::connect::Settings;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// The result of a check.
pub struct Finding {
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

impl Finding {
    pub fn is_ok(&self) -> bool {
        self.level == Level::Ok
    }

    pub fn is_wrong(&self) -> bool {
        self.level == Level::Wrong
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

/// The results of one check.
type Findings = Result<Vec<(Level, String)>, Error>;

/// The database that is checked.
struct Target<'a> {
    settings: &'a Settings,
    /// For one more connection.
    db: Db,
    connection: Connection,
    /// What the pooler refused. The connection was opened without it.
    refusals: Vec<String>,
}

impl Target<'_> {
    /// The only row of a query without parameters. The statement is unnamed, which works behind every pooler.
    async fn row(&self, sql: &str) -> Result<Row, Error> {
        Ok(self.connection.raw().query_typed_one(sql, &[]).await?)
    }

    async fn rows(&self, sql: &str) -> Result<Vec<Row>, Error> {
        Ok(self.connection.raw().query_typed(sql, &[]).await?)
    }

    /// The rows of a query about the schema of the tables ($1).
    async fn rows_about_schema(&self, sql: &str) -> Result<Vec<Row>, Error> {
        let schema = self.settings.config.schema.as_str();
        Ok(self.connection.raw().query_typed(sql, &[(&schema, Type::TEXT)]).await?)
    }
}

pub async fn run(settings: &Settings, output: &mut Output) -> Result<Exit, Failure> {
    let (db, refusals) = connect(settings).await?;
    let connection = db.connection().await?;
    let target = Target { settings, db, connection, refusals };
    let mut is_wrong = false;
    for finding in check_all(&target).await? {
        is_wrong |= finding.is_wrong();
        output.line(finding);
    }
    let Target { db, connection, .. } = target;
    drop(connection); // `close_db` waits for it
    close_db(&db).await;
    Ok(if is_wrong { Exit::Wrong } else { Exit::Fine })
}

/// Connects without what a pooler refuses (start-up options, prepared statements), so that the rest can be checked.
async fn connect(settings: &Settings) -> Result<(Db, Vec<String>), Failure> {
    let mut config = settings.own_config(2);
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

async fn check_all(target: &Target<'_>) -> Result<Vec<Finding>, Failure> {
    let before = [
        ("server", server::version(target).await),
        ("writable", server::writable(target).await),
        ("pgcrypto", server::extension(target).await),
        ("schema", schema::schema(target).await),
        ("migrations", access::migrations(target).await),
        ("rights", access::rights(target).await),
        ("locks", locks::locks(target).await),
    ];
    let after = [
        ("isolation", database::isolation(target).await),
        ("connections", connections::connections(target).await),
        ("encryption", network::encryption(target).await),
        ("pooler", pooler::pooler(target).await),
        ("retention", retention::retention(target).await),
        ("clock", network::clock(target).await),
    ];
    findings(before.into_iter().chain(check_database(target).await).chain(after))
}

/// What `clip-db check` also looks at.
async fn check_database(target: &Target<'_>) -> [(&'static str, Findings); 4] {
    [
        ("encoding", database::encoding(target).await),
        ("tables", database::tables(target).await),
        ("policies", database::policies(target).await),
        ("sequence", database::sequence(target).await),
    ]
}

/// The checks of the database itself, for `clip-db check`.
pub async fn of_the_database(settings: &Settings, db: &Db) -> Result<Vec<Finding>, Failure> {
    let connection = db.connection().await?;
    let target = Target { settings, db: db.clone(), connection, refusals: Vec::new() };
    findings(check_database(&target).await.into_iter())
}

fn findings(all: impl Iterator<Item = (&'static str, Findings)>) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for (subject, found) in all {
        match found.map_err(Failure::from) {
            Ok(found) => findings.extend(found.into_iter().map(|(level, text)| Finding { level, subject, text })),
            Err(failure) if failure.exit == Exit::NoConnection => return Err(failure),
            Err(failure) => {
                let text = format!("cannot be checked: {}", failure.message);
                findings.push(Finding { level: Level::Wrong, subject, text });
            }
        }
    }
    Ok(findings)
}
