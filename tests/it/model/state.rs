//! The rows. Of a time, the model holds only whether it is set.

use std::collections::BTreeMap;
use std::sync::Arc;

use clip_saver_db::{GuildSnapshot, NewInstallIntent, ScanRunId, UserSnapshot, repositories as db};
use tokio_postgres::Row;

use super::{Object, SHARED_OWNER};
use crate::support::{TestDatabase, channel, connect, queued_run};

/// A run: its task, and its index among the runs that the task has enqueued.
pub type Slot = (u64, usize);

#[derive(Debug, Default, PartialEq)]
pub struct Model {
    pub task: u64,
    pub users: BTreeMap<u64, Option<String>>,
    pub guilds: BTreeMap<u64, Guild>,
    pub guild_settings: BTreeMap<u64, Object>,
    pub channels: BTreeMap<u64, Channel>,
    pub runs: BTreeMap<Slot, Run>,
    pub enqueued: usize,
    pub intents: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Guild {
    pub name: String,
    pub owner: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "so has the table")]
pub struct Channel {
    pub guild: u64,
    pub name: Option<String>,
    pub is_nsfw: bool,
    pub is_reading: bool,
    pub cursor: Option<u64>,
    pub count: i64,
    pub settings: Object,
    pub is_scanned: bool,
    pub is_active: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    pub channel: u64,
    pub after: Option<u64>,
    pub status: String,
    pub scanned: i64,
    pub matched: i64,
    pub error: Option<String>,
    pub last: Option<u64>,
    pub is_started: bool,
    pub is_finished: bool,
}

/// Rows that all tasks share: two of each kind, so two calls may hit the same row or different ones.
pub const SHARED: std::ops::Range<u64> = 0..2;

/// Stores the shared rows, and returns the model of them.
pub async fn arrange(database: &TestDatabase) -> (Model, Arc<[ScanRunId]>) {
    let (mut model, mut runs) = (Model::of(SHARED_OWNER), Vec::new());
    db::upsert_user(&**database, &UserSnapshot::new(0.into(), "user")).await.unwrap();
    model.users.insert(0, Some("user".into()));
    db::upsert_guild(&**database, &GuildSnapshot::new(0.into(), "guild")).await.unwrap();
    model.guilds.insert(0, Guild { name: "guild".into(), owner: None });
    for n in SHARED {
        let id = channel(database, 0.into(), n).await;
        assert!(db::set_channel_reading(&**database, id, true).await.unwrap());
        let settings = [("is_enabled".to_owned(), true.into())].into_iter().collect();
        let name = Some(format!("channel {n}"));
        model.channels.insert(n, Channel { name, is_reading: true, settings, ..Channel::default() });
        runs.push(queued_run(database, id).await);
        let run = Run { channel: n, status: "queued".into(), ..Run::default() };
        model.runs.insert((SHARED_OWNER, runs.len() - 1), run);
        db::ensure_guild_settings(&**database, n.into(), &super::settings::json(&Object::new())).await.unwrap();
        model.guild_settings.insert(n, Object::new());
        let lifetime = std::time::Duration::from_hours(1);
        let intent = NewInstallIntent::new(format!("0-{n}"), 0.into(), 0.into(), lifetime);
        db::create_install_intent(&**database, &intent).await.unwrap();
        model.intents.insert(intent.state, 0);
    }
    (model, runs.into())
}

fn number(row: &Row, column: usize) -> Option<u64> {
    row.get::<_, Option<&str>>(column).map(|text| text.parse().expect("an id is a number"))
}

fn object(row: &Row, column: usize) -> Object {
    serde_json::from_str(row.get(column)).expect("settings are an object")
}

impl Model {
    pub fn of(task: u64) -> Self {
        Self { task, ..Self::default() }
    }

    /// Adds the rows of another.
    pub fn absorb(&mut self, mut other: Self) {
        self.users.append(&mut other.users);
        self.guilds.append(&mut other.guilds);
        self.guild_settings.append(&mut other.guild_settings);
        self.channels.append(&mut other.channels);
        self.runs.append(&mut other.runs);
        self.intents.append(&mut other.intents);
    }

    /// The rows that the database holds. `runs` has the ids of all runs by task.
    pub async fn stored(database: &TestDatabase, runs: &[Vec<ScanRunId>]) -> Self {
        let sql = connect(&database.url()).await;
        let rows = async |query: &str| sql.query(query, &[]).await.expect("the tables exist");
        let id = |row: &Row| number(row, 0).expect("a key");
        let users = rows("select discord_user_id, username from users").await;
        let guilds = rows("select guild_id, name, owner_user_id from bot_guilds").await;
        let guild_settings = rows("select guild_id, settings::text from guild_settings").await;
        let channels = rows(
            "select channel_id, guild_id, name, is_nsfw, is_reading, last_message_id, message_count, settings::text,
               last_scanned_at is not null, last_activity_at is not null from bot_channels",
        );
        let of_channels = rows(
            "select channel_id, after_message_id, status::text, messages_scanned, messages_matched, error_message,
               started_at is not null, finished_at is not null, last_message_id, id from bot_channel_scan_runs",
        );
        let intents = rows("select state, guild_id from install_intents").await;
        Self {
            users: users.iter().map(|row| (id(row), row.get(1))).collect(),
            guilds: guilds.iter().map(|row| (id(row), Guild { name: row.get(1), owner: number(row, 2) })).collect(),
            guild_settings: guild_settings.iter().map(|row| (id(row), object(row, 1))).collect(),
            channels: channels.await.iter().map(|row| (id(row), Channel::from(row))).collect(),
            runs: of_channels
                .await
                .iter()
                .map(|row| (slot(runs, row.get::<_, uuid::Uuid>(9).into()), row.into()))
                .collect(),
            intents: intents.iter().map(|row| (row.get(0), number(row, 1).expect("a guild"))).collect(),
            ..Self::default()
        }
    }
}

fn slot(runs: &[Vec<ScanRunId>], id: ScanRunId) -> Slot {
    let places = (0..).zip(runs).filter_map(|(task, runs)| Some((task, runs.iter().position(|run| *run == id)?)));
    places.last().expect("a task has enqueued the run")
}

impl From<&Row> for Channel {
    fn from(row: &Row) -> Self {
        Self {
            guild: number(row, 1).expect("a guild"),
            name: row.get(2),
            is_nsfw: row.get(3),
            is_reading: row.get(4),
            cursor: number(row, 5),
            count: row.get(6),
            settings: object(row, 7),
            is_scanned: row.get(8),
            is_active: row.get(9),
        }
    }
}

impl From<&Row> for Run {
    fn from(row: &Row) -> Self {
        Self {
            channel: number(row, 0).expect("a channel"),
            after: number(row, 1),
            status: row.get(2),
            scanned: row.get(3),
            matched: row.get(4),
            error: row.get(5),
            is_started: row.get(6),
            is_finished: row.get(7),
            last: number(row, 8),
        }
    }
}
