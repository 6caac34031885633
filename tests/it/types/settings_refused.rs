//! Which escapes in settings are refused before anything is sent, and which are stored.

use clip_saver_db::{Error, ErrorKind, Settings, repositories as db};

use crate::support::{TestDatabase, assert_error, json};

const REFUSED: [&str; 14] = [
    r#"{"a": "\u0000"}"#,
    r#"{"a": "before \u0000 after"}"#,
    r#"{"\u0000": 1}"#,
    r#"{"a": {"b": [1, "\u0000"]}}"#,
    r#"{"a": [{"key \u0000": 1}]}"#,
    r#"{"a": "\\\u0000"}"#,
    r#"{"a": "\"\u0000"}"#,
    r#"{"a": "\ud83d\ude00\u0000"}"#,
    r#"{"a": "\ud83d"}"#,
    r#"{"a": "\uDE00"}"#,
    r#"{"a": "\ud83d\u0041"}"#,
    r#"{"a": "\ud83d\ud83d\ude00"}"#,
    r#"{"a": "\ud83d \ude00"}"#,
    r#"{"\ude00\ud83d": 1}"#,
];

const STORED: [(&str, &str); 10] = [
    (r#"{"a": "\\u0000"}"#, r"\u0000"),
    (r#"{"a": "\\\\u0000"}"#, r"\\u0000"),
    (r#"{"a": "\\ud83d"}"#, r"\ud83d"),
    (r#"{"a": "\u0001"}"#, "\u{1}"),
    (r#"{"a": "\u005cu0000"}"#, r"\u0000"),
    (r#"{"a": "\ud83d\ude00"}"#, "😀"),
    (r#"{"a": "\uD83D\uDE00\uDBFF\uDFFF"}"#, "😀\u{10FFFF}"),
    (r#"{"a": "\ud7ff\ue000\uffff"}"#, "\u{D7FF}\u{E000}\u{FFFF}"),
    (r#"{"a": "\\\"\/\b\f\n\r\t"}"#, "\\\"/\u{8}\u{c}\n\r\t"),
    (r#"{"a": "😀é\u00e9"}"#, "😀éé"),
];

fn assert_refused(error: &Error, in_function: &str, of_field: &str) {
    assert_error(error, ErrorKind::InvalidInput, in_function, of_field);
}

#[tokio::test]
async fn u0000_and_lone_surrogates_are_refused_and_the_error_names_the_argument() {
    let database = TestDatabase::new().await;
    db::ensure_guild_settings(&*database, 1.into(), &json("{}")).await.unwrap();
    for text in REFUSED {
        let value = json(text);

        let ensure = db::ensure_guild_settings(&*database, 2.into(), &value).await.expect_err(text);
        let update = db::update_guild_settings(&*database, 1.into(), &value).await.expect_err(text);
        let set = db::set_guild_settings(&*database, 1.into(), &value).await.expect_err(text);

        assert_refused(&ensure, "ensure_guild_settings", "defaults");
        assert_refused(&update, "update_guild_settings", "patch");
        assert_refused(&set, "set_guild_settings", "settings");
    }
    assert_eq!(database.text("select string_agg(guild_id || settings::text, ' ') from guild_settings").await, "1{}");
}

#[tokio::test]
async fn postgresql_could_not_store_the_refused_settings() {
    let database = TestDatabase::new().await;
    database
        .execute(
            "create function is_jsonb(text) returns boolean language plpgsql as
        'begin perform $1::jsonb; return true; exception when others then return false; end'",
        )
        .await;
    for text in REFUSED {
        assert_eq!(database.text(&format!("select is_jsonb($${text}$$)")).await, "f", "{text}");
    }
}

#[tokio::test]
async fn settings_made_from_rust_values_are_also_refused() {
    let database = TestDatabase::new().await;
    for value in [serde_json::json!({"a": "\0"}), serde_json::json!({"\0": 1}), serde_json::json!({"a": [["\0"]]})] {
        for settings in [Settings::try_from(value.clone()).unwrap(), Settings::from_serialize(&value).unwrap()] {
            let error = db::set_guild_settings(&*database, 1.into(), &settings).await.unwrap_err();

            assert_refused(&error, "set_guild_settings", "settings");
        }
    }
}

#[tokio::test]
async fn the_error_says_whether_it_is_u0000_or_a_lone_surrogate() {
    let database = TestDatabase::new().await;
    for (text, word) in [(r#"{"a": "\u0000"}"#, "U+0000"), (r#"{"a": "\ud83d"}"#, "surrogate")] {
        let error = db::set_guild_settings(&*database, 1.into(), &json(text)).await.unwrap_err();

        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn every_other_escape_is_stored() {
    let database = TestDatabase::new().await;
    for (text, expected) in STORED {
        db::set_guild_settings(&*database, 1.into(), &json(text)).await.unwrap();

        let stored = db::get_guild_settings(&*database, 1.into()).await.unwrap().unwrap();
        assert_eq!(stored.settings.get::<String>("a").unwrap().as_deref(), Some(expected), "{text}");
    }
}

#[tokio::test]
async fn white_space_around_an_object_is_accepted() {
    let database = TestDatabase::new().await;

    let stored = db::set_guild_settings(&*database, 1.into(), &json(" \n\t{\"a\": 1}\r ")).await.unwrap();

    assert_eq!(stored.settings, json(r#"{"a": 1}"#));
}
