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
        _ => session.not_stored(channel),
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
    db::touch_channel_activity(client, channel).await?;
    match db::get_channel(client, channel).await? {
        Some(stored) if stored.is_reading => {
            Ok(db::record_live_messages(client, channel, since, page).await?.is_some())
        }
        _ => Ok(false), // a thread, a direct message, or nobody wants its clips
    }
}

/// Removes deleted messages. Those that nobody has read yet stay deleted when a worker reads them.
pub async fn delete(database: &Db, channel: ChannelId, messages: &[MessageId]) -> Result<bool, Error> {
    db::delete_messages(database, channel, messages).await?;
    Ok(true)
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

/// Asks for a scan of each gap between two messages. A request that was made before enqueues nothing.
async fn request_gaps(
    database: &Db,
    channel: ChannelId,
    after: Option<MessageId>,
    up_to: MessageId,
) -> Result<(), Error> {
    for gap in db::get_scan_gaps(database, channel, up_to).await? {
        if after < Some(gap.last) {
            let mut request = ScanRequest::new().with_before(gap.last.get().saturating_add(1).into());
            request.after = after.max(gap.first.get().checked_sub(1).map(MessageId::from));
            request.priority = if request.after.is_some() { MISSED } else { 0 };
            db::request_scan(database, channel, &request).await?; // if the channel is gone meanwhile: nothing to scan
        }
    }
    Ok(())
}
