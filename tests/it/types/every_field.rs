//! Every function that takes a snapshot stores each of its fields, in a new row and in an existing one.
//!
//! The fields are those that `Debug` shows, so this test finds a new field that is not stored.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::slice::from_ref;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clip_saver_db::{ChannelSnapshot, GuildSnapshot, NewInstallIntent, UserSnapshot, repositories as db};

use crate::project::style::NONE;
use crate::support::{TestDatabase, guild, json, user};

/// The fields of a struct and what they hold. `Some(x)` and `x` are the same.
pub fn fields(value: &impl Debug) -> BTreeMap<String, String> {
    let text = format!("{value:#?}");
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().skip(1) {
        let field = line.strip_prefix("    ").filter(|field| field.starts_with(|c: char| c.is_ascii_lowercase()));
        if let Some((name, value)) = field.and_then(|field| field.split_once(": ")) {
            fields.push((name.to_owned(), value.to_owned()));
        } else if let Some((_, value)) = fields.last_mut() {
            value.push_str(line.trim());
        }
    }
    let plain = |value: String| value.replace("Some(", "").replace([',', ')', '}'], "");
    fields.into_iter().map(|(name, value)| (name, plain(value))).collect()
}

/// The fields that are equal in two snapshots of one row: a test of such a field would find nothing.
fn same(one: &impl Debug, other: &impl Debug) -> Vec<String> {
    let other = fields(other);
    fields(one).into_iter().filter(|(name, value)| other[name] == *value).map(|(name, _)| name).collect()
}

/// The fields of a snapshot that the row does not hold. `names` are those with another name there.
fn not_stored(snapshot: &impl Debug, row: &impl Debug, names: &[(&str, &str)]) -> Vec<String> {
    let row = fields(row);
    let name_in_row =
        |name: &str| names.iter().find(|(given, _)| *given == name).map_or(name.to_owned(), |(_, n)| (*n).to_owned());
    fields(snapshot)
        .into_iter()
        .filter(|(name, value)| row.get(&name_in_row(name)) != Some(value))
        .map(|(name, _)| name)
        .collect()
}

/// The first and the second value that is stored.
const TIMES: [i64; 2] = [1, 2];

fn time(n: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(n * 1_000_000, 0).unwrap()
}

#[tokio::test]
async fn every_field_of_a_user_is_stored_and_replaced() {
    let database = TestDatabase::new().await;
    let users = TIMES.map(|n| {
        UserSnapshot::new(1.into(), format!("username {n}"))
            .with_global_name(format!("global name {n}"))
            .with_avatar(format!("avatar {n}"))
            .with_last_login_at(time(n))
    });
    assert_eq!(same(&users[0], &users[1]), ["id"], "set the field above, to a value that depends on n");

    for user in users {
        db::upsert_user(&*database, &user).await.unwrap();

        let row = db::get_user(&*database, user.id).await.unwrap().unwrap();
        assert_eq!(
            not_stored(&user, &row, &[("id", "discord_user_id")]),
            NONE,
            "upsert_users stores all fields but these"
        );
    }
}

#[tokio::test]
async fn every_field_of_a_guild_is_stored_and_replaced_but_for_the_time_of_joining() {
    let database = TestDatabase::new().await;
    let owners = [user(&database, 1).await, user(&database, 2).await];
    let guild = |id: u64, n: i64| {
        GuildSnapshot::new(id.into(), format!("name {n}"))
            .with_icon(format!("icon {n}"))
            .with_owner(owners[usize::from(n == 2)])
            .with_joined_at(time(n))
            .with_channels(vec![ChannelSnapshot::new((id + 1).into(), format!("channel {n}"), "text")])
    };
    assert_eq!(same(&guild(1001, 1), &guild(1001, 2)), ["id"], "set the field above, to a value that depends on n");

    for (function, id) in [("upsert_guild", 1001), ("upsert_guilds", 1002), ("sync_guild", 1003)] {
        // Channels have rows of their own.
        for (n, kept) in [(1, &["channels"][..]), (2, &["channels", "joined_at"])] {
            let guild = guild(id, n);
            match function {
                "upsert_guild" => db::upsert_guild(&*database, &guild).await.unwrap(),
                "upsert_guilds" => db::upsert_guilds(&*database, from_ref(&guild)).await.map(drop).unwrap(),
                _ => db::sync_guild(&*database, &guild).await.map(drop).unwrap(),
            }

            let row = db::get_guild(&*database, guild.id).await.unwrap().unwrap();
            assert_eq!(
                not_stored(&guild, &row, &[("id", "guild_id")]),
                kept,
                "{function} stores all fields but these, time {n}"
            );
        }
    }
}

#[tokio::test]
async fn every_field_of_a_channel_is_stored_and_replaced() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1001).await;
    let channels = TIMES.map(|n| {
        ChannelSnapshot::new(2001.into(), format!("name {n}"), format!("kind {n}"))
            .with_nsfw(n == 1)
            .with_settings_overrides(json(&format!(r#"{{"key": {n}}}"#)))
    });
    assert_eq!(same(&channels[0], &channels[1]), ["id"], "set the field above, to a value that depends on n");

    for channel in channels {
        db::upsert_channels_for_guild(&*database, guild, from_ref(&channel)).await.unwrap();

        let row = db::get_channel(&*database, channel.id).await.unwrap().unwrap();
        let names = [("id", "channel_id"), ("settings_overrides", "settings")];
        assert_eq!(not_stored(&channel, &row, &names), NONE, "sync_guild stores all fields but these");
    }
}

#[tokio::test]
async fn every_field_of_an_install_intent_is_stored() {
    let database = TestDatabase::new().await;
    let intent = NewInstallIntent::new("state", user(&database, 1).await, 1001.into(), Duration::from_mins(10));

    let row = db::create_install_intent(&*database, &intent).await.unwrap();

    // `expires_at` is now plus the lifetime.
    assert_eq!(not_stored(&intent, &row, &[]), ["lifetime"]);
}
