//! Every measured operation, through this crate and by hand.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};

use clip_saver_db::{ChannelId, Db, GuildId, MessageId, ScanIncrement, repositories as db};
use futures::future::{join_all, try_join_all};
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};
use tokio::{spawn, try_join};
use tokio_postgres::{Client, Transaction};

use super::data::{BUSY, CHANNELS, SIZES, channel_id, channels, guild};
use super::hand_written::{self, Statements};
use super::server::Server;

/// Calls in one transaction.
const IN_TRANSACTION: u64 = 10;

/// Connections that parallel tasks use.
const CONNECTIONS: usize = 8;

/// A row of the table: an operation and its targets in comparison with hand-written code.
pub struct Operation {
    pub name: String,
    /// For wall time and client CPU time; `None` for another way to write it by hand.
    pub targets: Option<[f64; 2]>,
}

/// What a bench does with each operation. The functions run it as many times as they are told.
pub trait Bench {
    fn bench(&mut self, operation: Operation, ours: impl AsyncFn(u64), by_hand: impl AsyncFn(u64));
}

/// This crate's handle and the hand-written program, on one server.
pub struct Sides {
    db: Db,
    client: Client,
    statements: Statements,
    turns: Turns,
    one: Arc<(Client, Statements)>,
    calls: AtomicU64,
}

impl Sides {
    /// Connects both.
    pub async fn connect(server: &Server) -> Self {
        let (client, statements) = connection(server).await;
        let db = server.open(CONNECTIONS).await;
        let (turns, one) = (Turns::connect(server).await, Arc::new(connection(server).await));
        Self { db, client, statements, turns, one, calls: AtomicU64::new(0) }
    }

    /// Measures every operation.
    pub fn bench(&mut self, bench: &mut impl Bench) {
        self.one_at_a_time(bench);
        self.in_a_transaction(bench);
        self.lists(bench);
        self.lists_of_text(bench);
        self.batches(bench);
        self.scan_run(bench);
        for (tasks, wall_of_writes) in [(16, 1.00), (64, 1.05)] {
            self.tasks(tasks, wall_of_writes, bench);
        }
    }

