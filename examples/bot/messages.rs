//! Live messages, deletions, and scans of what no event brought.

use clip_saver_db::{ChannelId, Client, Db, Error, GuildId, MessageId, ScanPage, ScanRequest, repositories as db};
use twilight_model::channel::Message;

use super::session::Session;
use super::support::clips;

/// Scans of what the bot has missed come before scans of histories that nobody has read.
const MISSED: i16 = 1;

/// Stores a live message; returns whether its channel is stored and read.
///
/// The session's first message in a channel covers only itself. What may lie between it and the newest message that Discord
/// named at the session's start is left to a worker.
pub async fn create(database: &Db, session: &Session, message: &Message) -> Result<bool, Error> {
    let (channel, id) = (ChannelId::from(message.channel_id.get()), clips::message_id(message));
    let since = session.last_before(channel, id);
    let page = &ScanPage::live(id).with_clips(Vec::from_iter(clips::of(message)));
    let stored = database.transaction(|tx| async move { record(&tx, channel, since, page).await }).await;
    match stored {
        Ok(true) => session.stored(channel, id),
        _ => session.forget(channel),
    }
    let is_stored = stored?;
    if is_stored && since.is_none() {
        request_gaps(database, channel, session.newest_at_start(channel), id).await?;
    }
    Ok(is_stored)
}

async fn record(
    client: &impl Client,
    channel: ChannelId,
    since: Option<MessageId>,
    page: &ScanPage,
) -> Result<bool, Error> {
    let is_stored =
        is_reading(client, channel).await? && db::record_live_messages(client, channel, since, page).await?.is_some();
    // Last, because it locks the channel's row: a caller that holds this row and then records can deadlock with a worker's page.
    db::touch_channel_activity(client, channel).await?;
    Ok(is_stored)
}

/// Whether the channel is stored and read. Threads and direct messages are not stored.
async fn is_reading(client: &impl Client, channel: ChannelId) -> Result<bool, Error> {
    Ok(db::get_channel(client, channel).await?.is_some_and(|stored| stored.is_reading))
}

/// Removes deleted messages; returns whether there were any to remove. Those that nobody has read yet stay deleted when a worker
/// reads them. In a channel that is not read, only what was read before is removed: every other id would add an interval to the
/// coverage, and no worker needs it.
pub async fn delete(database: &Db, channel: ChannelId, mut messages: Vec<MessageId>) -> Result<bool, Error> {
    if !is_reading(database, channel).await? {
        let covered = db::get_scan_coverage(database, channel).await?;
        messages.retain(|id| covered.iter().any(|interval| interval.contains(*id)));
    }
    db::delete_messages(database, channel, &messages).await?;
    Ok(!messages.is_empty())
}

/// Asks for scans of everything that was not read of a guild's channels, up to the newest messages that Discord has named.
/// After a lost session, that is what came meanwhile.
pub async fn request_guild(database: &Db, session: &Session, guild: GuildId) -> Result<(), Error> {
    for channel in db::get_reading_channels(database, guild).await? {
        if let Some(newest) = session.newest_at_start(channel.channel_id) {
            request_gaps(database, channel.channel_id, None, newest).await?;
        }
    }
    Ok(())
}

/// Asks for one scan of all gaps between two messages: its worker reads only what is not covered. A request that was made before
/// enqueues nothing.
async fn request_gaps(
    database: &Db,
    channel: ChannelId,
    after: Option<MessageId>,
    up_to: MessageId,
) -> Result<(), Error> {
    let mut gaps = db::get_scan_gaps(database, channel, up_to).await?;
    gaps.retain(|gap| after < Some(gap.last));
    if let (Some(first), Some(last)) = (gaps.first(), gaps.last()) {
        let mut request = ScanRequest::new().with_before(last.last.get().saturating_add(1).into());
        request.after = after.max(first.first.get().checked_sub(1).map(MessageId::from));
        request.priority = if request.after.is_some() { MISSED } else { 0 };
        db::request_scan(database, channel, &request).await?; // if the channel is gone meanwhile: nothing to scan
    }
    Ok(())
}
