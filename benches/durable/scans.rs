//! The ways to scan 1,000 messages of a channel. The first four send the same 13 statements.

use std::time::Duration;

use clip_saver_db::{
    ChannelId, Client, Db, Error, MessageId, ScanIncrement, ScanPage, ScanRequest, ScanRunId, ScanWorker,
    repositories as db,
};
use futures::future::try_join_all;
use tokio::try_join;
use tokio_postgres::Client as PgClient;

use crate::common::data::{BUSY, channel_id};
use crate::common::hand_written::Statements;
use crate::common::server::Server;

/// A row of the table.
pub struct Way {
    pub name: &'static str,
    pub commits: u64,
    /// For its wall time in comparison with the first way.
    pub target: Option<f64>,
}

/// The first one is what the others are compared with.
pub const WAYS: [Way; 6] = [
    way("13 statements by hand, in five commits", 5, None),
    way("13 statements by hand, each in its own commit", 13, None),
    way("13 calls, in five transactions, joined", 5, Some(1.0)),
    way("13 calls, each in its own commit", 13, None),
    way("request, claim, a page of 1,000 messages, complete", 4, Some(1.0)),
    way("request, claim, ten pages of 100 messages, complete", 13, None),
];

const fn way(name: &'static str, commits: u64, target: Option<f64>) -> Way {
    Way { name, commits, target }
}

const LEASE: Duration = Duration::from_mins(1);

const PAGE: ScanIncrement = ScanIncrement::scanned(100).with_matched(7);

/// Both sides, on one channel.
pub struct Scans {
    db: Db,
    client: PgClient,
    statements: Statements,
    channel: ChannelId,
    last_message: u64,
}

impl Scans {
    pub async fn new(server: &Server) -> Self {
        let (db, client) = (server.open(1).await, server.connect().await);
        let statements = Statements::prepare(&client).await.expect("the statements are right");
        let channel = channel_id(BUSY, 0).into();
        Self { db, client, statements, channel, last_message: 1_000_000_000_000_000_000 }
    }

    /// Scans once in this way of `WAYS`.
    pub async fn run(&mut self, way: usize) {
        match way {
            0 => self.five_commits_by_hand().await.expect("scanned"),
            1 => self.each_by_hand().await.expect("scanned"),
            2 => self.five_transactions().await.expect("scanned"),
            3 => self.each().await.expect("scanned"),
            4 => self.claimed(1_000).await.expect("scanned"),
            _ => self.claimed(100).await.expect("scanned"),
        }
    }

    /// The run's id comes first; four commits of three statements follow.
    async fn five_commits_by_hand(&mut self) -> Result<(), tokio_postgres::Error> {
        let Self { client, statements, channel, .. } = self;
        let run = statements.enqueue_scan_run(client, &channel.to_string()).await?;
        for part in 0..4 {
            let transaction = client.transaction().await?;
            if part == 0 {
                statements.mark_scan_started(&transaction, run).await?;
            }
            for _ in 0..pages(part) {
                statements.update_scan_progress(&transaction, run, PAGE.scanned, PAGE.matched).await?;
            }
            if part == 3 {
                statements.mark_scan_succeeded(&transaction, run).await?;
            }
            transaction.commit().await?;
        }
        Ok(())
    }

    async fn each_by_hand(&self) -> Result<(), tokio_postgres::Error> {
        let Self { client, statements, channel, .. } = self;
        let run = statements.enqueue_scan_run(client, &channel.to_string()).await?;
        statements.mark_scan_started(client, run).await?;
        for _ in 0..10 {
            statements.update_scan_progress(client, run, PAGE.scanned, PAGE.matched).await?;
        }
        statements.mark_scan_succeeded(client, run).await?;
        Ok(())
    }

    /// As by hand. The calls of a transaction need no answer of one another: their statements are sent together.
    async fn five_transactions(&self) -> Result<(), Error> {
        let run = self.enqueued(&self.db).await?;
        for part in 0..4 {
            let transaction = self.db.begin().await?;
            try_join!(
                biased; // the first error, in statement order, is the cause of the others
                async { if part == 0 { db::mark_scan_started(&transaction, run).await } else { Ok(true) } },
                try_join_all((0..pages(part)).map(|_| db::update_scan_progress(&transaction, run, PAGE))),
                async { if part == 3 { db::mark_scan_succeeded(&transaction, run).await } else { Ok(true) } },
            )?;
            transaction.commit().await?;
        }
        Ok(())
    }

    async fn each(&self) -> Result<(), Error> {
        let run = self.enqueued(&self.db).await?;
        db::mark_scan_started(&self.db, run).await?;
        for _ in 0..10 {
            db::update_scan_progress(&self.db, run, PAGE).await?;
        }
        db::mark_scan_succeeded(&self.db, run).await?;
        Ok(())
    }

    async fn enqueued(&self, client: &impl Client) -> Result<ScanRunId, Error> {
        Ok(db::enqueue_scan_run(client, self.channel).await?.expect("the channel is reading"))
    }

    /// The worker's own functions: they also hold off other workers, and count each message once.
    async fn claimed(&mut self, page: u64) -> Result<(), Error> {
        db::request_scan(&self.db, self.channel, &ScanRequest::new()).await?;
        let claims = db::claim_scan_runs(&self.db, &ScanWorker::new("worker"), 1, LEASE).await?;
        for _ in 0..1_000 / page {
            let after = self.last_message;
            self.last_message += page;
            let messages = (after + 1..=self.last_message).map(MessageId::from);
            let page = ScanPage::after(Some(after.into()), messages).expect("there are messages");
            db::record_scan_page(&self.db, &claims[0], &page).await?;
        }
        assert!(db::complete_scan(&self.db, &claims[0]).await?);
        Ok(())
    }
}

/// The updates of progress in one of the four commits: with the start and the end each has three statements.
const fn pages(part: u64) -> u64 {
    if part == 0 || part == 3 { 2 } else { 3 }
}
