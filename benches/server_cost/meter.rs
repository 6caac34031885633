//! Reads from the server's counters what calls cost.

use std::fmt::Write as _;
use std::time::Duration;

use clip_saver_db::{Db, Error};
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::common::numbers::{float, whole};
use crate::common::server::Server;

/// The first calls of a session: within six the server decides whether it plans a statement once or at every call.
const WARM_UP: u64 = 20;

const CALLS: u64 = 200;

const HEAD: &str = "| function | statements | rows | buffers | WAL bytes | HOT | plans | planning |\n\
    |---|---:|---:|---:|---:|---:|---:|---:|\n";

/// The statements that carry a function's name.
const STATEMENTS: &str = "select coalesce(sum(calls), 0)::float8, coalesce(sum(rows), 0)::float8,
       coalesce(sum(shared_blks_hit + shared_blks_read), 0)::float8, coalesce(sum(plans), 0)::float8,
       coalesce(100 * sum(total_plan_time) / sum(total_plan_time + total_exec_time), 0)::float8
from pg_stat_statements
where query ~ '/\\* [a-z_]+ \\*/'";

/// Measures functions, and collects a row for each.
pub struct Meter<'a> {
    server: &'a Server,
    observer: Client,
    table: String,
}

impl<'a> Meter<'a> {
    pub fn new(server: &'a Server, observer: Client) -> Self {
        Self { server, observer, table: HEAD.to_owned() }
    }

    pub fn into_table(self) -> String {
        self.table
    }

    /// Opens a `Db` with one connection.
    pub async fn open(&self) -> Db {
        self.server.open(1).await
    }

    /// Measures a function. Each call has its number, so that it can find rows of its own.
    pub async fn measure<T>(&mut self, name: &str, call: impl AsyncFn(&Db, u64) -> Result<T, Error>) {
        self.measure_calls(name, [WARM_UP, CALLS], call).await;
    }

    /// Measures a function that takes seconds.
    pub async fn measure_few<T>(&mut self, name: &str, call: impl AsyncFn(&Db, u64) -> Result<T, Error>) {
        self.measure_calls(name, [6, 2], call).await;
    }

    async fn measure_calls<T>(
        &mut self,
        name: &str,
        [warm_up, calls]: [u64; 2],
        call: impl AsyncFn(&Db, u64) -> Result<T, Error>,
    ) {
        let db = self.open().await;
        let updates = Updates::of(self).await;
        run(&db, 0..warm_up, &call).await;
        self.execute("select pg_stat_statements_reset()").await;
        let wal = self.wal().await;
        run(&db, warm_up..warm_up + calls, &call).await;
        let wal = (self.wal().await - wal) / float(calls);
        let [statements, rows, buffers, plans, planning] = self.numbers(STATEMENTS).await[..] else {
            panic!("{STATEMENTS}");
        };
        self.close(db).await;
        let hot = Updates::of(self).await.since(&updates);
        let [statements, rows, buffers, plans] =
            [statements, rows, buffers, plans].map(|count| mean(count / float(calls)));
        let wal = whole(wal);
        let planning = if plans == "0" { String::new() } else { format!("{planning:.0} %") };
        writeln!(self.table, "| {name} | {statements} | {rows} | {buffers} | {wal} | {hot} | {plans} | {planning} |")
            .expect("it is a string");
    }

    /// Closes a `Db`, and waits until its session has ended: it then has counted all of its updates.
    pub async fn close(&self, db: Db) {
        const OTHERS: &str = "select count(*)::float8 from pg_stat_activity
            where backend_type = 'client backend' and pid <> pg_backend_pid()";
        db.close().await;
        while self.numbers(OTHERS).await != [0.0] {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// The position in the WAL. All other programs are idle, so the difference of two positions is what the calls wrote.
    pub async fn wal(&self) -> f64 {
        self.numbers("select (pg_current_wal_insert_lsn() - '0/0')::float8").await[0]
    }

    pub async fn execute(&self, sql: &str) {
        self.observer.execute(sql, &[]).await.expect("the statement is right");
    }

    /// The columns of a query's only row.
    pub async fn numbers(&self, sql: &str) -> Vec<f64> {
        let row = self.observer.query_one(sql, &[]).await.expect("the query is right");
        (0..row.len()).map(|column| row.get(column)).collect()
    }
}

/// Updates of all tables, or of one, up to now.
pub struct Updates {
    all: f64,
    in_place: f64,
}

impl Updates {
    async fn of(meter: &Meter<'_>) -> Self {
        Self::read(meter, "true").await
    }

    pub async fn of_table(meter: &Meter<'_>, table: &str) -> Self {
        Self::read(meter, &format!("relname = '{table}'")).await
    }

    async fn read(meter: &Meter<'_>, condition: &str) -> Self {
        let sql = format!(
            "select sum(n_tup_upd)::float8, sum(n_tup_hot_upd)::float8 from pg_stat_user_tables where {condition}"
        );
        let counts = meter.numbers(&sql).await;
        Self { all: counts[0], in_place: counts[1] }
    }

    /// The share of updates that were in place (heap-only tuples), so that no index was written; empty if there were none.
    pub fn since(&self, before: &Self) -> String {
        let (all, in_place) = (self.all - before.all, self.in_place - before.in_place);
        if all == 0.0 { String::new() } else { format!("{:.0} %", 100.0 * in_place / all) }
    }
}

async fn run<T>(db: &Db, numbers: std::ops::Range<u64>, call: &impl AsyncFn(&Db, u64) -> Result<T, Error>) {
    for number in numbers {
        call(db, number).await.expect("the call succeeds");
    }
}

/// A mean: with one decimal if it is small and no whole number.
fn mean(number: f64) -> String {
    if number >= 100.0 { whole(number) } else { ((number * 10.0).round() / 10.0).to_string() }
}
