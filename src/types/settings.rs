//! Settings: the JSON object of a guild or a channel, kept as text until a value is read. `serde_json` cannot parse all
//! that PostgreSQL holds: it fails on nesting over 128 levels and on numbers like 1e400.

mod equality;
mod storable;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use postgres_types::private::BytesMut;
use postgres_types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind};

/// A JSON value as PostgreSQL's jsonb holds it: the settings of a guild or a channel, a patch to them, or defaults.
///
/// Settings that you pass must be an object. The repository functions refuse anything else, and JSON that PostgreSQL
/// may be unable to store or return: U+0000 and half surrogate pairs, nesting over 2,000 levels, numbers of over 1,000
/// digits when written out. Settings that you read may be another value if an older program left one: [`Settings::get`]
/// then finds nothing, and the next patch replaces it.
///
/// Two are equal if PostgreSQL's jsonb says so: the order of keys and the way a number is written do not count
/// (`1.0` = `1.00`), and the last value of a repeated key does.
///
/// ```
/// use clip_saver_db::Settings;
///
/// let settings: Settings = r#"{"prefix": "!", "clip": {"max": 60}}"#.parse()?;
/// assert_eq!(settings.get::<String>("prefix")?.as_deref(), Some("!"));
/// assert_eq!(settings.get::<u32>("volume")?, None);
/// assert_eq!(settings, Settings::try_from(serde_json::json!({"clip": {"max": 60.0}, "prefix": "!"}))?);
/// # Ok::<(), clip_saver_db::Error>(())
/// ```
#[derive(Clone)]
pub struct Settings(Box<str>);

impl Settings {
    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The settings as any serializable type; it should give a JSON object.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if the value cannot be written as JSON.
    pub fn from_serialize(value: &impl Serialize) -> Result<Self, Error> {
        serde_json::to_string(value).map(Self::from_json).map_err(|error| Error::invalid_input("settings", error))
    }

    /// The whole value as a type of yours.
    ///
    /// # Errors
    /// [`ErrorKind::UnreadableSettings`] if the stored JSON is not of that type, or beyond what `serde_json` can parse.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.as_str()).map_err(unreadable)
    }

    /// The value of one top-level key; `None` if there is no such key or the settings are not an object.
    ///
    /// Only that value is parsed, so an unreadable one next to it does no harm.
    ///
    /// # Errors
    /// [`ErrorKind::UnreadableSettings`] if the value exists but is not of type `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(value) = entries(self.as_str()).and_then(|entries| entries.get(key).map(|value| value.get())) else {
            return Ok(None);
        };
        serde_json::from_str(value).map(Some).map_err(|error| unreadable(error).with_field(key))
    }

    /// Whether the value is a JSON object, as settings should be.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.as_str().starts_with('{')
    }

    /// Merges objects: if several have a key, the last value counts. `None` if there are none.
    pub(crate) fn merged<'a>(objects: impl Iterator<Item = &'a Self>) -> Option<Self> {
        let merged = objects.filter_map(|object| entries(object.as_str())).reduce(|mut merged, object| {
            merged.extend(object);
            merged
        })?;
        Some(Self::from_json(serde_json::to_string(&merged).expect("JSON values by their keys are JSON")))
    }

    fn from_json(text: String) -> Self {
        Self(text.into())
    }

    /// Refuses what cannot or should not be stored, naming the field.
    pub(crate) fn check(&self, field: &'static str, most: usize) -> Result<(), Error> {
        if !self.is_object() {
            return Err(Error::invalid_input(field, "is not a JSON object"));
        }
        let bytes = self.0.len();
        if bytes > most {
            return Err(Error::invalid_input(
                field,
                format!("has {bytes} bytes, over the limit of {most}: store less, or raise DB_MAX_SETTINGS_BYTES"),
            ));
        }
        storable::check(self.as_str()).map_err(|reason| Error::invalid_input(field, reason))
    }
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::UnreadableSettings).with_reason(error.to_string()).with_source(error)
}

impl Default for Settings {
    /// `{}`
    fn default() -> Self {
        Map::new().into()
    }
}

impl From<Map<String, Value>> for Settings {
    fn from(map: Map<String, Value>) -> Self {
        Self::from_json(serde_json::to_string(&map).expect("a map of JSON values is JSON"))
    }
}

impl TryFrom<Value> for Settings {
    type Error = Error;

    /// Accepts only an object.
    fn try_from(value: Value) -> Result<Self, Error> {
        match value {
            Value::Object(map) => Ok(map.into()),
            _ => Err(Error::invalid_input("settings", "is not a JSON object")),
        }
    }
}

impl FromStr for Settings {
    type Err = Error;

    /// Accepts any JSON text; the repository functions check that it is an object.
    fn from_str(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| Error::invalid_input("settings", error))
    }
}

/// As its JSON value.
impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(self.as_str()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|value| Self(value.into()))
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Settings({self})")
    }
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        equality::equal(self.as_str(), other.as_str())
    }
}

impl ToSql for Settings {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        if *ty == Type::JSONB {
            out.extend_from_slice(&[JSONB_VERSION]);
        }
        out.extend_from_slice(self.as_str().as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::JSON | Type::JSONB)
    }

    to_sql_checked!();
}

/// The byte before the text of a jsonb value on the wire.
const JSONB_VERSION: u8 = 1;

/// A JSON value in a row, borrowed. It is not parsed here: PostgreSQL parsed it before storing it.
#[derive(Debug, Clone, Copy)]
pub struct RawJson<'a>(pub(crate) JsonText<'a>);

/// The generated code calls `get` on the field of [`RawJson`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonText<'a>(&'a str);

impl<'a> JsonText<'a> {
    pub(crate) fn get(self) -> &'a str {
        self.0
    }
}

impl<'a> RawJson<'a> {
    /// The JSON text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0.get()
    }
}

impl<'a> FromSql<'a> for RawJson<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        let text = match raw {
            [JSONB_VERSION, text @ ..] if *ty == Type::JSONB => text,
            _ if *ty == Type::JSONB => return Err("unknown version of jsonb".into()),
            text => text,
        };
        Ok(Self(JsonText(str::from_utf8(text)?)))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::JSON | Type::JSONB)
    }
}

impl From<RawJson<'_>> for Settings {
    fn from(json: RawJson<'_>) -> Self {
        Self(json.as_str().into())
    }
}

type Entries<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

fn entries(text: &str) -> Option<Entries<'_>> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Object<'a>(#[serde(borrow)] Entries<'a>);
    serde_json::from_str::<Object<'_>>(text).ok().map(|object| object.0)
}
