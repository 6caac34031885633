//! Spans, metrics and warnings: a span, a duration and a count for each call, a warning for a slow one, and the size of the
//! pool. Names follow OpenTelemetry's semantic conventions for database clients, where it has one. They never hold stored
//! values or parameters, except the warnings about rows that cannot be read: these show the row's key and value.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span, warn};

use crate::error::{Error, ErrorKind};

/// The names and metrics of a function's calls. `operation!` makes one for each function.
pub(crate) struct Operation {
    /// The function's name, which is also the query's.
    pub(crate) name: &'static str,
    /// The SQL verb: `SELECT`, `INSERT`, `UPDATE` or `DELETE`.
    pub(crate) verb: &'static str,
    pub(crate) calls: fn() -> Counter,
    pub(crate) duration: fn() -> Histogram,
}

/// How many rows a result holds or counts: one for a row or a computed value.
pub(crate) trait Rows {
    fn rows(&self) -> u64 {
        1
    }
}

impl Rows for () {}
impl Rows for i64 {}

impl Rows for bool {
    fn rows(&self) -> u64 {
        u64::from(*self)
    }
}

/// The number of rows that a batch wrote.
impl Rows for u64 {
    fn rows(&self) -> u64 {
        *self
    }
}

impl<T> Rows for Option<T> {
    fn rows(&self) -> u64 {
        u64::from(self.is_some())
    }
}

impl<T> Rows for Vec<T> {
    fn rows(&self) -> u64 {
        self.len() as u64
    }
}

impl Operation {
    /// Observes a call, and names the function in its error. The call is pinned where it is made: moving its future into this
    /// one's would take longer than observing it.
    pub(crate) async fn observe<T: Rows>(
        &'static self,
        slow: Option<Duration>,
        call: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Result<T, Error> {
        let (span, started) = (self.span(), Instant::now());
        let result = if span.is_disabled() { call.await } else { call.instrument(span.clone()).await };
        let result = result.map_err(|error| error.in_function(self.name));
        self.record_end(&span, started.elapsed(), slow, result.as_ref().map(Rows::rows));
        result
    }

    fn span(&self) -> Span {
        info_span!(
            "call",
            otel.name = self.name,
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = "postgresql",
            db.operation.name = self.verb,
            db.query.summary = self.name,
            db.response.returned_rows = Empty,
            db.response.status_code = Empty,
            error.type = Empty,
        )
    }

    fn record_end(&self, span: &Span, elapsed: Duration, slow: Option<Duration>, rows: Result<u64, &Error>) {
        (self.calls)().increment(1);
        (self.duration)().record(elapsed);
        match rows {
            Ok(rows) => _ = span.record("db.response.returned_rows", rows),
            Err(error) => self.record_error(span, error),
        }
        if slow.is_some_and(|slow| elapsed > slow) {
            let outcome = rows.map_or_else(|error| error.kind().as_str(), |_| "ok");
            span.in_scope(|| warn!(query = self.name, ?elapsed, rows = rows.ok(), outcome, "a slow call"));
        }
    }

    fn record_error(&self, span: &Span, error: &Error) {
        span.record("otel.status_code", "ERROR").record("error.type", error.kind().as_str());
        if let Some(code) = error.sqlstate() {
            span.record("db.response.status_code", code);
        }
        counter!(
            "db.client.operation.errors",
            "db.system.name" => "postgresql", "db.query.summary" => self.name, "error.type" => error.kind().as_str()
        )
        .increment(1);
    }
}

/// How many of a list's unreadable rows are logged one by one: it may have thousands.
const LOGGED_ROWS: u64 = 10;

/// Counts and logs the rows that one call of a list leaves out because they cannot be read.
pub(crate) struct SkippedRows {
    /// The function's name.
    name: &'static str,
    count: u64,
}

impl SkippedRows {
    pub(crate) fn of(name: &'static str) -> Self {
        Self { name, count: 0 }
    }

    /// Returns `None` for a row that cannot be read, and everything else unchanged.
    pub(crate) fn filter<T>(&mut self, row: Result<T, Error>) -> Option<Result<T, Error>> {
        match row {
            Err(error) if error.kind() == ErrorKind::UnreadableRow => {
                self.count += 1;
                if self.count <= LOGGED_ROWS {
                    let row = error.field();
                    warn!(query = self.name, row, %error, "left out a row that cannot be read: see `clip-db unreadable`");
                }
                None
            }
            row => Some(row),
        }
    }

    /// Ends the list.
    pub(crate) fn report(&self) {
        if self.count > LOGGED_ROWS {
            let more = self.count - LOGGED_ROWS;
            warn!(query = self.name, more, "left out more rows that cannot be read: see `clip-db unreadable`");
        }
        if self.count > 0 {
            counter!(
                "db.client.unreadable_rows",
                "db.system.name" => "postgresql", "db.query.summary" => self.name
            )
            .increment(self.count);
        }
    }
}

/// How many sessions the pools have.
pub(super) fn open_connections() -> Gauge {
    gauge!("db.client.connection.count", "db.system.name" => "postgresql")
}

fn waiting_calls() -> Gauge {
    gauge!("db.client.connection.pending_requests", "db.system.name" => "postgresql")
}

/// Counts the calls of a pool that wait for a connection, free or shared.
#[derive(Clone, Default)]
pub(crate) struct WaitingCalls(Arc<AtomicUsize>);

impl WaitingCalls {
    /// Counts a call until the returned value is dropped.
    pub(crate) fn add(&self) -> WaitingCall<'_> {
        waiting_calls().increment(1);
        self.0.fetch_add(1, Ordering::Relaxed);
        WaitingCall(&self.0)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) struct WaitingCall<'a>(&'a AtomicUsize);

impl Drop for WaitingCall<'_> {
    fn drop(&mut self) {
        waiting_calls().decrement(1);
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
