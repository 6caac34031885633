//! What a page of 100 messages with 10 clips costs, beside SQL that only inserts the ten clips.

use std::time::{Duration, Instant};

use clip_saver_db::{
    Attachment, ClipAuthor, ClipMessage, Db, MessageId, RecordedScanPage, ScanClaim, ScanPage, ScanRequest, ScanWorker,
    repositories as db,
};

use crate::database::{Database, channel_id};
use crate::hand_written::{ByHand, Rows};
use crate::numbers::{Spread, duration, float, whole};
use crate::report::Report;

const ROUNDS: u64 = 21;

/// Pages of a round.
const PAGES: u64 = 200;

/// The least distance between the ids of two messages: some four seconds.
const STEP: u64 = 1 << 24;

const LEASE: Duration = Duration::from_secs(3600);

/// One page of a channel: 100 messages, of which some hold a clip.
pub fn page(first: u64, clips: u64) -> ScanPage {
    let ids = (0..100).map(|place| message(first + place));
    let after = first.checked_sub(1).map(message);
    let clips: Vec<_> = (0..clips).map(|clip| clip_message(first + clip * (100 / clips))).collect();
    ScanPage::after(after, ids).expect("there are messages").with_clips(clips)
}

/// The id of a channel's message.
pub fn message(number: u64) -> MessageId {
    (1_100_000_000_000_000_000 + number * STEP).into()
}

/// A message with one clip, by one of 50 authors.
fn clip_message(number: u64) -> ClipMessage {
    let id = message(number);
    let author = 80_351_110_224_678_000 + number / 10 % 50;
    let url = format!(
        "https://cdn.discordapp.com/attachments/1000/{}/clip-{number}.mp4?ex={:x}&is=66a1f0a2&hm=5d2c0c1f",
        id.get() + 1,
        1_800_000_000 + number % 1_000_000
    );
    let attachment = Attachment::new((id.get() + 1).into(), format!("clip-{number}.mp4"), 8_000_000 + number, url);
    ClipMessage::new(id, ClipAuthor::new(author.into(), format!("author {author}")), [attachment])
}

/// What the rounds of one side took.
#[derive(Default)]
struct Costs {
    seconds: Vec<f64>,
    wal: Vec<f64>,
    transactions: Vec<f64>,
}

impl Costs {
    /// Runs a round, and notes what each of its pages cost.
    async fn note(&mut self, database: &Database, round: impl AsyncFnOnce()) {
        let (wal, transaction, started) = (database.wal().await, database.next_transaction().await, Instant::now());
        round().await;
        self.seconds.push(started.elapsed().as_secs_f64() / float(PAGES));
        self.wal.push(float((database.wal().await - wal).unsigned_abs()) / float(PAGES));
        let transactions = (database.next_transaction().await - transaction).unsigned_abs();
        self.transactions.push(float(transactions) / float(PAGES));
    }

    fn row(&self) -> String {
        let wal = Spread::of(self.wal.iter().copied()).median;
        format!("{}, {} bytes of WAL", duration(Duration::from_secs_f64(median(&self.seconds))), whole(wal))
    }
}

/// Measures the sides in turn, each with a channel of its own.
pub async fn measure(server: &str, report: &mut Report) {
    let database = Database::migrated(server, "pages").await;
    let db = database.open(1).await;
    let claim = claim(&db, 0).await;
    let by_hand = ByHand::prepare(database.url()).await;
    let mut costs: [Costs; 3] = Default::default();
    for round in 0..ROUNDS {
        // Each side writes other ids: the order of all is the order of time.
        let [ours, rows, clips] = [0, 1, 2].map(|side| (3 * round + side) * PAGES * 100);
        costs[0].note(&database, async || record(&db, &claim, ours).await).await;
        costs[1].note(&database, async || insert(&by_hand, rows, Rows::All).await).await;
        costs[2].note(&database, async || insert(&by_hand, clips, Rows::Clips).await).await;
    }
    add(report, &costs);
}

fn add(report: &mut Report, costs: &[Costs; 3]) {
    let [ours, rows, clips] = costs;
    report.note("`record_scan_page`, 100 messages, 10 clips", ours.row());
    report.note("… inserts of the clips, their messages and authors by hand", rows.row());
    report.note("… inserts of the clips alone by hand", clips.row());
    let wall = ratio(&ours.seconds, &rows.seconds);
    report.add("… wall, ours : inserts by hand", format!("{wall:.2}"), "≤ 1.6", wall <= 1.6);
    let wal = ratio(&ours.wal, &rows.wal);
    report.add("… WAL, ours : inserts by hand", format!("{wal:.2}"), "≤ 1.1", wal <= 1.1);
    report.note("… wall, ours : inserts of the clips alone", format!("{:.2}", ratio(&ours.seconds, &clips.seconds)));
    let commits = median(&ours.transactions);
    report.add("… transactions a page", format!("{commits:.2}"), "1", (0.99..1.01).contains(&commits));
}

fn median(numbers: &[f64]) -> f64 {
    Spread::of(numbers.iter().copied()).median
}

fn ratio(above: &[f64], below: &[f64]) -> f64 {
    Spread::of(above.iter().zip(below).map(|(above, below)| above / below)).median
}

/// Requests and claims a scan of a channel.
async fn claim(db: &Db, channel: u64) -> ScanClaim {
    db::request_scan(db, channel_id(channel).into(), &ScanRequest::new()).await.expect("the call succeeds");
    let claims = db::claim_scan_runs(db, &ScanWorker::new("bench"), 1, LEASE).await.expect("the call succeeds");
    claims.into_iter().next().expect("the run is queued")
}

async fn record(db: &Db, claim: &ScanClaim, first: u64) {
    for number in 0..PAGES {
        let recorded = db::record_scan_page(db, claim, &page(first + number * 100, 10)).await;
        let RecordedScanPage::Recorded(recorded) = recorded.expect("the call succeeds") else {
            panic!("the claim holds")
        };
        assert_eq!((recorded.new_messages, recorded.new_clips), (100, 10), "the page is new");
    }
}

async fn insert(by_hand: &ByHand, first: u64, rows: Rows) {
    for number in 0..PAGES {
        by_hand.insert(channel_id(1), &page(first + number * 100, 10), rows).await;
    }
}
