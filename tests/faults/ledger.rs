//! Compares what callers were told about their writes with what is stored. Each write has its own channel, on which no other
//! write of the same kind runs. So a lost, a doubled and a half-stored write can be told apart.

use std::collections::{BTreeMap, HashMap};
use std::io::{Write as _, stderr};
use std::ops::AddAssign;
use std::time::Duration;

use clip_saver_db::{Error, ErrorKind};
use tokio_postgres::Client;

use crate::rig::{Rig, connect, wait_until_true};

/// The number of channels in a batch.
pub const BATCH: u64 = 8;

/// The kinds of writes, in the order of the counts in `STORED`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Write {
    /// A batch of `BATCH` channels that begins with this one.
    Batch,
    Count,
    Enqueue,
    Start,
    Progress,
    Page,
    Finish,
}

/// For each channel, how often it was stored, counted, enqueued, started, progressed, its page counted, and finished.
const STORED: &str = "select c.channel_id::bigint, array[1, c.message_count, count(r.id), count(r.started_at),
        coalesce(sum(r.messages_scanned), 0)::bigint, coalesce(sum(r.messages_matched), 0)::bigint,
        count(*) filter (where r.status = 'succeeded')]
    from bot_channels c left join bot_channel_scan_runs r on r.channel_id = c.channel_id
    group by c.channel_id";

/// Whether the server runs no statement any more and has no more sessions than the pool. The tests' own sessions have no
/// name and do not count.
const IS_IDLE: &str = "select count(*) filter (where state <> 'idle') = 0 and count(*) <= 16 from pg_stat_activity
    where datname = current_database() and application_name <> ''";

/// What a caller knows about a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Stored,
    NotStored,
    Unknown,
}

/// The outcome of a write that its error reports.
pub fn outcome_of(error: &Error) -> Outcome {
    if error.is_outcome_unknown() { Outcome::Unknown } else { Outcome::NotStored }
}

/// The outcomes of the calls of one task, or of all tasks.
#[derive(Default)]
pub struct Ledger {
    writes: Vec<(Write, u64, Outcome)>,
    calls: u64,
    /// The number of errors by kind.
    pub errors: BTreeMap<String, u64>,
    /// Errors that are not retryable and whose outcome is known. No fault in these tests should cause one.
    final_errors: Vec<Error>,
    /// Rows that were stored and that the next call did not find.
    lost: u64,
    hangs: u64,
    longest: Duration,
}

impl Ledger {
    pub fn write(&mut self, write: Write, channel: u64, outcome: Outcome) {
        self.writes.push((write, channel, outcome));
    }

    pub fn error(&mut self, error: Error) {
        *self.errors.entry(kind(&error)).or_default() += 1;
        if !error.is_retryable() && !error.is_outcome_unknown() {
            self.final_errors.push(error);
        }
    }

    /// Adds the duration of a call.
    pub fn took(&mut self, duration: Duration) {
        self.calls += 1;
        self.longest = self.longest.max(duration);
    }

    pub fn hang(&mut self) {
        self.hangs += 1;
    }

    pub fn lost(&mut self) {
        self.lost += 1;
    }

    /// Compares the outcomes with what is stored and reports the result in a line. Fails if a write, an error or the number of
    /// sessions on the server is wrong.
    pub async fn assert_consistent(&self, faults: &str, rig: &Rig, refilled: Duration) {
        let client = connect(&rig.url).await;
        wait_until_true(&client, IS_IDLE).await;
        let found = self.compare(&stored(&client).await);
        let errors: Vec<_> = self.errors.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        report(&format!(
            "{faults}: {} calls, {} errors ({}); {} outcomes unknown, of which {} stored; losses {}, doubles {}, \
             false \"not stored\" {}, torn batches {}, hangs {}; longest call {:.1?}; pool full again after {refilled:.1?}",
            self.calls,
            self.errors.values().sum::<u64>(),
            errors.join(", "),
            found.unknown,
            found.unknown_stored,
            found.losses,
            found.doubles,
            found.false_denials,
            found.torn,
            self.hangs,
            self.longest,
        ));
        let wrong = found.losses + found.doubles + found.false_denials + found.torn + self.hangs;
        assert_eq!(wrong, 0, "{faults}: {:?}", found.examples);
        assert!(self.final_errors.is_empty(), "{faults}: {:?}", self.final_errors);
    }

