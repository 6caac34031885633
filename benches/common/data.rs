//! The data that is in the database before a bench, and the input of both sides.

use clip_saver_db::{ChannelSnapshot, GuildId, GuildSnapshot, Settings, repositories as db};
use clip_saver_db::{Db, UserId};

/// A guild's settings, about as large as the bot's.
pub const SETTINGS: &str = r#"{"prefix": "!", "locale": "en-GB", "is_enabled": true, "clip": {"max_seconds": 60, "formats": ["mp4", "webm"]}, "roles": ["175928847299117063", "175928847299117064"]}"#;

/// A channel's settings.
pub const OVERRIDES: &str =
    r#"{"is_enabled": true, "threshold": 5, "tags": ["clips", "highlights"], "quality": "1080p"}"#;

/// Names of channels; a number is appended.
const NAMES: [&str; 12] = [
    "general",
    "clips",
    "memes",
    "off-topic",
    "announcements",
    "voice-chat",
    "music",
    "highlights",
    "screenshots",
    "support",
    "bots",
    "art",
];

/// One guild for each number of channels; this number is also the guild's id.
pub const SIZES: [u64; 3] = [10, 500, 10_000];

/// The number of channels that one-row writes use in turn.
pub const CHANNELS: u64 = 1000;

/// The owner of every guild.
pub const OWNER: u64 = 53_908_232_506_183_680;

/// A guild that the bot sees.
pub fn guild(id: u64) -> GuildSnapshot {
    GuildSnapshot::new(id.into(), format!("guild {id}"))
        .with_icon("f64c48f9ba0a1b1b0a8f1d1d1b1f5e0e")
        .with_owner(UserId::from(OWNER))
}

/// The channels of a guild; their ids are derived from the guild's id.
pub fn channels(guild: u64, count: u64) -> Vec<ChannelSnapshot> {
    let overrides: Settings = OVERRIDES.parse().expect("the overrides are JSON");
    let channel = |number: u64| {
        ChannelSnapshot::new(channel_id(guild, number).into(), name(number), "text")
            .with_settings_overrides(overrides.clone())
    };
    (0..count).map(channel).collect()
}

fn name(number: u64) -> String {
    let name = NAMES[usize::try_from(number).unwrap_or_default() % NAMES.len()];
    format!("{name}-{number}")
}

/// The id of a guild's channel.
pub fn channel_id(guild: u64, number: u64) -> u64 {
    1_000_000_000_000_000_000 + guild * 10_000_000 + number
}

/// The guild whose channels one-row writes use in turn.
pub const BUSY: u64 = 77;

/// Migrates, and stores guilds with their channels and settings.
pub async fn fill(database: &Db) {
    database.migrate().await.expect("the migrations can be applied");
    let settings: Settings = SETTINGS.parse().expect("the settings are JSON");
    for (guild_id, count) in SIZES.map(|size| (size, size)).into_iter().chain([(BUSY, CHANNELS)]) {
        let guild = guild(guild_id).with_channels(channels(guild_id, count));
        db::sync_guild(database, &guild).await.expect("the guild can be stored");
        db::set_guild_settings(database, GuildId::from(guild_id), &settings).await.expect("the settings can be stored");
    }
    for number in 0..CHANNELS {
        let channel = channel_id(BUSY, number).into();
        db::set_channel_reading(database, channel, true).await.expect("the channel can be written");
    }
}
