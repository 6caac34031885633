//! Users and guilds: batches that store the last duplicate, guilds with their channels, deletes that cascade.

use crate::support::changed;
use clip_saver_db::{Db, GuildSnapshot, UserSnapshot, repositories as db};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::Answer;
use super::channels::{Snapshot, distinct};
use super::state::{Guild, Model};

#[derive(Debug, Clone)]
pub enum GuildCall {
    Users(Vec<(u64, String)>),
    Upsert(Vec<(u64, Guild)>),
    Sync(u64, Guild, Vec<Snapshot>),
    Touch(u64),
    Get(u64),
    Delete(Vec<u64>),
}

impl GuildCall {
    pub fn own(task: u64) -> impl Strategy<Value = Self> {
        let id = task * 10..task * 10 + 3;
        let name = || (0..100).prop_map(|n| format!("name {n}"));
        let guild = || (name(), option::of(id.clone())).prop_map(|(name, owner)| Guild { name, owner });
        prop_oneof![
            2 => vec((id.clone(), name()), 0..4).prop_map(Self::Users),
            3 => vec((id.clone(), guild()), 0..4).prop_map(Self::Upsert),
            3 => (id.clone(), guild(), vec(Snapshot::any(task), 0..4)).prop_map(|(id, g, c)| Self::Sync(id, g, c)),
            1 => id.clone().prop_map(Self::Touch),
            1 => id.clone().prop_map(Self::Get),
            1 => vec(id.clone(), 0..2).prop_map(Self::Delete),
        ]
    }

    pub async fn on_database(&self, db: &Db) -> Answer {
        match self {
            Self::Users(users) => {
                let users: Vec<_> = users.iter().map(|(id, name)| UserSnapshot::new((*id).into(), name)).collect();
                Answer::of(db::upsert_users(db, &users).await, Answer::count)
            }
            Self::Upsert(guilds) => {
                let guilds: Vec<_> = guilds.iter().map(|(id, guild)| snapshot(*id, guild, &[])).collect();
                match &guilds[..] {
                    [guild] => Answer::of(db::upsert_guild(db, guild).await, |()| Answer::Number(1)),
                    guilds => Answer::of(db::upsert_guilds(db, guilds).await, Answer::count),
                }
            }
            Self::Sync(id, guild, channels) => {
                Answer::of(db::sync_guild(db, &snapshot(*id, guild, channels)).await, Answer::count)
            }
            Self::Touch(id) => Answer::of(db::touch_guild(db, (*id).into()).await, Answer::Is),
            Self::Get(id) => Answer::of(db::get_guild(db, (*id).into()).await, |guild| Answer::Is(guild.is_some())),
            Self::Delete(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| (*id).into()).collect();
                Answer::of(db::delete_guilds(db, &ids).await, Answer::count)
            }
        }
    }

    pub fn on_model(&self, model: &mut Model) -> Answer {
        match self {
            Self::Users(users) => {
                model.users.extend(users.iter().map(|(id, name)| (*id, Some(name.clone()))));
                distinct(users.iter().map(|(id, _)| *id))
            }
            Self::Upsert(guilds) => upsert(model, guilds),
            Self::Sync(id, guild, channels) => {
                if let Some(owner) = guild.owner {
                    model.users.entry(owner).or_default();
                }
                model.guilds.insert(*id, guild.clone());
                model.write_channels(*id, channels)
            }
            Self::Touch(id) | Self::Get(id) => Answer::Is(model.guilds.contains_key(id)),
            Self::Delete(ids) => delete(model, ids),
        }
    }
}

fn snapshot(id: u64, guild: &Guild, channels: &[Snapshot]) -> GuildSnapshot {
    changed!(
        GuildSnapshot::new(id.into(), guild.name.clone()),
        owner_user_id = guild.owner.map(Into::into),
        channels = channels.iter().map(Into::into).collect()
    )
}

/// Stores all guilds, or none if an owner is unknown.
fn upsert(model: &mut Model, guilds: &[(u64, Guild)]) -> Answer {
    let before = model.guilds.clone();
    model.guilds.extend(guilds.iter().cloned());
    let is_known = |(id, _): &(u64, Guild)| model.guilds[id].owner.is_none_or(|owner| model.users.contains_key(&owner));
    if guilds.iter().all(is_known) {
        return distinct(guilds.iter().map(|(id, _)| *id));
    }
    model.guilds = before;
    Answer::Refused("bot_guilds_owner_user_id_fkey".into())
}

/// Also deletes channels and runs. Settings stay.
fn delete(model: &mut Model, ids: &[u64]) -> Answer {
    let before = model.guilds.len();
    model.guilds.retain(|id, _| !ids.contains(id));
    model.delete_channels(|channel| ids.contains(&channel.guild));
    Answer::count((before - model.guilds.len()) as u64)
}
