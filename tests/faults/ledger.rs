//! What callers were told of their writes, and how that compares with what is stored. Each write has a channel of its own
//! that nothing else touches in the same way, so that a lost, a doubled and a half-stored one show by themselves.

use std::collections::{BTreeMap, HashMap};
use std::io::{Write as _, stderr};
use std::ops::AddAssign;
use std::time::Duration;

use clip_saver_db::{Error, ErrorKind};
use tokio_postgres::Client;

use crate::rig::{Rig, becomes, connect};

/// How many channels a batch has.
pub const BATCH: u64 = 8;

/// The writes, in the order of the columns of `STORED` that say how often each is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Write {
    /// All channels from this one on, as many as a batch has.
    Batch,
    Count,
    Enqueue,
    Start,
    Progress,
    Page,
    Finish,
}

/// By channel, how often it was stored, counted, enqueued, started, progressed, its page counted, and finished.
const STORED: &str = "select c.channel_id::bigint, array[1, c.message_count, count(r.id), count(r.started_at),
        coalesce(sum(r.messages_scanned), 0)::bigint, coalesce(sum(r.messages_matched), 0)::bigint,
        count(*) filter (where r.status = 'succeeded')]
    from bot_channels c left join bot_channel_scan_runs r on r.channel_id = c.channel_id
    group by c.channel_id";

/// Whether the server is done with all that it was sent, and has no more sessions than the pool keeps. (Those of the tests
/// themselves have no name.)
const ALL_IS_QUIET: &str = "select count(*) filter (where state <> 'idle') = 0 and count(*) <= 16 from pg_stat_activity
    where datname = current_database() and application_name <> ''";

/// What a caller knows of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Stored,
    NotStored,
    Unknown,
}

/// What an error says of a write.
pub fn fate(error: &Error) -> Fate {
    if error.is_outcome_unknown() { Fate::Unknown } else { Fate::NotStored }
}

/// What became of the calls of one task, or of all.
#[derive(Default)]
pub struct Ledger {
    writes: Vec<(Write, u64, Fate)>,
    calls: u64,
    /// By kind.
    pub errors: BTreeMap<String, u64>,
    /// Errors that make no retry worthwhile and leave no outcome open: no fault here should give one.
    final_errors: Vec<Error>,
    /// What was stored, and was not there at the next call.
    vanished: u64,
    hangs: u64,
    longest: Duration,
}

impl Ledger {
    pub fn write(&mut self, write: Write, channel: u64, fate: Fate) {
        self.writes.push((write, channel, fate));
    }

    pub fn error(&mut self, error: Error) {
        *self.errors.entry(kind(&error)).or_default() += 1;
        if !error.is_retryable() && !error.is_outcome_unknown() {
            self.final_errors.push(error);
        }
    }

    /// Of every call.
    pub fn took(&mut self, duration: Duration) {
        self.calls += 1;
        self.longest = self.longest.max(duration);
    }

    pub fn hang(&mut self) {
        self.hangs += 1;
    }

    pub fn vanished(&mut self) {
        self.vanished += 1;
    }

    /// Compares with what is stored, says so in a line, and fails if anything is wrong: with a write, with an error, or with
    /// the sessions that the server still has.
    pub async fn settle(&self, faults: &str, rig: &Rig, refilled: Duration) {
        let client = connect(&rig.url).await;
        becomes(&client, ALL_IS_QUIET).await;
        let found = self.compare(&stored(&client).await);
        let errors: Vec<_> = self.errors.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        say(&format!(
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
        let mut found = Findings { losses: self.vanished, ..Findings::default() };
        for &(write, channel, fate) in &self.writes {
            let channels = if write == Write::Batch { channel..channel + BATCH } else { channel..channel + 1 };
            let times = |channel| stored.get(&channel).map_or(0, |times| times[write as usize]);
            let least = channels.clone().map(times).min().unwrap_or_default();
            let most = channels.map(times).max().unwrap_or_default();
            found.unknown += u64::from(fate == Fate::Unknown);
            found.unknown_stored += u64::from(fate == Fate::Unknown && most > 0);
            let wrong = match fate {
                _ if least != most => &mut found.torn,
                _ if most > 1 => &mut found.doubles,
                Fate::Stored if most == 0 => &mut found.losses,
                Fate::NotStored if most == 1 => &mut found.false_denials,
                _ => continue,
            };
            *wrong += 1;
            found.examples.push((write, channel, fate, most));
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
        self.vanished += other.vanished;
        self.hangs += other.hangs;
        self.longest = self.longest.max(other.longest);
    }
}

#[derive(Default)]
struct Findings {
    losses: u64,
    doubles: u64,
    /// An error said that nothing was stored, and it was.
    false_denials: u64,
    torn: u64,
    unknown: u64,
    unknown_stored: u64,
    examples: Vec<(Write, u64, Fate, i64)>,
}

async fn stored(client: &Client) -> HashMap<u64, Vec<i64>> {
    let rows = client.query(STORED, &[]).await.expect("the tables are there");
    rows.iter().map(|row| (row.get::<_, i64>(0).unsigned_abs(), row.get(1))).collect()
}

/// The kind of an error; with its SQLSTATE, if it has no kind of its own.
fn kind(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Database => format!("{:?} {}", error.kind(), error.sqlstate().unwrap_or("?")),
        kind => format!("{kind:?}"),
    }
}

/// Says what a test has seen, also when it succeeds: `println!` is shown only when it fails.
pub fn say(line: &str) {
    writeln!(stderr(), "faults: {line}").expect("stderr is open");
}

#[test]
fn a_ledger_finds_what_is_lost_doubled_denied_and_torn() {
    let counts = |write: Write, fate, count| {
        let mut ledger = Ledger::default();
        ledger.write(write, 1, fate);
        let mut row = vec![0; 7];
        row[write as usize] = count;
        let found = ledger.compare(&HashMap::from([(1, row)]));
        [found.losses, found.doubles, found.false_denials, found.torn, found.unknown, found.unknown_stored]
    };

    assert_eq!(counts(Write::Count, Fate::Stored, 1), [0; 6]);
    assert_eq!(counts(Write::Count, Fate::NotStored, 0), [0; 6]);
    assert_eq!(counts(Write::Count, Fate::Stored, 0), [1, 0, 0, 0, 0, 0]);
    assert_eq!(counts(Write::Enqueue, Fate::Stored, 2), [0, 1, 0, 0, 0, 0]);
    assert_eq!(counts(Write::Finish, Fate::NotStored, 1), [0, 0, 1, 0, 0, 0]);
    assert_eq!(counts(Write::Batch, Fate::Stored, 1), [0, 0, 0, 1, 0, 0], "one channel of eight");
    assert_eq!(counts(Write::Progress, Fate::Unknown, 0), [0, 0, 0, 0, 1, 0]);
    assert_eq!(counts(Write::Progress, Fate::Unknown, 1), [0, 0, 0, 0, 1, 1]);
    assert_eq!(counts(Write::Progress, Fate::Unknown, 2), [0, 1, 0, 0, 1, 1]);
}
