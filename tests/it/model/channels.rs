//! Channels: batches whose overrides are merged in order, counters, cursors, settings.

use crate::support::changed;
use std::collections::BTreeSet;

use clip_saver_db::{Channel as Row, ChannelSnapshot, Db, repositories as db};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::settings::{json, object, of_task, parsed};
use super::state::{Channel, Model, SHARED};
use super::{Answer, Object};
use crate::properties::amount;

/// A channel as the bot sees it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    id: u64,
    name: Option<String>,
    is_nsfw: bool,
    overrides: Option<Object>,
}

#[derive(Debug, Clone)]
pub enum ChannelCall {
    Upsert(u64, Vec<Snapshot>),
    List(u64),
    Total(u64),
    Delete(Vec<u64>),
    One(u64, Change),
}

/// A change of one channel.
#[derive(Debug, Clone)]
pub enum Change {
    Get,
    Read(bool),
    Cursor(Option<u64>),
    Progress(u64, i64),
    Count(i64),
    Activity,
    Update(Object),
    Set(Object),
}

pub fn distinct(ids: impl Iterator<Item = u64>) -> Answer {
    Answer::count(ids.collect::<BTreeSet<_>>().len() as u64)
}

impl Snapshot {
    pub fn any(task: u64) -> impl Strategy<Value = Self> {
        let name = option::of((0..100).prop_map(|n| format!("name {n}")));
        (task * 10..task * 10 + 4, name, any::<bool>(), option::of(object()))
            .prop_map(|(id, name, is_nsfw, overrides)| Self { id, name, is_nsfw, overrides })
    }
}

impl From<&Snapshot> for ChannelSnapshot {
    fn from(channel: &Snapshot) -> Self {
        changed!(
            Self::new(channel.id.into(), "", ""),
            name = channel.name.clone(),
            kind = None,
            is_nsfw = channel.is_nsfw,
            settings_overrides = channel.overrides.as_ref().map(json),
        )
    }
}

impl Change {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            1 => Just(Self::Get),
            3 => prop::bool::weighted(0.8).prop_map(Self::Read),
            2 => option::of(0..2_000_u64).prop_map(Self::Cursor),
            3 => (0..2_000_u64, amount()).prop_map(|(seen, count)| Self::Progress(seen, count)),
            2 => amount().prop_map(Self::Count),
            1 => Just(Self::Activity),
            1 => object().prop_map(Self::Update),
            1 => object().prop_map(Self::Set),
        ]
    }

    /// Changes whose order does not matter.
    fn commutes(task: u64) -> impl Strategy<Value = Self> {
        prop_oneof![
            2 => (0..2_000_u64, 0..100_i64).prop_map(|(seen, count)| Self::Progress(seen, count)),
            2 => (-100..100_i64).prop_map(Self::Count),
            1 => Just(Self::Activity),
            1 => of_task(task).prop_map(Self::Update),
        ]
    }

    async fn on_database(&self, db: &Db, id: u64) -> Answer {
        let channel = id.into();
        let result = match self {
            Self::Get => db::get_channel(db, channel).await.map(|channel| channel.is_some()),
            Self::Read(is_reading) => db::set_channel_reading(db, channel, *is_reading).await,
            Self::Cursor(cursor) => db::update_channel_cursor(db, channel, cursor.map(Into::into)).await,
            Self::Progress(seen, count) => db::update_channel_progress(db, channel, (*seen).into(), *count).await,
            Self::Count(by) => db::increment_channel_message_count(db, channel, *by).await,
            Self::Activity => db::touch_channel_activity(db, channel).await,
            Self::Update(patch) => {
                let result = db::update_channel_settings(db, channel, &json(patch)).await;
                return Answer::of(result, |row| Answer::Object(row.map(|row| parsed(&row.settings))));
            }
            Self::Set(settings) => {
                let result = db::set_channel_settings(db, channel, &json(settings)).await;
                return Answer::of(result, |row| Answer::Object(row.map(|row| parsed(&row.settings))));
            }
        };
        Answer::of(result, Answer::Is)
    }

    fn on_model(&self, channel: Option<&mut Channel>) -> Answer {
        let Some(channel) = channel else {
            return if let Self::Update(_) | Self::Set(_) = self { Answer::Object(None) } else { Answer::Is(false) };
        };
        match self {
            Self::Get => {}
            Self::Read(is_reading) => {
                channel.is_reading = *is_reading;
                channel.settings.insert("is_enabled".into(), (*is_reading).into());
            }
            Self::Cursor(cursor) => (channel.cursor, channel.is_scanned) = (*cursor, true),
            Self::Progress(_, by) | Self::Count(by) => {
                let Some(count) = channel.count.checked_add(*by) else { return Answer::Refused("22003".into()) };
                channel.count = count;
                if let Self::Progress(seen, _) = self {
                    (channel.cursor, channel.is_scanned) = (channel.cursor.max(Some(*seen)), true);
                }
            }
            Self::Activity => channel.is_active = true,
            Self::Update(patch) => channel.settings.extend(patch.clone()),
            Self::Set(settings) => channel.settings.clone_from(settings),
        }
        if let Self::Update(_) | Self::Set(_) = self {
            Answer::Object(Some(channel.settings.clone()))
        } else {
            Answer::Is(true)
        }
    }
}

