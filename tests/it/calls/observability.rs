//! What operators see: spans, warnings, metrics, the server's list of sessions, the health probe.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clip_saver_db::{ChannelId, Config, Db, ErrorKind, GuildId, GuildSnapshot, repositories as db};
use futures::FutureExt as _;
use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder};
use metrics::{SharedString, Unit};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};

use crate::support::races::LockHolder;
use crate::support::{TestDatabase, changed, config, connect, guild, value};

/// The recorded fields of each span and event. A span's id is its index plus 1.
#[derive(Clone, Default)]
pub struct Recording(Arc<Mutex<Vec<BTreeMap<String, String>>>>);

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl Subscriber for Recording {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("clip_saver_db")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = BTreeMap::from([("name".to_owned(), span.metadata().name().to_owned())]);
        span.record(&mut Fields(&mut fields));
        let mut recording = self.0.lock().unwrap();
        recording.push(fields);
        Id::from_u64(recording.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let place = usize::try_from(span.into_u64()).unwrap() - 1;
        values.record(&mut Fields(&mut self.0.lock().unwrap()[place]));
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = BTreeMap::from([("level".to_owned(), event.metadata().level().to_string())]);
        event.record(&mut Fields(&mut fields));
        self.0.lock().unwrap().push(fields);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Recording {
    /// Starts recording in this thread.
    pub fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let recording = Self::default();
        (recording.clone(), tracing::subscriber::set_default(recording))
    }

    fn spans(&self) -> Vec<BTreeMap<String, String>> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|fields| fields.get("name").is_some_and(|name| name == "call"))
            .cloned()
            .collect()
    }

    pub fn warnings(&self) -> Vec<BTreeMap<String, String>> {
        let recording = self.0.lock().unwrap();
        recording.iter().filter(|fields| fields.get("level").is_some_and(|level| level == "WARN")).cloned().collect()
    }
}

/// Asserts the values of named fields. `""` stands for a field that is missing.
pub fn assert_fields(fields: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(fields.get(*name).map_or("", String::as_str), *value, "{name} of {fields:?}");
    }
}

#[tokio::test]
async fn a_call_is_one_span_with_opentelemetrys_names_and_without_values() {
    let database = TestDatabase::new().await;
    let (recording, _guard) = Recording::start();
    let snapshots = [GuildSnapshot::new(4711.into(), "secret"), GuildSnapshot::new(4712.into(), "secret")];

    db::upsert_guilds(&*database, &snapshots).await.unwrap();

    let spans = recording.spans();
    assert_eq!(spans.len(), 1, "{spans:?}");
    let expected = [
        ("otel.name", "upsert_guilds"),
        ("otel.kind", "client"),
        ("db.system.name", "postgresql"),
        ("db.operation.name", "INSERT"),
        ("db.query.summary", "upsert_guilds"),
        ("db.response.returned_rows", "2"),
        ("otel.status_code", ""),
        ("error.type", ""),
    ];
    assert_fields(&spans[0], &expected);
    let shown = format!("{:?}", recording.0.lock().unwrap());
    assert!(!shown.contains("4711") && !shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn the_span_of_a_call_that_fails_names_the_kind_of_error() {
    let database = TestDatabase::new().await;
    let (recording, _guard) = Recording::start();
    let unknown_owner = changed!(GuildSnapshot::new(1.into(), "x"), owner_user_id = Some(7.into()));

    db::upsert_guild(&*database, &unknown_owner).await.unwrap_err();

    let expected = [
        ("otel.status_code", "ERROR"),
        ("error.type", "foreign_key_violation"),
        ("db.response.status_code", "23503"),
        ("db.response.returned_rows", ""),
    ];
    assert_fields(&recording.spans()[0], &expected);
}

#[tokio::test]
async fn the_span_of_a_read_holds_the_number_of_rows() {
    let database = TestDatabase::new().await;
    for id in 1..=3 {
        guild(&database, id).await;
    }
    let (recording, _guard) = Recording::start();

    db::get_guilds(&*database).await.unwrap();
    db::get_guild(&*database, 1.into()).await.unwrap();
    db::get_guild(&*database, 404.into()).await.unwrap();
    db::count_channels_by_guild(&*database, 1.into()).await.unwrap();

    let rows: Vec<_> = recording.spans().iter().map(|span| span["db.response.returned_rows"].clone()).collect();
    assert_eq!(rows, ["3", "1", "0", "1"]);
}

async fn pool_with_slow_query_ms(database: &TestDatabase, milliseconds: u64) -> Db {
    let mut config = config(&database.name);
    config.slow_query = Some(Duration::from_millis(milliseconds));
    Db::connect(config).await.unwrap()
}

#[tokio::test]
async fn a_slow_call_logs_a_warning_and_a_fast_one_does_not() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let slow = pool_with_slow_query_ms(&database, 50).await;
    let fast = pool_with_slow_query_ms(&database, 60_000).await;
    let lock = LockHolder::new(&database, "select from bot_guilds where guild_id = '1' for update").await;
    let (recording, _guard) = Recording::start();

    let waiting = async {
        lock.wait_until_blocked(2).await;
        tokio::time::sleep(Duration::from_millis(50)).await; // the promise is about time, so the test must wait
        lock.rollback().await;
    };
    let guild = GuildId::from(1);
    let (one, other, ()) = tokio::join!(db::touch_guild(&slow, guild), db::touch_guild(&fast, guild), waiting);

    assert!(one.unwrap() && other.unwrap());
    let warnings = recording.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_fields(&warnings[0], &[("query", "touch_guild"), ("outcome", "ok"), ("rows", "1")]);
}

#[tokio::test]
async fn the_server_shows_the_programs_name() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let url = url.trim_end_matches('?');
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{mark}application_name=the%20worker");
    let config: Config = url.parse().unwrap();
    let worker = Db::connect(config).await.unwrap();
    db::get_guilds(&worker).await.unwrap();
    db::get_guilds(&*database).await.unwrap();

    let names = "select string_agg(distinct application_name, '|' order by application_name) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()";
    let names = value(&connect(&database.url()).await, names).await.unwrap();

    let own = std::env::current_exe().unwrap().file_stem().unwrap().to_str().unwrap().to_owned();
    assert!(names.contains("the worker") && names.contains(&own), "{names}");
}

