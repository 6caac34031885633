//! Any input: each function of the facade stores it unchanged, or refuses it with a typed error and stores nothing. Plain SQL
//! reads what is stored, and the tests state the rules a second time in Rust.
//!
//! `PROPTEST_CASES` sets how many cases a property has, and `PROPTEST_RNG_SEED` makes them the same again.

mod batches;
mod channels;
mod clips;
mod guilds;
mod injections;
mod install_intents;
mod parsers;
pub mod scan_pages;
mod scan_queue;
mod scan_runs;
mod settings;
mod strategies;
mod unreadable_rows;
mod users;

pub use strategies::amount;

use std::collections::BTreeSet;
use std::env;
use std::ops::Deref;

use clip_saver_db::{Db, Error, ErrorKind};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::project::style::{aggregates, files, functions};
use crate::support::{TestDatabase, connect};

/// A database for a property, and a session for plain SQL.
struct Subject {
    database: TestDatabase,
    sql: Client,
}

impl Deref for Subject {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.database
    }
}

/// Tries a property on `cases` inputs, each with empty tables. An input that fails is reduced as far as possible and printed.
#[expect(clippy::needless_pass_by_value, reason = "a property is written where it is tried")]
fn check_property<S: Strategy>(cases: u32, input: &S, property: impl AsyncFn(&Subject, S::Value)) {
    let runtime = Runtime::new().expect("a runtime starts");
    let subject = runtime.block_on(Subject::new());
    let outcome = TestRunner::new(config(cases)).run(input, |input| {
        runtime.block_on(async {
            subject.clear().await;
            property(&subject, input).await;
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

fn config(cases: u32) -> Config {
    let given = Config::default();
    Config {
        cases: if env::var_os("PROPTEST_CASES").is_some() { given.cases } else { cases },
        // An input that failed becomes a separate test: a stored seed gives another input once a strategy changes.
        failure_persistence: None,
        max_shrink_time: 15_000,
        ..given
    }
}

impl Subject {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let sql = connect(&database.url()).await;
        Self { database, sql }
    }

    async fn clear(&self) {
        let clear = "delete from bot_guilds; delete from guild_settings; delete from users; delete from bot_scan_queue";
        self.sql.batch_execute(clear).await.expect("the tables exist");
    }

    /// The row that a query returns.
    async fn row(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Row {
        self.sql.query_one(sql, params).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// Whether an SQL condition is true.
    async fn is_true(&self, condition: &str, params: &[&(dyn ToSql + Sync)]) -> bool {
        self.row(&format!("select coalesce({condition}, false)"), params).await.get(0)
    }

    /// A hash of every row of every table.
    async fn everything(&self) -> Option<String> {
        const EVERYTHING: &str = "select md5(string_agg(row, ',' order by row collate \"C\")) from (
            select t::text from users t union all select t::text from bot_guilds t
            union all select t::text from guild_settings t union all select t::text from bot_channels t
            union all select t::text from bot_channel_scan_runs t union all select t::text from install_intents t
            union all select t::text from bot_channel_coverage t union all select t::text from bot_clip_messages t
            union all select t::text from bot_clips t union all select t::text from bot_authors t
        ) as everything (row)";
        self.row(EVERYTHING, &[]).await.get(0)
    }

    /// The result of a call, or what its error names. Checks that after an error nothing was stored.
    async fn call<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
        let before = self.everything().await;
        match call.await {
            Ok(value) => Ok(value),
            Err(error) => {
                assert_eq!(self.everything().await, before, "a refused call has stored something: {error}");
                Err(named(&error))
            }
        }
    }
}

/// What an error names: the field, the constraint or, if a counter overflows, the SQLSTATE. Bad input gives no other errors.
pub fn named(error: &Error) -> String {
    assert!(error.function().is_some_and(|function| error.to_string().starts_with(function)), "{error:?}");
    let name = match error.kind() {
        ErrorKind::InvalidInput => error.field().filter(|field| !field.starts_with("parameter")),
        ErrorKind::ForeignKeyViolation | ErrorKind::UniqueViolation => error.constraint(),
        _ => error.sqlstate().filter(|code| *code == "22003"),
    };
    name.unwrap_or_else(|| panic!("{error:?}")).to_owned()
}

/// The first bad field, as errors name it.
fn first<const N: usize>(fields: [(&str, bool); N]) -> Option<String> {
    fields.into_iter().find(|(_, is_bad)| *is_bad).map(|(field, _)| field.to_owned())
}

/// The first bad field of a batch, as errors name it.
fn first_of<T>(batch: &[T], name: &str, bad: impl Fn(&T) -> Option<String>) -> Option<String> {
    batch.iter().enumerate().find_map(|(place, row)| bad(row).map(|field| format!("{name}[{place}].{field}")))
}

fn distinct<T: Ord>(ids: impl Iterator<Item = T>) -> u64 {
    u64::try_from(ids.collect::<BTreeSet<_>>().len()).expect("the number fits")
}

#[test]
fn every_function_has_a_property_that_gives_it_any_input() {
    let properties: String = files("tests/it/properties", ".rs").into_iter().map(|(_, text)| text).collect();
    let functions: Vec<_> = aggregates().iter().flat_map(|(_, rust)| functions(rust)).collect();

    let untried: Vec<_> = functions.iter().filter(|name| !properties.contains(&format!("db::{name}("))).collect();
    assert_eq!(untried, [""; 0]);
}
