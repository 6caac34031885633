//! Text: U+0000 is refused before anything is sent, and the error names the field. Everything else round-trips.

use std::fmt::Debug;
use std::time::Duration;

use clip_saver_db::{
    ChannelSnapshot, Error, ErrorKind, GuildSnapshot, NewInstallIntent, Settings, UserSnapshot, repositories as db,
};

use crate::support::{TestDatabase, assert_error, changed, user};

const NUL: &str = "before \0 after";

/// Texts that have broken programs before.
const TEXTS: [&str; 16] = [
    "",
    " ",
    "\t\r\n",
    "😀👩‍👩‍👧‍👦🏳️‍🌈",
    "مرحبا \u{202E}שלום",
    "e\u{301} é",
    "\u{FFFD}\u{FFFF}\u{10FFFF}\u{1}\u{7F}",
    "\u{FEFF}bom",
    "'; drop table users; --",
    "\" or 1=1",
    "\\'\\\\\\0\\x00\\u0000",
    "$$ $1 %s {} :name ?",
    "NULL",
    "{a,NULL,\"b\"}",
    "E'\\n'",
    "ﬁ ß İ ı",
];

fn assert_refused<T: Debug>(result: Result<T, Error>, in_function: &str, of_field: &str) {
    let error = result.expect_err("the value is refused");
    assert_error(&error, ErrorKind::InvalidInput, in_function, of_field);
    assert!(error.to_string().contains("U+0000"), "{error}");
}

fn guild(name: &str, icon: Option<&str>) -> GuildSnapshot {
    changed!(GuildSnapshot::new(1.into(), name), icon = icon.map(Into::into))
}

