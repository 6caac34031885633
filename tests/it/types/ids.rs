//! Ids: which texts parse as an id, how ids are stored, and how they look in JSON.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use chrono::{DateTime, Utc};
use clip_saver_db::{
    ChannelId, Error, ErrorKind, GuildId, GuildSnapshot, MessageId, NewInstallIntent, ScanRunId, UserId,
    repositories as db,
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::support::{TestDatabase, changed, channel, guild, queued_run, reading_channel, user};

/// Discord's documented example.
const EXAMPLE: u64 = 175_928_847_299_117_063;

const NOT_SNOWFLAKES: [&str; 24] = [
    "",
    " ",
    "abc",
    " 1001 ",
    " 1001",
    "1001 ",
    "1001\n",
    "1e4",
    "1.0",
    "0x10",
    "1_000",
    "1,000",
    "NaN",
    "inf",
    "+5",
    "-1",
    "-0",
    "00",
    "007",
    "１００１", // full-width
    "١٠٠١",     // Arabic-Indic
    "18446744073709551616",
    "99999999999999999999",
    "175928847299117063175928847299117063",
];

/// The common functions of the four snowflake types.
trait Snowflake:
    FromStr<Err = Error>
    + for<'a> TryFrom<&'a str, Error = Error>
    + From<u64>
    + Into<u64>
    + Copy
    + Ord
    + Display
    + Debug
    + Serialize
    + DeserializeOwned
{
    const NAME: &'static str;
    fn created_at(self) -> DateTime<Utc>;
}

macro_rules! snowflakes {
    ($($id:ident)*) => {$(
        impl Snowflake for $id {
            const NAME: &'static str = stringify!($id);
            fn created_at(self) -> DateTime<Utc> {
                self.created_at()
            }
        }
    )*};
}

snowflakes!(GuildId ChannelId UserId MessageId);

/// Runs a check for each snowflake type.
macro_rules! for_each_snowflake {
    ($check:ident) => {
        $check::<GuildId>();
        $check::<ChannelId>();
        $check::<UserId>();
        $check::<MessageId>();
    };
}

fn assert_invalid<T: std::fmt::Debug>(result: Result<T, Error>, name: &str, refused: &str) {
    let error = result.expect_err(refused);
    assert_eq!(error.kind(), ErrorKind::InvalidId);
    assert!(error.to_string().starts_with(&format!("{refused:?} is not a valid {name}: ")), "{error}");
}

#[test]
fn text_that_is_not_a_snowflake_gives_a_typed_error_that_names_type_and_text() {
    fn check<T: Snowflake>() {
        for refused in NOT_SNOWFLAKES {
            for result in [refused.parse::<T>(), T::try_from(refused)] {
                assert_invalid(result, T::NAME, refused);
            }
        }
    }
    for_each_snowflake!(check);
}

#[test]
fn an_error_shows_at_most_64_characters_of_the_text() {
    let error = "é".repeat(1000).parse::<GuildId>().unwrap_err();

    assert_eq!(error.to_string().matches('é').count(), 64);
}

#[test]
fn the_digits_of_every_64_bit_number_parse_as_an_id() {
    fn check<T: Snowflake>() {
        for number in [0, 1, 999, 1000, EXAMPLE, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
            let text = number.to_string();
            let id: T = text.parse().unwrap();

            assert_eq!(
                (id.into(), id.to_string(), format!("{id:?}")),
                (number, text, format!("{}({number})", T::NAME))
            );
        }
    }
    for_each_snowflake!(check);
}

#[test]
fn ids_compare_as_numbers() {
    fn check<T: Snowflake>() {
        assert!(T::from(999) < T::from(1000));
        assert!(T::from(9) < T::from(u64::MAX));
    }
    for_each_snowflake!(check);
}

#[test]
fn created_at_is_the_time_in_the_id() {
    fn check<T: Snowflake>() {
        assert_eq!(T::from(EXAMPLE).created_at().to_rfc3339(), "2016-04-30T11:18:25.796+00:00");
        assert_eq!(T::from(0).created_at().to_rfc3339(), "2015-01-01T00:00:00+00:00");
        assert_eq!(T::from(u64::MAX).created_at().to_rfc3339(), "2154-05-15T07:35:11.103+00:00");
    }
    for_each_snowflake!(check);
}

#[test]
fn an_id_is_a_string_in_json_and_is_also_read_from_a_number() {
    fn check<T: Snowflake>() {
        for number in [0, EXAMPLE, u64::MAX] {
            let text = format!("\"{number}\"");
            assert_eq!(serde_json::to_string(&T::from(number)).unwrap(), text);
            for json in [text, number.to_string()] {
                assert_eq!(serde_json::from_str::<T>(&json).unwrap().into(), number);
            }
        }
    }
    for_each_snowflake!(check);
}

#[test]
fn json_that_is_not_a_snowflake_is_refused() {
    fn check<T: Snowflake>() {
        let texts = NOT_SNOWFLAKES.map(|text| serde_json::to_string(text).unwrap());
        let others = ["-1", "1.0", "1e4", "18446744073709551616", "null", "true", "[1]", "{}"].map(ToOwned::to_owned);
        for refused in texts.into_iter().chain(others) {
            let result = serde_json::from_str::<T>(&refused);
            assert!(result.is_err(), "{refused}: {result:?}");
        }
    }
    for_each_snowflake!(check);
}

#[tokio::test]
async fn the_smallest_and_the_greatest_id_are_stored_as_decimal_text_and_read_back() {
    for (number, text) in [(0, "0"), (u64::MAX, "18446744073709551615")] {
        let database = TestDatabase::new().await;
        let user_id = user(&database, number).await;
        let guild_id = guild(&database, number).await;
        let owned = changed!(GuildSnapshot::new(guild_id, "x"), owner_user_id = Some(user_id));
        db::upsert_guilds(&*database, &[owned]).await.unwrap();
        let channel_id = channel(&database, guild_id, number).await;
        db::update_channel_cursor(&*database, channel_id, Some(number.into())).await.unwrap();
        let intent = NewInstallIntent::new("x", user_id, guild_id, std::time::Duration::ZERO);
        db::create_install_intent(&*database, &intent).await.unwrap();

        let guild = db::get_guild(&*database, guild_id).await.unwrap().unwrap();
        assert_eq!((guild.guild_id, guild.owner_user_id), (guild_id, Some(user_id)));
        let channel = db::get_channel(&*database, channel_id).await.unwrap().unwrap();
        assert_eq!((channel.channel_id, channel.guild_id), (channel_id, guild_id));
        assert_eq!(channel.last_message_id, Some(MessageId::from(number)));
        assert_eq!(db::get_user(&*database, user_id).await.unwrap().unwrap().discord_user_id, user_id);
        let intent = db::get_install_intent(&*database, "x").await.unwrap().unwrap();
        assert_eq!((intent.user_id, intent.guild_id), (user_id, guild_id));
        let stored = "select concat_ws(' ', u.discord_user_id, g.guild_id, g.owner_user_id, c.channel_id, c.guild_id,
                        c.last_message_id, i.user_id, i.guild_id)
                      from users u, bot_guilds g, bot_channels c, install_intents i";
        assert_eq!(database.text(stored).await, [text; 8].join(" "));
    }
}

