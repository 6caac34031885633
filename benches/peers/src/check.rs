//! Whether all sides do the same: each runs once, and what it reads or leaves behind is compared.

use serde_json::Value;
use tokio_postgres::Client;

use crate::peer::{Peer, Work};

/// Makes the rows that an operation writes different from what it writes. Guild 77 is `BUSY`, guild 500 has `SIZE` channels.
pub async fn reset(client: &Client, work: Work) {
    let sql = match work {
        Work::GetGuildSettings | Work::GetGuildSettingsInTasks | Work::GetChannelsByGuild(_) => return,
        Work::UpsertGuild | Work::UpsertGuilds => {
            "update bot_guilds set name = '', icon = null, owner_user_id = null, last_seen_at = null"
        }
        Work::UpsertChannelsForGuild => {
            r#"update bot_channels set name = '', type = null, is_nsfw = true, settings = '{"kept": 1, "threshold": 1}'
            where guild_id = '500'"#
        }
        Work::UpdateChannelProgress | Work::UpdateChannelProgressInTasks => {
            "update bot_channels set last_message_id = '0', message_count = 0, last_scanned_at = null where guild_id = '77'"
        }
        Work::ScanRun => "delete from bot_channel_scan_runs",
    };
    client.batch_execute(sql).await.expect("the rows can be written");
}

/// What an operation has written since `reset`. Equal texts stand for equal rows.
pub async fn written(client: &Client, work: Work) -> String {
    let sql = match work {
        Work::GetGuildSettings | Work::GetGuildSettingsInTasks | Work::GetChannelsByGuild(_) => "select ''",
        Work::UpsertGuild | Work::UpsertGuilds => {
            "select string_agg(concat_ws('|', guild_id, name, icon, owner_user_id, joined_at is null, last_seen_at is null), ';'
                               order by guild_id)
            from bot_guilds"
        }
        Work::UpsertChannelsForGuild => {
            "select string_agg(concat_ws('|', channel_id, name, type, is_nsfw, settings), ';' order by channel_id)
            from bot_channels
            where guild_id = '500'"
        }
        Work::UpdateChannelProgress | Work::UpdateChannelProgressInTasks => {
            "select concat_ws('|', count(nullif(last_message_id, '0')), sum(message_count), count(last_scanned_at))
            from bot_channels
            where guild_id = '77'"
        }
        Work::ScanRun => {
            "select string_agg(concat_ws('|', channel_id, status, messages_scanned, messages_matched, started_at is null,
                                         finished_at is null), ';')
            from bot_channel_scan_runs"
        }
    };
    client.query_one(sql, &[]).await.expect("the rows can be read").get(0)
}

/// What a library reads.
pub async fn read<P: Peer>(peer: &P, work: Work) -> Value {
    let read = match work {
        Work::GetGuildSettings | Work::GetGuildSettingsInTasks => {
            serde_json::to_value(peer.get_guild_settings("10").await.expect("the call succeeds"))
        }
        Work::GetChannelsByGuild(size) => {
            serde_json::to_value(peer.get_channels_by_guild(&size.to_string()).await.expect("the call succeeds"))
        }
        _ => return Value::Null,
    };
    read.expect("it is JSON")
}
