//! Shared scans while everything fails: worker processes are killed, stand still for longer than their lease and lose
//! connections, the server is killed, and a bot records live messages and deletions. At the end every message has counted once,
//! and every clip is stored once.

use std::ops::RangeInclusive;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clip_saver_db::{ChannelSnapshot, Db, GuildId, GuildSnapshot, ScanWorker, repositories as db};
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use crate::cut::PLACES;
use crate::ledger::report;
use crate::proxy::{Flight, Proxy};
use crate::rig::{Rig, TEST_TIMEOUT, connect, send_command, shared_server, times, wait_until_true};
use crate::scan_bot::{Bot, request};
use crate::scan_source::{Source, clips_of};
use crate::scan_worker::{Habits, LEASE, spawn};
use crate::server::Server;

const WORKERS: usize = 8;
const GUILDS: u64 = 3;
const CHANNELS: u64 = 12;
const MESSAGES: u64 = 20_000 / CHANNELS;

/// A process that stands still for this long has lost its claims.
const STANDSTILL: Duration = LEASE.saturating_mul(2);

/// How many pages the workers read between two faults.
const PAGES: u64 = 20;

#[derive(Clone, Copy)]
enum Fault {
    KilledWorker,
    Standstill,
    KilledServer,
    CutConnection,
}

/// All faults, in random order.
fn faults() -> Vec<Fault> {
    let counts = [
        (Fault::KilledWorker, times(20)),
        (Fault::Standstill, times(5)),
        (Fault::KilledServer, times(1)),
        (Fault::CutConnection, times(10)),
    ];
    let mut faults: Vec<_> = counts.into_iter().flat_map(|(fault, count)| (0..count).map(move |_| fault)).collect();
    faults.shuffle(&mut rand::rng());
    faults
}

/// The worker processes.
struct Workers {
    url: String,
    source: u16,
    processes: Vec<Child>,
}

impl Workers {
    fn start(url: String, source: u16) -> Self {
        let processes = (0..WORKERS).map(|_| spawn(&url, source, Habits::Mixed)).collect();
        Self { url, source, processes }
    }

    /// Kills a worker, and starts another one.
    fn kill_one(&mut self) {
        let place = rand::random_range(0..WORKERS);
        let worker = &mut self.processes[place];
        assert!(
            worker.try_wait().expect("it is our child").is_none(),
            "a worker has ended by itself: see its output above"
        );
        worker.kill().expect("it runs");
        worker.wait().expect("it is our child");
        self.processes[place] = spawn(&self.url, self.source, Habits::Mixed);
    }

    /// Lets a worker stand still.
    async fn stop_one(&self) {
        let worker = self.processes.choose(&mut rand::rng()).expect("there are workers").id();
        signal("STOP", worker);
        sleep(STANDSTILL).await;
        signal("CONT", worker);
    }

    /// Lets each worker hand back what it has begun and end.
    fn end(self) {
        for mut worker in self.processes {
            drop(worker.stdin.take());
            assert!(worker.wait().expect("it is our child").success(), "a worker has failed: see its output above");
        }
    }
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().expect("kill is there");
    assert!(sent.success(), "{name} {process}");
}

fn channels() -> RangeInclusive<u64> {
    1..=CHANNELS
}

/// Stores guilds and channels, and a table in which workers note their pages.
async fn set_up(rig: &Rig) {
    for guild in 1..=GUILDS {
        db::upsert_guild(&rig.db, &GuildSnapshot::new(guild.into(), "guild")).await.unwrap();
        let of_guild = channels().filter(|channel| channel % GUILDS + 1 == guild);
        let of_guild: Vec<_> = of_guild.map(|id| ChannelSnapshot::new(id.into(), "channel", "text")).collect();
        db::upsert_channels_for_guild(&rig.db, GuildId::from(guild), &of_guild).await.unwrap();
    }
    rig.execute("create table page_writes (token bigint, current bigint)").await;
}

/// Reads everything once more, and waits until no run is left.
async fn drain(db: &Db, client: &Client) {
    const IS_EMPTY: &str = "select pg_sleep(0.05) is not null and not exists (select from bot_channel_scan_runs where status in ('queued', 'running'))";
    wait_until_true(client, IS_EMPTY).await;
    for channel in channels() {
        request(db, channel).await;
    }
    wait_until_true(client, IS_EMPTY).await;
}

