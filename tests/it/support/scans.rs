//! Runs that workers share, and pages of messages: what their tests begin with.

use std::time::Duration;

use clip_saver_db::{
    Attachment, ChannelId, ClipAuthor, ClipMessage, Db, MessageId, MessageInterval, PageRecorded, RecordedScanPage,
    ScanClaim, ScanPage, ScanRequest, ScanRequested, ScanRunId, ScanWorker, repositories as db,
};

use crate::support::{TestDatabase, channel, connect, guild};

/// Longer than any test runs.
pub const LEASE: Duration = Duration::from_hours(1);

/// Stores a channel with reading switched on, and its guild.
pub async fn channel_of(database: &Db, guild_id: u64, channel_id: u64) -> ChannelId {
    let guild = guild(database, guild_id).await;
    let channel = channel(database, guild, channel_id).await;
    assert!(db::set_channel_reading(database, channel, true).await.expect("reading can be set"));
    channel
}

/// Requests a scan that nobody has requested yet.
pub async fn requested(database: &Db, channel: ChannelId, request: ScanRequest) -> ScanRunId {
    match db::request_scan(database, channel, &request).await.expect("a scan can be requested") {
        ScanRequested::Enqueued(id) => id,
        other => panic!("{other:?}"),
    }
}

/// A scan of the messages after one. Two with different messages are two runs.
pub fn after(message: u64) -> ScanRequest {
    ScanRequest::new().with_after(message.into())
}

/// Claims at most `limit` runs as a worker that looks everywhere.
pub async fn claims(database: &Db, limit: u32) -> Vec<ScanClaim> {
    let worker = ScanWorker::new("worker");
    db::claim_scan_runs(database, &worker, limit, LEASE).await.expect("runs can be claimed")
}

/// Claims the only run that there is.
pub async fn claim(database: &Db) -> ScanClaim {
    let claims = claims(database, 10).await;
    let [claim] = claims[..] else { panic!("{claims:?}") };
    claim
}

/// A claim of the first run of channel 2001 in guild 1001.
pub async fn claimed(database: &Db) -> ScanClaim {
    let channel = channel_of(database, 1001, 2001).await;
    requested(database, channel, ScanRequest::new()).await;
    claim(database).await
}

/// Lets every lease expire.
pub async fn expire_leases(database: &TestDatabase) {
    let expire = "update bot_channel_scan_runs set lease_until = now() - interval '1 second' where status = 'running'";
    database.execute(expire).await;
}

/// The run's columns, as text.
pub async fn run_is(database: &TestDatabase, run: ScanRunId, columns: &str) -> String {
    let columns = columns.replace(',', ", ' ', ");
    database.text(&format!("select concat({columns}) from bot_channel_scan_runs where id = '{run}'")).await
}

pub fn ids(ids: impl IntoIterator<Item = u64>) -> Vec<MessageId> {
    ids.into_iter().map(MessageId::from).collect()
}

pub fn interval(first: u64, last: u64) -> MessageInterval {
    MessageInterval::new(first.into(), last.into())
}

/// A page that holds and covers each message from one to another.
pub fn page(first: u64, last: u64) -> ScanPage {
    ScanPage::new(interval(first, last), ids(first..=last))
}

/// A clip whose attachment has ten times its message's number, and whose URL expires at a second.
pub fn clip(message: u64, expires_at: u64) -> ClipMessage {
    let url = format!("https://cdn/{message}.mp4?ex={expires_at:x}&is=1");
    let attachment = Attachment::new((message * 10).into(), format!("{message}.mp4"), 10, url);
    ClipMessage::new(message.into(), ClipAuthor::new(7.into(), "ada"), [attachment])
}

/// A page with a clip in each of its messages.
pub fn page_of_clips(first: u64, last: u64) -> ScanPage {
    page(first, last).with_clips((first..=last).map(|message| clip(message, 0x7000_0000)).collect::<Vec<_>>())
}

/// Records a page of a claim that holds.
pub async fn recorded(database: &Db, claim: &ScanClaim, page: &ScanPage) -> PageRecorded {
    match db::record_scan_page(database, claim, page).await.expect("the page can be recorded") {
        RecordedScanPage::Recorded(recorded) => recorded,
        RecordedScanPage::Lost => panic!("the claim is lost"),
    }
}

/// What of a channel is covered, as first and last ids.
pub async fn coverage(database: &Db, channel: ChannelId) -> Vec<(u64, u64)> {
    let intervals = db::get_scan_coverage(database, channel).await.expect("the coverage can be read");
    intervals.into_iter().map(|interval| (interval.first.get(), interval.last.get())).collect()
}

/// A channel's message count and cursor.
pub async fn count_and_cursor(database: &Db, channel: ChannelId) -> (i64, Option<u64>) {
    let channel = db::get_channel(database, channel).await.expect("the channel can be read").expect("it is stored");
    (channel.message_count, channel.last_message_id.map(MessageId::get))
}

/// A hash of every row of every table.
pub async fn everything(database: &TestDatabase) -> String {
    let sql = connect(&database.url()).await;
    let tables =
        "select string_agg(format('select %L || t::text as row from %I t', tablename, tablename), ' union all ')
        from pg_tables where schemaname = 'public'";
    let rows: String = sql.query_one(tables, &[]).await.expect("there are tables").get(0);
    let hash = format!("select coalesce(md5(string_agg(row, ',' order by row collate \"C\")), '') from ({rows}) r");
    sql.query_one(&hash, &[]).await.expect("the tables can be read").get(0)
}
