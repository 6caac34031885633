//! Values that Rust can hold and PostgreSQL cannot: they are refused before they are sent, and the error names the field.
//! `properties` tries the rest.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clip_saver_db::{Error, ErrorKind, GuildSnapshot, NewInstallIntent, UserSnapshot, repositories as db};

use crate::support::{TestDatabase, changed, json, user};

/// The field and the message of a refusal.
fn refused<T>(result: Result<T, Error>) -> (String, String) {
    let error = result.map(drop).expect_err("the value is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    (error.field().expect("the error names the field").to_owned(), error.to_string())
}

#[tokio::test]
async fn a_time_before_postgresqls_calendar_is_refused() {
    let database = TestDatabase::new().await;
    let first: DateTime<Utc> = "-4713-11-24T00:00:00Z".parse().unwrap();
    let user = |time| changed!(UserSnapshot::new(7.into(), "x"), last_login_at = Some(time));
    let guild = |time| changed!(GuildSnapshot::new(1.into(), "x"), joined_at = Some(time));
    for early in [first - TimeDelta::nanoseconds(1), DateTime::<Utc>::MIN_UTC] {
        assert_eq!(refused(db::upsert_user(&*database, &user(early)).await).0, "last_login_at");
        assert_eq!(
            refused(db::upsert_users(&*database, &[user(first), user(early)]).await).0,
            "users[1].last_login_at"
        );
        assert_eq!(refused(db::upsert_guild(&*database, &guild(early)).await).0, "joined_at");
        assert_eq!(refused(db::upsert_guilds(&*database, &[guild(early)]).await).0, "guilds[0].joined_at");
        assert_eq!(refused(db::sync_guild(&*database, &guild(early)).await).0, "joined_at");
    }
    assert_eq!(database.text("select (select count(*) from users) + (select count(*) from bot_guilds)").await, "0");

    for time in [first, DateTime::<Utc>::MAX_UTC] {
        db::upsert_user(&*database, &user(time)).await.unwrap();

        let read = db::get_user(&*database, 7.into()).await.unwrap().unwrap().last_login_at.unwrap();
        assert_eq!(read.timestamp_micros(), time.timestamp_micros());
    }
}

#[tokio::test]
async fn settings_of_more_than_2000_levels_are_refused() {
    let database = TestDatabase::new().await;
    let deep = |levels| json(&format!(r#"{{"a": {}{}}}"#, "[".repeat(levels), "]".repeat(levels)));

    let stored = db::set_guild_settings(&*database, 1.into(), &deep(1_999)).await.unwrap();
    let error = refused(db::set_guild_settings(&*database, 1.into(), &deep(2_000)).await);

    assert_eq!(stored.settings, deep(1_999));
    assert!(error.0 == "settings" && error.1.ends_with("is nested more than 2,000 levels deep"), "{error:?}");
}

#[tokio::test]
async fn a_number_of_more_than_1000_digits_is_refused() {
    let database = TestDatabase::new().await;
    for number in ["1e1000", "-1e-1000", "0e99999", "1e99999999999999999999", &"9".repeat(1_001)] {
        let settings = json(&format!(r#"{{"a": [{number}]}}"#));

        let error = refused(db::set_guild_settings(&*database, 1.into(), &settings).await);

        assert!(error.0 == "settings" && error.1.ends_with("holds a number of more than 1,000 digits"), "{error:?}");
    }
    let settings = json(&format!(r#"{{"a": [1e999, -1e-998, {}], "1e9999": "1e9999"}}"#, "9".repeat(1_000)));
    assert_eq!(db::set_guild_settings(&*database, 1.into(), &settings).await.unwrap().settings, settings);
}

#[tokio::test]
async fn a_state_that_is_too_long_for_the_index_is_refused() {
    let database = TestDatabase::new().await;
    let user_id = user(&database, 7).await;
    let intent = |state| NewInstallIntent::new(state, user_id, 1.into(), Duration::from_mins(1));

    let longest = db::create_install_intent(&*database, &intent("x".repeat(2_000))).await;
    let error = refused(db::create_install_intent(&*database, &intent("y".repeat(2_001))).await);

    assert!(longest.is_ok(), "{longest:?}");
    assert!(error.0 == "state" && error.1.ends_with("is over 2,000 bytes long"), "{error:?}");
}