impl ChannelCall {
    pub fn own(task: u64) -> impl Strategy<Value = Self> {
        let guild = task * 10..task * 10 + 3;
        let id = task * 10..task * 10 + 4;
        prop_oneof![
            3 => (guild.clone(), vec(Snapshot::any(task), 0..4)).prop_map(|(guild, c)| Self::Upsert(guild, c)),
            1 => guild.clone().prop_map(Self::List),
            1 => guild.prop_map(Self::Total),
            1 => vec(id.clone(), 0..2).prop_map(Self::Delete),
            8 => (id, Change::any()).prop_map(|(id, change)| Self::One(id, change)),
        ]
    }

    pub fn shared(task: u64) -> impl Strategy<Value = Self> {
        (SHARED, Change::commutes(task)).prop_map(|(id, change)| Self::One(id, change))
    }

    pub async fn on_database(&self, db: &Db) -> Answer {
        let ids = |channels: Vec<Row>| Answer::Ids(channels.iter().map(|channel| channel.channel_id.get()).collect());
        match self {
            Self::Upsert(guild, channels) => {
                let channels: Vec<_> = channels.iter().map(Into::into).collect();
                Answer::of(db::upsert_channels_for_guild(db, (*guild).into(), &channels).await, Answer::count)
            }
            Self::List(guild) => Answer::of(db::get_channels_by_guild(db, (*guild).into()).await, ids),
            Self::Total(guild) => Answer::of(db::total_message_count(db, (*guild).into()).await, Answer::Number),
            Self::Delete(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| (*id).into()).collect();
                Answer::of(db::delete_channels(db, &ids).await, Answer::count)
            }
            Self::One(id, change) => change.on_database(db, *id).await,
        }
    }

    pub fn on_model(&self, model: &mut Model) -> Answer {
        match self {
            Self::Upsert(guild, channels) if channels.is_empty() || model.guilds.contains_key(guild) => {
                model.write_channels(*guild, channels)
            }
            Self::Upsert(..) => Answer::Refused("bot_channels_guild_id_fkey".into()),
            Self::List(guild) => Answer::Ids(model.by_name(*guild)),
            Self::Total(guild) => {
                let counts = model.channels.values().filter(|channel| channel.guild == *guild);
                let sum: i128 = counts.map(|channel| i128::from(channel.count)).sum();
                i64::try_from(sum).map_or(Answer::Refused("22003".into()), Answer::Number)
            }
            Self::Delete(ids) => {
                let doomed: BTreeSet<u64> = ids.iter().copied().filter(|id| model.channels.contains_key(id)).collect();
                model.channels.retain(|id, _| !doomed.contains(id));
                model.runs.retain(|_, run| !doomed.contains(&run.channel));
                distinct(doomed.into_iter())
            }
            Self::One(id, change) => change.on_model(model.channels.get_mut(id)),
        }
    }
}

impl Model {
    /// Stores the last one of duplicates, with the overrides of all of them.
    pub fn write_channels(&mut self, guild: u64, channels: &[Snapshot]) -> Answer {
        for snapshot in channels {
            let channel = self.channels.entry(snapshot.id).or_default();
            channel.guild = guild;
            channel.name.clone_from(&snapshot.name);
            channel.is_nsfw = snapshot.is_nsfw;
            channel.settings.extend(snapshot.overrides.clone().unwrap_or_default());
        }
        distinct(channels.iter().map(|channel| channel.id))
    }

    /// Also deletes the channels' runs.
    pub fn delete_channels(&mut self, is_doomed: impl Fn(&Channel) -> bool) {
        self.channels.retain(|_, channel| !is_doomed(channel));
        self.runs.retain(|_, run| self.channels.contains_key(&run.channel));
    }

    /// By name, then by id as a number. Channels without a name come last.
    fn by_name(&self, guild: u64) -> Vec<u64> {
        let mut channels: Vec<_> = self.channels.iter().filter(|(_, channel)| channel.guild == guild).collect();
        channels.sort_by_key(|(id, channel)| (channel.name.is_none(), channel.name.clone(), **id));
        channels.into_iter().map(|(id, _)| *id).collect()
    }
}