    fn compare(&self, stored: &HashMap<u64, Vec<i64>>) -> Findings {
        let mut found = Findings { losses: self.lost, ..Findings::default() };
        for &(write, channel, outcome) in &self.writes {
            let channels = if write == Write::Batch { channel..channel + BATCH } else { channel..channel + 1 };
            let times = |channel| stored.get(&channel).map_or(0, |times| times[write as usize]);
            let least = channels.clone().map(times).min().unwrap_or_default();
            let most = channels.map(times).max().unwrap_or_default();
            found.unknown += u64::from(outcome == Outcome::Unknown);
            found.unknown_stored += u64::from(outcome == Outcome::Unknown && most > 0);
            let wrong = match outcome {
                _ if least != most => &mut found.torn,
                _ if most > 1 => &mut found.doubles,
                Outcome::Stored if most == 0 => &mut found.losses,
                Outcome::NotStored if most == 1 => &mut found.false_denials,
                _ => continue,
            };
            *wrong += 1;
            found.examples.push((write, channel, outcome, most));
        }
        found.examples.truncate(10);
        found
    }
}

impl AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.calls += other.calls;
        for (kind, count) in other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        self.final_errors.extend(other.final_errors);
        self.lost += other.lost;
        self.hangs += other.hangs;
        self.longest = self.longest.max(other.longest);
    }
}

#[derive(Default)]
struct Findings {
    losses: u64,
    doubles: u64,
    /// An error said that nothing was stored, but something was.
    false_denials: u64,
    torn: u64,
    unknown: u64,
    unknown_stored: u64,
    examples: Vec<(Write, u64, Outcome, i64)>,
}

async fn stored(client: &Client) -> HashMap<u64, Vec<i64>> {
    let rows = client.query(STORED, &[]).await.expect("the tables exist");
    rows.iter().map(|row| (row.get::<_, i64>(0).unsigned_abs(), row.get(1))).collect()
}

/// The kind of an error, with its SQLSTATE if it is `Database`.
fn kind(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Database => format!("{:?} {}", error.kind(), error.sqlstate().unwrap_or("?")),
        kind => format!("{kind:?}"),
    }
}

/// Prints a line even if the test succeeds. The output of `println!` is shown only if the test fails.
pub fn report(line: &str) {
    writeln!(stderr(), "faults: {line}").expect("stderr is open");
}

#[test]
fn the_ledger_finds_lost_doubled_falsely_denied_and_torn_writes() {
    let counts = |write: Write, outcome, count| {
        let mut ledger = Ledger::default();
        ledger.write(write, 1, outcome);
        let mut row = vec![0; 7];
        row[write as usize] = count;
        let found = ledger.compare(&HashMap::from([(1, row)]));
        [found.losses, found.doubles, found.false_denials, found.torn, found.unknown, found.unknown_stored]
    };

    assert_eq!(counts(Write::Count, Outcome::Stored, 1), [0; 6]);
    assert_eq!(counts(Write::Count, Outcome::NotStored, 0), [0; 6]);
    assert_eq!(counts(Write::Count, Outcome::Stored, 0), [1, 0, 0, 0, 0, 0]);
    assert_eq!(counts(Write::Enqueue, Outcome::Stored, 2), [0, 1, 0, 0, 0, 0]);
    assert_eq!(counts(Write::Finish, Outcome::NotStored, 1), [0, 0, 1, 0, 0, 0]);
    assert_eq!(counts(Write::Batch, Outcome::Stored, 1), [0, 0, 0, 1, 0, 0], "one channel of eight");
    assert_eq!(counts(Write::Progress, Outcome::Unknown, 0), [0, 0, 0, 0, 1, 0]);
    assert_eq!(counts(Write::Progress, Outcome::Unknown, 1), [0, 0, 0, 0, 1, 1]);
    assert_eq!(counts(Write::Progress, Outcome::Unknown, 2), [0, 1, 0, 0, 1, 1]);
}