    /// A number that grows with every call: channels are used in turn, cursors move forward.
    fn next(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    fn one_at_a_time(&self, bench: &mut impl Bench) {
        let Self { db, client, statements, .. } = self;
        bench.bench(
            operation("get_guild_settings", 1.05, 1.10),
            async |times| {
                for _ in 0..times {
                    settings(db).await;
                }
            },
            async |times| {
                for _ in 0..times {
                    settings_by_hand(client, statements).await;
                }
            },
        );
        let guild = guild(10);
        bench.bench(
            operation("upsert_guild", 1.05, 1.05),
            async |times| {
                for _ in 0..times {
                    db::upsert_guild(db, &guild).await.expect("written");
                }
            },
            async |times| {
                for _ in 0..times {
                    statements.upsert_guild(client, &guild).await.expect("written");
                }
            },
        );
        bench.bench(
            operation("update_channel_progress", 1.05, 1.05),
            async |times| {
                for _ in 0..times {
                    progress(db, self.next()).await;
                }
            },
            async |times| {
                for _ in 0..times {
                    progress_by_hand(client, statements, self.next()).await;
                }
            },
        );
    }

    fn in_a_transaction(&mut self, bench: &mut impl Bench) {
        let Self { db, client, statements, calls, .. } = self;
        // The sides never run at the same time, but the borrow checker cannot know that.
        let client = &Mutex::new(client);
        let guild = guild(10);
        let number = || calls.fetch_add(1, Ordering::Relaxed);
        bench.bench(
            operation("10 × get_guild_settings in a transaction", 1.05, 1.10),
            async |times| {
                let read = async |on: &clip_saver_db::Transaction| settings(on).await;
                ten_a_transaction(db, times, read).await;
            },
            async |times| {
                let read = async |on: &Transaction<'_>| settings_by_hand(on, statements).await;
                in_transactions_by_hand(client, times, IN_TRANSACTION, read).await;
            },
        );
        bench.bench(
            operation("10 × upsert_guild in a transaction", 1.05, 1.10),
            async |times| {
                let write =
                    async |on: &clip_saver_db::Transaction| db::upsert_guild(on, &guild).await.expect("written");
                ten_a_transaction(db, times, write).await;
            },
            async |times| {
                let write = async |on: &Transaction<'_>| statements.upsert_guild(on, &guild).await.expect("written");
                in_transactions_by_hand(client, times, IN_TRANSACTION, write).await;
            },
        );
        bench.bench(
            operation("10 × update_channel_progress in a transaction", 1.05, 1.10),
            async |times| {
                let write = async |on: &clip_saver_db::Transaction| progress(on, number()).await;
                ten_a_transaction(db, times, write).await;
            },
            async |times| {
                let write = async |on: &Transaction<'_>| progress_by_hand(on, statements, number()).await;
                in_transactions_by_hand(client, times, IN_TRANSACTION, write).await;
            },
        );
    }

    fn lists(&self, bench: &mut impl Bench) {
        let Self { db, client, statements, .. } = self;
        for (size, wall, cpu) in [(SIZES[0], 1.05, 1.00), (SIZES[1], 0.80, 0.65), (SIZES[2], 0.70, 0.50)] {
            let text = size.to_string();
            bench.bench(
                operation(format!("get_channels_by_guild, {size} rows"), wall, cpu),
                async |times| {
                    for _ in 0..times {
                        let list = db::get_channels_by_guild(db, GuildId::from(size)).await.expect("read");
                        assert_eq!(black_box(list).len() as u64, size);
                    }
                },
                async |times| {
                    for _ in 0..times {
                        let list =
                            statements.get_channels_by_guild(client, &text, hand_written::parsed).await.expect("read");
                        assert_eq!(black_box(list).len() as u64, size);
                    }
                },
            );
        }
    }

    /// The hand-written side does not parse the JSON. This crate parses it only when a value is asked for.
    fn lists_of_text(&self, bench: &mut impl Bench) {
        let (Self { db, client, statements, .. }, size) = (self, SIZES[2]);
        let text = size.to_string();
        bench.bench(
            other_way(format!("get_channels_by_guild, {size} rows; by hand with JSON as text")),
            async |times| {
                for _ in 0..times {
                    black_box(db::get_channels_by_guild(db, GuildId::from(size)).await.expect("read"));
                }
            },
            async |times| {
                for _ in 0..times {
                    black_box(statements.get_channels_by_guild(client, &text, hand_written::text).await.expect("read"));
                }
            },
        );
    }

    fn batches(&self, bench: &mut impl Bench) {
        let Self { db, client, statements, .. } = self;
        for (size, wall) in [(10, 1.10), (1_000, 1.07)] {
            let guilds: Vec<_> = (100_000..100_000 + size).map(guild).collect();
            bench.bench(
                operation(format!("upsert_guilds, {size} rows"), wall, 1.10),
                async |times| {
                    for _ in 0..times {
                        assert_eq!(db::upsert_guilds(db, &guilds).await.expect("written"), size);
                    }
                },
                async |times| {
                    for _ in 0..times {
                        assert_eq!(statements.upsert_guilds(client, &guilds).await.expect("written"), size);
                    }
                },
            );
        }
        for (size, wall) in SIZES.into_iter().zip([1.10, 1.07, 1.07]) {
            let (text, channels) = (size.to_string(), channels(size, size));
            let overrides: Vec<Value> = channels
                .iter()
                .filter_map(|channel| channel.settings_overrides.as_ref())
                .map(|overrides| overrides.parse().expect("an object"))
                .collect();
            bench.bench(
                operation(format!("upsert_channels_for_guild, {size} rows"), wall, 1.10),
                async |times| {
                    for _ in 0..times {
                        let written = db::upsert_channels_for_guild(db, GuildId::from(size), &channels).await;
                        assert_eq!(written.expect("written"), size);
                    }
                },
                async |times| {
                    for _ in 0..times {
                        let written = statements.upsert_channels_for_guild(client, &text, &channels, &overrides).await;
                        assert_eq!(written.expect("written"), size);
                    }
                },
            );
        }
    }

    fn scan_run(&mut self, bench: &mut impl Bench) {
        let Self { db, client, statements, .. } = self;
        let client = &Mutex::new(client);
        let ours = async |times| {
            for _ in 0..times {
                scan(db).await.expect("scanned");
            }
        };
        bench.bench(
            operation("a scan run of 13 statements in a transaction, joined", 0.45, 0.65),
            ours,
            async |times| {
                let scan = async |on: &Transaction<'_>| scan_by_hand(on, statements).await.expect("scanned");
                in_transactions_by_hand(client, times, 1, scan).await;
            },
        );
        bench.bench(other_way("the same; by hand joined too"), ours, async |times| {
            let scan = async |on: &Transaction<'_>| scan_joined_by_hand(on, statements).await.expect("scanned");
            in_transactions_by_hand(client, times, 1, scan).await;
        });
    }

    fn tasks(&self, tasks: u64, wall_of_writes: f64, bench: &mut impl Bench) {
        let Self { db, turns, one, .. } = self;
        bench.bench(
            operation(format!("get_guild_settings, {tasks} tasks"), 0.70, 0.85),
            async |times| in_tasks(tasks, |_| read(db.clone(), times)).await,
            async |times| in_tasks(tasks, |_| read_by_hand(turns.clone(), times)).await,
        );
        bench.bench(
            other_way(format!("get_guild_settings, {tasks} tasks; by hand on one connection that all share")),
            async |times| in_tasks(tasks, |_| read(db.clone(), times)).await,
            async |times| in_tasks(tasks, |_| read_shared_by_hand(one.clone(), times)).await,
        );
        bench.bench(
            operation(format!("update_channel_progress, {tasks} tasks"), wall_of_writes, 1.10),
            async |times| in_tasks(tasks, |task| write(db.clone(), task, times)).await,
            async |times| in_tasks(tasks, |task| write_by_hand(turns.clone(), task, times)).await,
        );
    }
}

/// Runs this many tasks at once, to their end.
async fn in_tasks<F: Future<Output = ()> + Send + 'static>(tasks: u64, task: impl Fn(u64) -> F) {
    let running: Vec<_> = (0..tasks).map(|number| spawn(task(number))).collect();
    for task in running {
        task.await.expect("it does not panic");
    }
}

