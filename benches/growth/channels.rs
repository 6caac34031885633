//! How the time of calls grows with the channels of a guild. The guilds of all sizes are in one table.

use std::time::Duration;

use clip_saver_db::{ChannelId, ChannelSnapshot, Db, GuildId, GuildSnapshot, MessageId, repositories as db};
use tokio_postgres::Client;

use crate::common::data::{OVERRIDES, channel_id, channels, guild};
use crate::common::server::Server;
use crate::curves::{Curves, Unit};
use crate::rounds::{rounds, took};

const SIZES: [u64; 6] = [1, 10, 100, 1000, 10_000, 100_000];

/// Inserts a guild whose id is its number of channels ($1). The channels' ids begin at $2; $3: names, $4: settings.
const FILL: &str = "
with guild as (
  insert into bot_guilds (guild_id, name) values ($1::bigint, 'guild') returning guild_id
)
insert into bot_channels (channel_id, guild_id, name, type, is_reading, last_message_id, last_scanned_at, message_count,
                          settings)
select $2::bigint + n - 1, guild_id, name, 'text', true, n, now() - n * interval '1 second', n % 5000, $4::text::jsonb
from guild, unnest($3::text[]) with ordinality as t (name, n)";

/// Measures each size of guild while the smaller guilds are in the table.
pub async fn measure(server: &Server) -> Curves {
    let client = server.connect().await;
    let db = server.open(8).await;
    client.batch_execute("truncate users, bot_guilds cascade").await.expect("the tables are there");
    let mut curves = Curves::new("Channels in a guild", "channels", &SIZES, Unit::Time);
    for size in SIZES {
        let params = [size, channel_id(size, 0)].map(|number| i64::try_from(number).expect("the number is small"));
        let guild = guild(size).with_channels(channels(size, size));
        let names: Vec<_> = guild.channels.iter().map(|channel| channel.name.as_deref()).collect();
        client.execute(FILL, &[&params[0], &params[1], &names, &OVERRIDES]).await.expect("the guild is new");
        lists(&db, guild.id, size, &client, &mut curves).await;
        one_row(&db, size, &client, &mut curves).await;
        batches(&db, &guild, &client, &mut curves).await;
    }
    curves
}

/// Does autovacuum's work. Autovacuum itself is off, because it would run in the middle of a round.
async fn tidy(client: &Client) {
    client.batch_execute("vacuum analyze").await.expect("nothing is in the way");
}

async fn lists(db: &Db, guild: GuildId, size: u64, client: &Client, curves: &mut Curves) {
    tidy(client).await;
    let list = async |_| took(db::get_channels_by_guild(db, guild), |list| list.len() as u64 == size).await;
    curves.add("get_channels_by_guild", rounds(list).await);
    let reading = async |_| took(db::get_reading_channels(db, guild), |list| list.len() as u64 == size).await;
    curves.add("get_reading_channels", rounds(reading).await);
    let count = async |_| took(db::count_channels_by_guild(db, guild), |count| *count == size).await;
    curves.add("count_channels_by_guild", rounds(count).await);
    let total = async |_| took(db::total_message_count(db, guild), |_| true).await;
    curves.add("total_message_count", rounds(total).await);
}

/// Measures calls whose time should not grow. They use the guild's channels in turn.
async fn one_row(db: &Db, size: u64, client: &Client, curves: &mut Curves) {
    let channel = |call: u64| ChannelId::from(channel_id(size, call % size));
    let get = async |call| took(db::get_channel(db, channel(call)), Option::is_some).await;
    curves.add("get_channel", rounds(get).await);
    let progress = async |call| {
        let message = MessageId::from(1_000_000 + call);
        took(db::update_channel_progress(db, channel(call), message, 1), |is_known| *is_known).await
    };
    curves.add("update_channel_progress", rounds(progress).await);
    tidy(client).await;
    let enqueue = async |call| took(db::enqueue_scan_run(db, channel(call)), Option::is_some).await;
    curves.add("enqueue_scan_run", rounds(enqueue).await);
    client.batch_execute("truncate bot_channel_scan_runs").await.expect("nothing is in the way");
}

async fn batches(db: &Db, guild: &GuildSnapshot, client: &Client, curves: &mut Curves) {
    let size = guild.channels.len() as u64;
    let ids: Vec<ChannelId> = guild.channels.iter().map(|channel: &ChannelSnapshot| channel.id).collect();
    curves.add("delete_channels", rounds(async |_| delete(db, &ids).await).await);
    tidy(client).await;
    let upsert =
        async |_| took(db::upsert_channels_for_guild(db, guild.id, &guild.channels), |written| *written == size).await;
    curves.add("upsert_channels_for_guild", rounds(upsert).await);
    tidy(client).await;
    let sync = async |_| took(db::sync_guild(db, guild), |written| *written == size).await;
    curves.add("sync_guild", rounds(sync).await);
}

/// Deletes and rolls back, so that the next call can delete again. Begin and rollback are not part of the time.
async fn delete(db: &Db, ids: &[ChannelId]) -> Duration {
    let transaction = db.begin().await.expect("begun");
    let time = took(db::delete_channels(&transaction, ids), |deleted| *deleted == ids.len() as u64).await;
    transaction.rollback().await;
    time
}