#[tokio::test]
async fn the_health_probe_reports_the_pools_state() {
    let database = TestDatabase::new().await;
    let mut config = config(&database.name);
    config.pool_max = 3;
    let small = Db::connect(config).await.unwrap();
    let _taken = small.connection().await.unwrap();

    let health = small.health().await.unwrap();

    assert_eq!((health.connections, health.most_connections, health.waiting), (2, 3, 0));
    assert!(!health.is_read_only);
}

#[tokio::test]
async fn the_health_probe_fails_when_no_connection_comes_free() {
    let database = TestDatabase::new().await;
    let mut config = config(&database.name);
    (config.pool_max, config.acquire_timeout) = (1, Duration::from_millis(50));
    let small = Db::connect(config).await.unwrap();
    let _taken = small.connection().await.unwrap();

    let error = small.health().await.unwrap_err();

    assert!(error.kind() == ErrorKind::PoolTimeout && error.function() == Some("health"), "{error:?}");
}

/// The metrics' values, by metric name and label values.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<BTreeMap<String, f64>>>);

struct Metric(String, Metrics);

impl Metric {
    fn add(&self, number: f64) {
        *self.1.0.lock().unwrap().entry(self.0.clone()).or_default() += number;
    }
}

impl CounterFn for Metric {
    fn increment(&self, number: u64) {
        self.add(f64::from(u32::try_from(number).unwrap()));
    }

    fn absolute(&self, _: u64) {}
}

impl GaugeFn for Metric {
    fn increment(&self, number: f64) {
        self.add(number);
    }

    fn decrement(&self, number: f64) {
        self.add(-number);
    }

    fn set(&self, number: f64) {
        self.1.0.lock().unwrap().insert(self.0.clone(), number);
    }
}

/// Counts how often a value was recorded.
impl HistogramFn for Metric {
    fn record(&self, _: f64) {
        self.add(1.0);
    }
}

impl Metrics {
    fn metric(&self, key: &Key) -> Arc<Metric> {
        let labels = key.labels().map(metrics::Label::value).filter(|value| *value != "postgresql");
        let name: Vec<&str> = std::iter::once(key.name()).chain(labels).collect();
        Arc::new(Metric(name.join(" "), self.clone()))
    }

    pub fn of(&self, name: &str) -> String {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default().to_string()
    }
}

impl Recorder for Metrics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.metric(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.metric(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.metric(key))
    }
}

#[tokio::test]
async fn calls_errors_durations_connections_and_waiters_are_counted() {
    let database = TestDatabase::new().await;
    let counted = Metrics::default();
    let _recorder = metrics::set_default_local_recorder(&counted);
    let mut config = config(&database.name);
    (config.pool_max, config.acquire_timeout) = (2, Duration::from_millis(50));
    let small = Db::connect(config).await.unwrap();
    let unknown_owner = changed!(GuildSnapshot::new(1.into(), "x"), owner_user_id = Some(7.into()));

    guild(&small, 1).await;
    db::upsert_guild(&small, &unknown_owner).await.unwrap_err();
    let taken = (small.connection().await.unwrap(), small.connection().await.unwrap());
    db::increment_channel_message_count(&small, ChannelId::from(1), 1).await.unwrap_err();

    assert_eq!(counted.of("db.client.operation.calls INSERT upsert_guild"), "2");
    assert_eq!(counted.of("db.client.operation.duration INSERT upsert_guild"), "2");
    assert_eq!(counted.of("db.client.operation.errors upsert_guild foreign_key_violation"), "1");
    assert_eq!(counted.of("db.client.operation.errors increment_channel_message_count pool_timeout"), "1");
    assert_eq!(counted.of("db.client.connection.count"), "2");
    assert_eq!(counted.of("db.client.connection.pending_requests"), "0", "no call waits any more");
    let mut waiting = Box::pin(db::increment_channel_message_count(&small, ChannelId::from(1), 1));
    assert!(waiting.as_mut().now_or_never().is_none(), "all connections are taken");
    assert_eq!(counted.of("db.client.connection.pending_requests"), "1");
    drop((waiting, taken));
    assert_eq!(counted.of("db.client.connection.pending_requests"), "0");
    small.close().await;
    assert_eq!(counted.of("db.client.connection.count"), "0");
}
