//! Settings of guilds: created once, merged by top-level keys, replaced.

use clip_saver_db::{Db, Settings, repositories as db};
use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::state::{Model, SHARED};
use super::{Answer, Object};

#[derive(Debug, Clone)]
pub enum SettingsCall {
    Get(u64),
    Ensure(u64, Object),
    Update(u64, Object),
    Set(u64, Object),
}

/// Small settings.
pub fn object() -> impl Strategy<Value = Object> {
    let key = select(vec!["prefix", "max", "is_enabled"]).prop_map(ToOwned::to_owned);
    let value = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i32>().prop_map(Value::from)];
    btree_map(key, value, 0..3).prop_map(Object::from_iter)
}

/// Settings with keys that no other task writes.
pub fn of_task(task: u64) -> impl Strategy<Value = Object> {
    any::<i32>().prop_map(move |value| Object::from_iter([(format!("task {task}"), value.into())]))
}

pub fn json(object: &Object) -> Settings {
    object.clone().into()
}

pub fn parsed(settings: &Settings) -> Object {
    settings.parse().expect("the settings are an object")
}

impl SettingsCall {
    pub fn own(task: u64) -> impl Strategy<Value = Self> {
        (0..4, task * 10..task * 10 + 2, object()).prop_map(|(kind, id, object)| match kind {
            0 => Self::Get(id),
            1 => Self::Ensure(id, object),
            2 => Self::Update(id, object),
            _ => Self::Set(id, object),
        })
    }

    pub fn shared(task: u64) -> impl Strategy<Value = Self> {
        (SHARED, of_task(task)).prop_map(|(id, object)| Self::Update(id, object))
    }

    pub async fn on_database(&self, db: &Db) -> Answer {
        let result = match self {
            Self::Get(id) => db::get_guild_settings(db, (*id).into()).await,
            Self::Ensure(id, defaults) => db::ensure_guild_settings(db, (*id).into(), &json(defaults)).await.map(Some),
            Self::Update(id, patch) => db::update_guild_settings(db, (*id).into(), &json(patch)).await,
            Self::Set(id, settings) => db::set_guild_settings(db, (*id).into(), &json(settings)).await.map(Some),
        };
        Answer::of(result, |row| Answer::Object(row.map(|row| parsed(&row.settings))))
    }

    pub fn on_model(&self, model: &mut Model) -> Answer {
        let all = &mut model.guild_settings;
        Answer::Object(match self {
            Self::Get(id) => all.get(id).cloned(),
            Self::Ensure(id, defaults) => Some(all.entry(*id).or_insert_with(|| defaults.clone()).clone()),
            Self::Update(id, patch) => all.get_mut(id).map(|settings| {
                settings.extend(patch.clone());
                settings.clone()
            }),
            Self::Set(id, settings) => {
                all.insert(*id, settings.clone());
                Some(settings.clone())
            }
        })
    }
}