#[tokio::test]
async fn a_scan_run_id_is_the_uuid_that_the_database_generated() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;

    let id = queued_run(&database, channel).await;

    let text = database.text("select id from bot_channel_scan_runs").await;
    assert_eq!(id.to_string(), text);
    assert_eq!(text.parse::<ScanRunId>().unwrap(), id);
    assert!(db::get_scan_run(&*database, id).await.unwrap().is_some());
}

#[test]
fn text_that_is_not_a_uuid_gives_a_typed_error() {
    for refused in ["", "abc", "1001", " 7711f7d9-34db-4b9a-bf37-cd27cb85937d", "7711f7d9-34db-4b9a-bf37-cd27cb85937"] {
        for result in [refused.parse::<ScanRunId>(), ScanRunId::try_from(refused)] {
            assert_invalid(result, "ScanRunId", refused);
        }
    }
}

#[test]
fn a_scan_run_id_is_a_string_in_json() {
    let uuid = Uuid::from_u128(0x7711_f7d9_34db_4b9a_bf37_cd27_cb85_937d);
    let json = r#""7711f7d9-34db-4b9a-bf37-cd27cb85937d""#;

    assert_eq!(serde_json::to_string(&ScanRunId::from(uuid)).unwrap(), json);
    assert_eq!(serde_json::from_str::<ScanRunId>(json).unwrap().get(), uuid);
    for refused in [r#""abc""#, "1", "null"] {
        assert!(serde_json::from_str::<ScanRunId>(refused).is_err(), "{refused}");
    }
}