async fn read(db: Db, times: u64) {
    for _ in 0..times {
        settings(&db).await;
    }
}

async fn read_by_hand(turns: Turns, times: u64) {
    for _ in 0..times {
        let (client, statements) = turns.take().await;
        settings_by_hand(&client, &statements).await;
        turns.give_back((client, statements));
    }
}

async fn read_shared_by_hand(one: Arc<(Client, Statements)>, times: u64) {
    for _ in 0..times {
        settings_by_hand(&one.0, &one.1).await;
    }
}

/// Each task has a channel of its own.
async fn write(db: Db, task: u64, times: u64) {
    for cursor in 0..times {
        progress(&db, task + cursor * CHANNELS).await;
    }
}

async fn write_by_hand(turns: Turns, task: u64, times: u64) {
    for cursor in 0..times {
        let (client, statements) = turns.take().await;
        progress_by_hand(&client, &statements, task + cursor * CHANNELS).await;
        turns.give_back((client, statements));
    }
}

/// Connections that are checked out in turn, for one call each.
#[derive(Clone)]
struct Turns(Arc<(Semaphore, StdMutex<Connections>)>);

type Connections = Vec<(Client, Statements)>;

impl Turns {
    async fn connect(server: &Server) -> Self {
        let connections = join_all((0..CONNECTIONS).map(|_| connection(server))).await;
        Self(Arc::new((Semaphore::new(CONNECTIONS), StdMutex::new(connections))))
    }

    async fn take(&self) -> (Client, Statements) {
        self.0.0.acquire().await.expect("nobody closes it").forget();
        self.0.1.lock().expect("nobody panics").pop().expect("a permit stands for a connection")
    }

    fn give_back(&self, connection: (Client, Statements)) {
        self.0.1.lock().expect("nobody panics").push(connection);
        self.0.0.add_permits(1);
    }
}

