//! How the time of calls grows with the scan runs in the table. None should grow.

use std::time::Duration;

use clip_saver_db::{ChannelId, Db, ScanIncrement, ScanRunId, repositories as db};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::common::data::channel_id;
use crate::common::server::Server;
use crate::curves::{Curves, Unit};
use crate::rounds::{rounds, took};

const SIZES: [u64; 4] = [10, 1000, 100_000, 1_000_000];

/// Runs of each channel, while there are enough channels.
const RUNS: u64 = 20;

/// The most channels that have runs.
const CHANNELS: u64 = 1000;

/// The most runs that are measured in turn.
const SAMPLE: u64 = 1000;

/// The limit passed to `get_scan_runs`.
const LIMIT: u32 = 20;

/// Inserts $1 channels; their ids begin at $2.
const CHANNELS_SQL: &str = "
with guild as (
  insert into bot_guilds (guild_id, name) values ('1', 'guild') returning guild_id
)
insert into bot_channels (channel_id, guild_id, name, type, is_reading, last_message_id)
select $2::bigint + n, guild_id, 'channel-' || n, 'text', true, n from guild, generate_series(0, $1::bigint - 1) n";

/// Inserts $1 finished runs of yesterday and before, spread over $2 channels whose ids begin at $3.
const RUNS_SQL: &str = "
insert into bot_channel_scan_runs (channel_id, after_message_id, status, messages_scanned, messages_matched, started_at,
                                   finished_at, created_at)
select $3::bigint + n % $2::bigint, n, 'succeeded', n % 1000, n % 10, at, at, at
from generate_series(1, $1::bigint) n, lateral (select now() - interval '1 day' - n * interval '1 second') as t (at)";

/// Selects $1 runs at random.
const SAMPLE_SQL: &str = "select id from bot_channel_scan_runs order by md5(id::text) limit $1::bigint";

/// Queues the runs again for `mark_scan_started`.
const QUEUE_SQL: &str = "
update bot_channel_scan_runs set status = 'queued', started_at = null, finished_at = null where id = any($1)";

/// Deletes the runs that the measurement enqueued.
const REMOVE_SQL: &str = "delete from bot_channel_scan_runs where created_at > now() - interval '1 hour'";

/// Measures with more and more runs in the table.
pub async fn measure(server: &Server) -> Curves {
    let client = server.connect().await;
    let db = server.open(8).await;
    client.batch_execute("truncate users, bot_guilds cascade").await.expect("the tables are there");
    client.execute(CHANNELS_SQL, &[&number(CHANNELS), &number(channel_id(1, 0))]).await.expect("the guild is new");
    let mut curves = Curves::new("Scan runs in the table", "scan runs", &SIZES, Unit::Time);
    for size in SIZES {
        let runs = Runs::fill(&client, size).await;
        runs.reads(&db, &mut curves).await;
        runs.writes(&db, &mut curves).await;
    }
    curves
}

fn number(small: u64) -> i64 {
    small.try_into().expect("the number is small")
}

/// The current content of the table.
struct Runs<'a> {
    client: &'a Client,
    channels: u64,
    sample: Vec<Uuid>,
}

impl<'a> Runs<'a> {
    async fn fill(client: &'a Client, size: u64) -> Self {
        let channels = (size / RUNS).clamp(1, CHANNELS);
        client.batch_execute("truncate bot_channel_scan_runs").await.expect("nothing is in the way");
        // The foreign keys are valid: checking each one would take longer than writing the row.
        client.batch_execute("set session_replication_role = replica").await.expect("we are a superuser");
        let params = [size, channels, channel_id(1, 0)].map(number);
        client.execute(RUNS_SQL, &[&params[0], &params[1], &params[2]]).await.expect("the runs are new");
        client.batch_execute("reset session_replication_role").await.expect("we are a superuser");
        client.batch_execute("vacuum analyze").await.expect("nothing is in the way");
        let sample = client.query(SAMPLE_SQL, &[&number(size.min(SAMPLE))]).await.expect("read");
        Self { client, channels, sample: sample.iter().map(|row| row.get(0)).collect() }
    }

    fn channel(&self, call: u64) -> ChannelId {
        ChannelId::from(channel_id(1, call % self.channels))
    }

    /// The run that a call uses, and whether it is the first of the sample.
    fn run(&self, call: u64) -> (ScanRunId, bool) {
        let place = usize::try_from(call).expect("there are few calls") % self.sample.len();
        (ScanRunId::from(self.sample[place]), place == 0)
    }

    async fn reads(&self, db: &Db, curves: &mut Curves) {
        let get = async |call| took(db::get_scan_run(db, self.run(call).0), Option::is_some).await;
        curves.add("get_scan_run", rounds(get).await);
        let list = async |call| took(db::get_scan_runs(db, self.channel(call), LIMIT), |list| !list.is_empty()).await;
        curves.add("get_scan_runs, 20", rounds(list).await);
    }

    async fn writes(&self, db: &Db, curves: &mut Curves) {
        let increment = ScanIncrement::scanned(100).with_matched(7);
        let progress =
            async |call| took(db::update_scan_progress(db, self.run(call).0, increment), Option::is_some).await;
        curves.add("update_scan_progress", rounds(progress).await);
        curves.add("mark_scan_started", rounds(async |call| self.start(db, call).await).await);
        curves.add("mark_scan_succeeded", rounds(async |call| self.succeed(db, call).await).await);
        curves.add("enqueue_scan_run", rounds(async |call| self.enqueue(db, call).await).await);
    }

    async fn start(&self, db: &Db, call: u64) -> Duration {
        let run = self.queued(call).await;
        took(db::mark_scan_started(db, run), |is_started| *is_started).await
    }

    async fn succeed(&self, db: &Db, call: u64) -> Duration {
        let run = self.queued(call).await;
        took(db::mark_scan_succeeded(db, run), |is_finished| *is_finished).await
    }

    /// Returns a queued run. Each time the sample starts over, all of its runs are queued again.
    async fn queued(&self, call: u64) -> ScanRunId {
        let (run, is_first) = self.run(call);
        if is_first {
            self.client.execute(QUEUE_SQL, &[&self.sample]).await.expect("written");
        }
        run
    }

    /// Enqueues a run, and keeps the size of the table.
    async fn enqueue(&self, db: &Db, call: u64) -> Duration {
        if self.run(call).1 {
            self.client.execute(REMOVE_SQL, &[]).await.expect("deleted");
        }
        took(db::enqueue_scan_run(db, self.channel(call)), Option::is_some).await
    }
}