/// Compares what is stored with the messages that are there.
async fn assert_exact(client: &Client, source: &Source) {
    let sql = "select channel_id::bigint, message_count from bot_channels order by 1";
    let counted = client.query(sql, &[]).await.unwrap();
    let counted = counted.iter().map(|row| (row.get::<_, i64>(0), row.get::<_, i64>(1)));
    let messages = source.messages();
    let there = messages.iter().map(|(channel, ids)| (channel.cast_signed(), i64::try_from(ids.len()).unwrap()));
    assert_eq!(counted.collect::<Vec<_>>(), there.collect::<Vec<_>>(), "each message counts once");

    let sql = "select attachment_id from bot_clips where deleted_at is null order by 1";
    let stored: Vec<u64> =
        client.query(sql, &[]).await.unwrap().iter().map(|row| row.get::<_, i64>(0).cast_unsigned()).collect();
    let mut clips: Vec<_> = messages.values().flatten().flat_map(|id| clips_of(*id)).collect();
    clips.sort_unstable();
    assert!(stored == clips, "each clip is stored once: {} stored of {}", stored.len(), clips.len());

    let sql = "select count(*) from bot_channel_scan_runs where status <> 'succeeded'";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0, "each run has succeeded");
}

/// Each page that was noted was written by the claim that the run had. Returns how many were noted.
async fn assert_fenced(client: &Client, source: &Source) -> i64 {
    let sql = "select count(*), count(*) filter (where token <> current) from page_writes";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(1), 0, "of {} pages, lost claims wrote none", row.get::<_, i64>(0));
    assert_eq!(source.shared_claims(), [""; 0], "each claim has one worker");
    row.get(0)
}

async fn cause(fault: Fault, workers: &mut Workers, server: &mut Server, proxy: &Proxy, cuts: &mut u64) {
    match fault {
        Fault::KilledWorker => workers.kill_one(),
        Fault::Standstill => workers.stop_one().await,
        Fault::KilledServer => ["kill", "start"].into_iter().for_each(|command| send_command(server, command)),
        Fault::CutConnection => {
            *cuts += 1;
            proxy.cut_next(Flight::Run, *PLACES.choose(&mut rand::rng()).expect("there are places"));
            proxy.wait_for_cuts(*cuts).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_counts_once_and_every_clip_is_stored_once_whatever_fails() {
    let mut server = Server::start(&["synchronous_commit=on"]);
    let rig = Rig::new(&server.url).await;
    set_up(&rig).await;
    let proxy = Proxy::to(&rig.url).await;
    let source = Arc::new(Source::start(channels(), MESSAGES).await);
    let mut workers = Workers::start(proxy.url(&rig.url), source.port);
    let is_over = Arc::new(AtomicBool::new(false));
    let bot = tokio::spawn(Bot::new(rig.db.clone(), source.clone(), CHANNELS).run(is_over.clone()));

    let (faults, mut cuts) = (faults(), 0);
    for fault in &faults {
        source.wait_for_pages(PAGES).await;
        cause(*fault, &mut workers, &mut server, &proxy, &mut cuts).await;
    }

    is_over.store(true, Ordering::Relaxed);
    let bot = bot.await.expect("the bot does not fail");
    let client = connect(&rig.url).await;
    drain(&rig.db, &client).await;
    tokio::task::block_in_place(|| workers.end());
    let noted = assert_fenced(&client, &source).await;
    assert_exact(&client, &source).await;
    report(&format!(
        "{} faults of {WORKERS} workers, their connections and the server: {} pages read in {} claims, {} times told \
         lost, {} messages posted and {} deleted meanwhile; wrong counts 0, clips missing, doubled or back 0, runs left 0, pages written by a lost claim 0 of {noted}",
        faults.len(),
        source.pages(),
        source.claims(),
        source.lost(),
        bot.posted,
        bot.deleted,
    ));
}

/// What the page of a lost claim would change.
const STORED: &str = "select json_build_array(
    (select json_agg(c order by channel_id) from bot_channels c),
    (select json_agg(v order by channel_id) from bot_channel_coverage v),
    (select json_agg(r order by id) from bot_channel_scan_runs r),
    (select json_agg(k order by attachment_id) from bot_clips k))::text";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stood_still_for_longer_than_its_lease_is_told_so_at_its_next_write_and_stores_nothing() {
    let rig = Rig::new(shared_server()).await;
    set_up(&rig).await;
    let source = Source::start(channels(), MESSAGES).await;
    let mut stalled = spawn(&rig.url, source.port, Habits::Steady);
    request(&rig.db, 1).await;
    source.wait_for_pages(5).await;

    signal("STOP", stalled.id());
    let other = ScanWorker::new("other");
    let taken_over = async {
        loop {
            if let Some(claim) = db::claim_scan_runs(&rig.db, &other, 1, TEST_TIMEOUT).await.unwrap().pop() {
                return claim;
            }
        }
    };
    let claim = timeout(TEST_TIMEOUT, taken_over).await.expect("the lease expires");
    let client = connect(&rig.url).await;
    let stored: String = client.query_one(STORED, &[]).await.unwrap().get(0);
    signal("CONT", stalled.id());
    source.wait_for_loss().await;

    assert_eq!(client.query_one(STORED, &[]).await.unwrap().get::<_, String>(0), stored);
    assert!(db::complete_scan(&rig.db, &claim).await.unwrap());
    stalled.kill().unwrap();
    stalled.wait().unwrap();
}
