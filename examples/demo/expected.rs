//! What must be stored in the end, computed from the sample data alone.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::str::FromStr;

use clip_saver_db::{ChannelId, ClipFilter, Db, Error, GuildId, MessageId, repositories as db};
use serde_json::Value;

use super::support::Failure;
use super::support::clips::is_video;

/// The guilds that remain, and what their channels hold.
#[derive(Default)]
pub struct Expected {
    guilds: BTreeMap<GuildId, BTreeMap<ChannelId, Content>>,
    deleted: HashSet<MessageId>,
}

/// What a channel holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Content {
    messages: i64,
    clips: u64,
}

impl Expected {
    pub fn load(gateway: &Path, messages: &Path) -> Result<Self, Failure> {
        let mut expected = Self::default();
        for event in lines(gateway)? {
            expected.happen(event["t"].as_str().unwrap_or_default(), &event["d"]);
        }
        for message in lines(messages)? {
            expected.add(&message);
        }
        Ok(expected)
    }

    pub fn messages(&self) -> u64 {
        self.guilds.values().flat_map(BTreeMap::values).map(|content| content.messages.unsigned_abs()).sum()
    }

    fn happen(&mut self, event: &str, data: &Value) {
        let is_unavailable = data["unavailable"] == true;
        let object: Option<u64> = id(&data["id"]);
        let guild: Option<GuildId> = id(&data["guild_id"]);
        match (event, object, guild) {
            ("GUILD_CREATE", Some(object), _) if !is_unavailable => {
                let channels = self.guilds.entry(object.into()).or_default();
                for channel in
                    data["channels"].as_array().into_iter().flatten().filter_map(|channel| id(&channel["id"]))
                {
                    channels.entry(channel).or_default();
                }
            }
            ("GUILD_DELETE", Some(object), _) if !is_unavailable => drop(self.guilds.remove(&object.into())),
            ("CHANNEL_CREATE", Some(object), Some(guild)) => {
                self.guilds.entry(guild).or_default().entry(object.into()).or_default();
            }
            ("CHANNEL_DELETE", Some(object), Some(guild)) => {
                self.guilds.entry(guild).or_default().remove(&object.into());
            }
            ("MESSAGE_DELETE", Some(object), _) => drop(self.deleted.insert(object.into())),
            ("MESSAGE_DELETE_BULK", ..) => {
                self.deleted.extend(data["ids"].as_array().into_iter().flatten().filter_map(id::<MessageId>));
            }
            _ => {}
        }
    }

    fn add(&mut self, message: &Value) {
        let channel = id(&message["channel_id"]);
        let is_deleted = id(&message["id"]).is_some_and(|id| self.deleted.contains(&id));
        let content = channel.and_then(|id| self.guilds.values_mut().find_map(|channels| channels.get_mut(&id)));
        if let Some(content) = content.filter(|_| !is_deleted) {
            let files = message["attachments"].as_array().into_iter().flatten();
            let is_clip =
                |file: &&Value| is_video(file["filename"].as_str().unwrap_or_default(), file["content_type"].as_str());
            content.messages += 1;
            content.clips += files.filter(is_clip).map(|_| 1).sum::<u64>();
        }
    }

    /// Fails if the database holds anything else of these guilds, or if a part of a channel was not read.
    pub async fn check(&self, database: &Db) -> Result<(), Failure> {
        let mut differences = Vec::new();
        for (guild, expected) in &self.guilds {
            let stored = stored(database, *guild).await?;
            for channel in expected.keys().chain(stored.keys()).collect::<HashSet<_>>() {
                let (expected, stored) = (expected.get(channel), stored.get(channel));
                if expected != stored {
                    differences.push(format!("\nchannel {channel}: the data says {expected:?}, stored is {stored:?}"));
                }
            }
            let unread = db::get_scan_states(database, *guild).await?.into_iter().filter(|state| state.gaps > 0);
            differences
                .extend(unread.map(|state| format!("\nchannel {}: it has gaps: {}", state.channel_id, state.gaps)));
        }
        if differences.is_empty() {
            Ok(())
        } else {
            Err(format!("the totals are wrong:{}", differences.concat()).into())
        }
    }
}

async fn stored(database: &Db, guild: GuildId) -> Result<BTreeMap<ChannelId, Content>, Error> {
    let mut stored = BTreeMap::new();
    for channel in db::get_channels_by_guild(database, guild).await? {
        let clips = db::count_clips(database, &ClipFilter::new(guild).with_channel(channel.channel_id)).await?;
        stored.insert(channel.channel_id, Content { messages: channel.message_count, clips });
    }
    Ok(stored)
}

/// The JSON objects of a file, one a line.
fn lines(path: &Path) -> Result<Vec<Value>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn id<T: FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}
