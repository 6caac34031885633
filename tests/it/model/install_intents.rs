//! Install intents: a state can be created once and consumed once.

use std::time::Duration;

use clip_saver_db::{Db, NewInstallIntent, repositories as db};
use proptest::prelude::*;

use super::state::{Model, SHARED};
use super::{Answer, SHARED_OWNER};

#[derive(Debug, Clone)]
pub enum IntentCall {
    Create { state: String, user: u64 },
    Get(String),
    Consume(String),
}

fn state(task: u64) -> impl Strategy<Value = String> {
    SHARED.prop_map(move |n| format!("{task}-{n}"))
}

impl IntentCall {
    pub fn own(task: u64) -> impl Strategy<Value = Self> {
        (0..3, state(task), task * 10..task * 10 + 3).prop_map(|(kind, state, user)| match kind {
            0 => Self::Create { state, user },
            1 => Self::Get(state),
            _ => Self::Consume(state),
        })
    }

    pub fn shared() -> impl Strategy<Value = Self> {
        state(SHARED_OWNER).prop_map(Self::Consume)
    }

    pub async fn on_database(&self, db: &Db) -> Answer {
        match self {
            Self::Create { state, user } => {
                let (state, user_id, guild_id) = (state.clone(), (*user).into(), (*user).into());
                let intent = NewInstallIntent::new(state, user_id, guild_id, Duration::from_hours(1));
                Answer::of(db::create_install_intent(db, &intent).await, |_| Answer::Is(true))
            }
            Self::Get(state) => Answer::of(db::get_install_intent(db, state).await, |i| Answer::Is(i.is_some())),
            Self::Consume(state) => {
                Answer::of(db::consume_install_intent(db, state).await, |i| Answer::Is(i.is_some()))
            }
        }
    }

    pub fn on_model(&self, model: &mut Model) -> Answer {
        match self {
            Self::Create { state, .. } if model.intents.contains_key(state) => {
                Answer::Refused("install_intents_pkey".into())
            }
            Self::Create { user, .. } if !model.users.contains_key(user) => {
                Answer::Refused("install_intents_user_id_fkey".into())
            }
            Self::Create { state, user } => {
                model.intents.insert(state.clone(), *user);
                Answer::Is(true)
            }
            Self::Get(state) => Answer::Is(model.intents.contains_key(state)),
            Self::Consume(state) => Answer::Is(model.intents.remove(state).is_some()),
        }
    }
}