async fn connection(server: &Server) -> (Client, Statements) {
    let client = server.connect().await;
    let statements = Statements::prepare(&client).await.expect("the statements are right");
    (client, statements)
}

fn operation(name: impl Into<String>, wall: f64, cpu: f64) -> Operation {
    Operation { name: name.into(), targets: Some([wall, cpu]) }
}

fn other_way(name: impl Into<String>) -> Operation {
    Operation { name: name.into(), targets: None }
}

async fn settings(client: &impl clip_saver_db::Client) {
    black_box(db::get_guild_settings(client, GuildId::from(10)).await.expect("read").expect("there"));
}

async fn settings_by_hand(client: &impl tokio_postgres::GenericClient, statements: &Statements) {
    black_box(statements.get_guild_settings(client, "10").await.expect("read").expect("there"));
}

async fn ten_a_transaction(db: &Db, times: u64, call: impl AsyncFn(&clip_saver_db::Transaction)) {
    for _ in 0..times {
        let transaction = db.begin().await.expect("begun");
        for _ in 0..IN_TRANSACTION {
            call(&transaction).await;
        }
        transaction.commit().await.expect("committed");
    }
}

async fn in_transactions_by_hand(
    client: &Mutex<&mut Client>,
    times: u64,
    calls: u64,
    call: impl AsyncFn(&Transaction<'_>),
) {
    let mut client = client.lock().await;
    for _ in 0..times {
        let transaction = client.transaction().await.expect("begun");
        for _ in 0..calls {
            call(&transaction).await;
        }
        transaction.commit().await.expect("committed");
    }
}

async fn progress(client: &impl clip_saver_db::Client, call: u64) {
    let channel = ChannelId::from(channel_id(BUSY, call % CHANNELS));
    let known = db::update_channel_progress(client, channel, MessageId::from(1_000_000 + call), 1).await;
    assert!(known.expect("written"), "the channel is there");
}

async fn progress_by_hand(client: &impl tokio_postgres::GenericClient, statements: &Statements, call: u64) {
    let (channel, message) = (channel_id(BUSY, call % CHANNELS).to_string(), (1_000_000 + call).to_string());
    let known = statements.update_channel_progress(client, &channel, &message, 1).await;
    assert!(known.expect("written"), "the channel is there");
}

/// Joins the calls that need no answer of another call: their statements are sent together.
async fn scan(db: &Db) -> Result<(), clip_saver_db::Error> {
    let transaction = db.begin().await?;
    let channel = ChannelId::from(channel_id(BUSY, 0));
    let run = db::enqueue_scan_run(&transaction, channel).await?.expect("the channel is reading");
    let increment = ScanIncrement::scanned(100).with_matched(7);
    try_join!(
        biased; // the first error, in statement order, is the cause of the others
        db::mark_scan_started(&transaction, run),
        try_join_all((0..10).map(|_| db::update_scan_progress(&transaction, run, increment))),
        db::mark_scan_succeeded(&transaction, run),
    )?;
    transaction.commit().await
}

async fn scan_by_hand(transaction: &Transaction<'_>, statements: &Statements) -> Result<(), tokio_postgres::Error> {
    let run = statements.enqueue_scan_run(transaction, &channel_id(BUSY, 0).to_string()).await?;
    statements.mark_scan_started(transaction, run).await?;
    for _ in 0..10 {
        statements.update_scan_progress(transaction, run, 100, 7).await?;
    }
    statements.mark_scan_succeeded(transaction, run).await?;
    Ok(())
}

async fn scan_joined_by_hand(
    transaction: &Transaction<'_>,
    statements: &Statements,
) -> Result<(), tokio_postgres::Error> {
    let run = statements.enqueue_scan_run(transaction, &channel_id(BUSY, 0).to_string()).await?;
    try_join!(
        biased;
        statements.mark_scan_started(transaction, run),
        try_join_all((0..10).map(|_| statements.update_scan_progress(transaction, run, 100, 7))),
        statements.mark_scan_succeeded(transaction, run),
    )?;
    Ok(())
}
