//! The ids of rows: Discord snowflakes as `u64` newtypes, and the uuid of a scan run. A guild's id cannot be passed where
//! a channel's is expected. Ids compare as numbers (as text, 999 > 1000).

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use postgres_types::private::BytesMut;
use postgres_types::{IsNull, ToSql, Type, to_sql_checked};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::error::Error;

/// 2015-01-01T00:00:00Z, the first millisecond that a snowflake can hold, in milliseconds since 1970.
const DISCORD_EPOCH: u64 = 1_420_070_400_000;

/// What an id must be, for errors.
const SNOWFLAKE: &str = "a Discord snowflake, 1 to 20 decimal digits, at most 64 bits";

/// Parses the decimal digits of a snowflake. Accepts only the form that Discord and this crate write: no sign, no space, no
/// leading zero. The database compares ids as text and would not find another form.
fn parse(text: &str) -> Option<u64> {
    match text.as_bytes() {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] => text.parse().ok(),
        _ => None,
    }
}

/// When a snowflake was made: its upper 42 bits are the milliseconds since [`DISCORD_EPOCH`].
fn created_at(snowflake: u64) -> DateTime<Utc> {
    let milliseconds = (snowflake >> 22) + DISCORD_EPOCH;
    i64::try_from(milliseconds)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .expect("42 bits of milliseconds end in the year 2154, which chrono can hold")
}

/// Reads an id from a JSON string, or from a number as some libraries write it.
struct SnowflakeVisitor(&'static str);

impl Visitor<'_> for SnowflakeVisitor {
    type Value = u64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a {}: a string of decimal digits or a number, at most 64 bits", self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }
}

/// Implements what all ids have. `parse` reads an id from its text, `expected` says in errors what an id must be.
macro_rules! id {
    ($name:ident($inner:ty), $parse:expr, $expected:expr) => {
        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                ($parse)(text).map(Self).ok_or_else(|| Error::invalid_id(stringify!($name), $expected, text))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

macro_rules! snowflake {
    ($name:ident, $owner:literal) => {
        #[doc = concat!("The id of ", $owner, ": a Discord [snowflake].")]
        ///
        /// Parses decimal digits only: no sign, space or leading zero, at most 64 bits. In JSON it is a string, as in
        /// Discord's API; a number is accepted too.
        ///
        /// ```
        #[doc = concat!("use clip_saver_db::", stringify!($name), ";")]
        ///
        #[doc = concat!("let id: ", stringify!($name), " = \"175928847299117063\".parse()?;")]
        #[doc = concat!("assert_eq!(id, ", stringify!($name), "::from(175_928_847_299_117_063));")]
        /// assert_eq!(id.to_string(), "175928847299117063");
        /// assert_eq!(id.created_at().to_rfc3339(), "2016-04-30T11:18:25.796+00:00");
        #[doc = concat!("assert!(\"1e4\".parse::<", stringify!($name), ">().is_err());")]
        /// # Ok::<(), clip_saver_db::Error>(())
        /// ```
        ///
        /// [snowflake]: https://discord.com/developers/docs/reference#snowflakes
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// When Discord made this id, to the millisecond: bits 22 to 63 count milliseconds since the first second of
            /// 2015 (UTC).
            #[must_use]
            pub fn created_at(self) -> DateTime<Utc> {
                created_at(self.0)
            }
        }

        impl From<$name> for u64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        id! { $name(u64), parse, SNOWFLAKE }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(itoa::Buffer::new().format(self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(SnowflakeVisitor(stringify!($name))).map(Self)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
                out.extend_from_slice(itoa::Buffer::new().format(self.0).as_bytes());
                Ok(IsNull::No)
            }

            fn accepts(ty: &Type) -> bool {
                <&str as ToSql>::accepts(ty)
            }

            to_sql_checked!();
        }
    };
}

snowflake!(GuildId, "a guild (a Discord server)");
snowflake!(ChannelId, "a channel");
snowflake!(UserId, "a Discord user");
snowflake!(MessageId, "a message, which is also a position in a channel's history");
snowflake!(AttachmentId, "an attachment of a message");

/// The id of a scan run: a random uuid that PostgreSQL makes.
///
/// ```
/// use clip_saver_db::ScanRunId;
///
/// let run: ScanRunId = "7711f7d9-34db-4b9a-bf37-cd27cb85937d".parse()?;
/// assert_eq!(run.to_string(), "7711f7d9-34db-4b9a-bf37-cd27cb85937d");
/// # Ok::<(), clip_saver_db::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScanRunId(Uuid);

impl ScanRunId {
    /// The uuid.
    #[must_use]
    pub const fn get(self) -> Uuid {
        self.0
    }
}

id! { ScanRunId(Uuid), |text| Uuid::try_parse(text).ok(), "a uuid" }

impl Serialize for ScanRunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ScanRunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