/// Three batches of users. In each, another text of the last user holds U+0000.
fn bad_users() -> [(&'static str, Vec<UserSnapshot>); 3] {
    let good = UserSnapshot::new(1.into(), "good");
    let nul = || Some(NUL.to_owned());
    [
        ("username", changed!(good.clone(), username = nul())),
        ("global_name", changed!(good.clone(), global_name = nul())),
        ("avatar", changed!(good.clone(), avatar = nul())),
    ]
    .map(|(field, bad)| (field, vec![good.clone(), good.clone(), bad]))
}

#[tokio::test]
async fn u0000_in_a_guild_is_refused_and_the_error_names_the_field() {
    let database = TestDatabase::new().await;
    for (field, bad) in [("name", guild(NUL, None)), ("icon", guild("x", Some(NUL)))] {
        assert_refused(db::upsert_guild(&*database, &bad).await, "upsert_guild", field);
        assert_refused(db::sync_guild(&*database, &bad).await, "sync_guild", field);
    }
    assert_eq!(database.text("select count(*) from bot_guilds").await, "0");
}

#[tokio::test]
async fn u0000_in_a_batch_of_guilds_is_refused_the_error_names_index_and_field_and_nothing_is_stored() {
    let database = TestDatabase::new().await;
    for (field, bad) in [("guilds[2].name", guild(NUL, None)), ("guilds[2].icon", guild("x", Some(NUL)))] {
        let batch = [guild("x", None), guild("y", None), bad];

        assert_refused(db::upsert_guilds(&*database, &batch).await, "upsert_guilds", field);
    }
    assert_eq!(database.text("select count(*) from bot_guilds").await, "0");
}

#[tokio::test]
async fn u0000_in_a_channel_of_a_guild_is_refused_the_error_names_index_and_field_and_nothing_is_stored() {
    let database = TestDatabase::new().await;
    let overrides: Settings = r#"{"a": "\u0000"}"#.parse().unwrap();
    let good = ChannelSnapshot::new(1.into(), "x", "text");
    for (field, bad) in [
        ("channels[1].name", ChannelSnapshot::new(1.into(), NUL, "text")),
        ("channels[1].kind", ChannelSnapshot::new(1.into(), "x", NUL)),
        ("channels[1].settings_overrides", changed!(good.clone(), settings_overrides = Some(overrides))),
    ] {
        let guild = changed!(guild("x", None), channels = vec![good.clone(), bad]);

        assert_refused(db::sync_guild(&*database, &guild).await, "sync_guild", field);
    }
    assert_eq!(database.text("select count(*) from bot_guilds").await, "0");
}

#[tokio::test]
async fn u0000_in_a_user_is_refused_and_the_error_names_the_field() {
    let database = TestDatabase::new().await;
    for (field, users) in bad_users() {
        let error = db::upsert_user(&*database, &users[2]).await.unwrap_err();

        assert_error(&error, ErrorKind::InvalidInput, "upsert_user", field);
    }
    assert_eq!(database.text("select count(*) from users").await, "0");
}

#[tokio::test]
async fn u0000_in_a_batch_of_users_is_refused_the_error_names_index_and_field_and_nothing_is_stored() {
    let database = TestDatabase::new().await;
    for (field, users) in bad_users() {
        assert_refused(db::upsert_users(&*database, &users).await, "upsert_users", &format!("users[2].{field}"));
    }
    assert_eq!(database.text("select count(*) from users").await, "0");
}

#[tokio::test]
async fn u0000_in_the_state_of_an_intent_is_refused() {
    let database = TestDatabase::new().await;
    let user_id = user(&database, 7).await;
    let intent = NewInstallIntent::new(NUL, user_id, 1.into(), Duration::from_mins(1));

    assert_refused(db::create_install_intent(&*database, &intent).await, "create_install_intent", "state");
    assert_refused(db::get_install_intent(&*database, NUL).await, "get_install_intent", "state");
    assert_refused(db::consume_install_intent(&*database, NUL).await, "consume_install_intent", "state");

    assert_eq!(database.text("select count(*) from install_intents").await, "0");
}

#[tokio::test]
async fn every_character_except_u0000_round_trips_in_a_guild() {
    let database = TestDatabase::new().await;
    let all: String = ('\u{1}'..=char::MAX).collect();
    let named = guild(&all, Some(&all));
    let stored = async || {
        let guild = db::get_guild(&*database, 1.into()).await.unwrap().unwrap();
        guild.name == all && guild.icon.as_ref() == Some(&all)
    };

    db::upsert_guild(&*database, &named).await.unwrap();
    assert!(stored().await);
    db::upsert_guilds(&*database, &[guild("x", None), named.clone()]).await.unwrap();
    assert!(stored().await);
    db::sync_guild(&*database, &named).await.unwrap();
    assert!(stored().await);
}

#[tokio::test]
async fn every_character_except_u0000_round_trips_in_a_user() {
    let database = TestDatabase::new().await;
    let all: String = ('\u{1}'..=char::MAX).collect();
    let text = Some(all.clone());
    let user = changed!(UserSnapshot::new(7.into(), all), global_name = text.clone(), avatar = text.clone());

    db::upsert_user(&*database, &user).await.unwrap();

    let stored = db::get_user(&*database, 7.into()).await.unwrap().unwrap();
    assert!(stored.username == text && stored.global_name == text && stored.avatar == text);
}

#[tokio::test]
async fn every_character_except_u0000_round_trips_in_settings() {
    let database = TestDatabase::new().await;
    let all: Vec<char> = ('\u{1}'..=char::MAX).collect();
    for some in all.chunks(20_000) {
        let some = String::from_iter(some);
        let settings = Settings::from_serialize(&serde_json::json!({&*some: some})).unwrap();

        db::set_guild_settings(&*database, 1.into(), &settings).await.unwrap();

        let stored = db::get_guild_settings(&*database, 1.into()).await.unwrap().unwrap();
        assert!(stored.settings.get::<String>(&some).unwrap() == Some(some));
    }
}

#[tokio::test]
async fn unusual_texts_round_trip_in_guilds_users_and_settings() {
    let database = TestDatabase::new().await;
    for text in TEXTS {
        db::upsert_guilds(&*database, &[guild(text, Some(text))]).await.unwrap();
        let guild = db::get_guild(&*database, 1.into()).await.unwrap().unwrap();
        assert_eq!((guild.name.as_str(), guild.icon.as_deref()), (text, Some(text)));

        let settings = Settings::from_serialize(&serde_json::json!({text: text})).unwrap();
        db::set_guild_settings(&*database, 1.into(), &settings).await.unwrap();
        db::update_guild_settings(&*database, 1.into(), &settings).await.unwrap();
        let stored = db::get_guild_settings(&*database, 1.into()).await.unwrap().unwrap().settings;
        assert_eq!(stored.get::<String>(text).unwrap().as_deref(), Some(text));
    }
    let users: Vec<_> = (0..).zip(TEXTS).map(|(id, text)| UserSnapshot::new(id.into(), text)).collect();
    db::upsert_users(&*database, &users).await.unwrap();
    for user in users {
        assert_eq!(db::get_user(&*database, user.id).await.unwrap().unwrap().username, user.username);
    }
}

#[tokio::test]
async fn unusual_texts_are_distinct_states_of_install_intents() {
    let database = TestDatabase::new().await;
    let user_id = user(&database, 7).await;
    for state in TEXTS {
        let lifetime = Duration::from_mins(1);
        let intent = NewInstallIntent::new(state, user_id, 1.into(), lifetime);
        assert_eq!(db::create_install_intent(&*database, &intent).await.unwrap().state, state);
    }
    for state in TEXTS {
        assert_eq!(db::get_install_intent(&*database, state).await.unwrap().unwrap().state, state);
        assert_eq!(db::consume_install_intent(&*database, state).await.unwrap().unwrap().state, state);
    }
}
