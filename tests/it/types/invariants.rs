//! What the parsers of ids, settings and the configuration promise for any text. The fuzz targets in fuzz/ try random texts,
//! and `fuzz_corpus` tries the texts in their corpus.

use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::OnceLock;

use clip_saver_db::{
    ChannelId, Config, Error, ErrorKind, GuildId, MessageId, ScanRunId, Settings, UserId, repositories as db,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

/// Each id type accepts exactly the right texts and JSON, and shows the accepted value.
pub fn ids(text: &str) {
    snowflake::<GuildId>(text);
    snowflake::<ChannelId>(text);
    snowflake::<UserId>(text);
    snowflake::<MessageId>(text);
    round_trips::<ScanRunId>(text, uuid(text).as_deref());
    let in_json = serde_json::from_str::<String>(text).ok().and_then(|text| uuid(&text));
    assert_eq!(serde_json::from_str::<ScanRunId>(text).ok().map(|id| id.to_string()), in_json);
}

/// The common traits of all id types.
trait Id: FromStr<Err = Error> + Copy + Ord + Debug + Display + Serialize + DeserializeOwned {}
impl<T: FromStr<Err = Error> + Copy + Ord + Debug + Display + Serialize + DeserializeOwned> Id for T {}

fn snowflake<T: Id + From<u64> + Into<u64>>(text: &str) {
    let number = digits(text);
    round_trips::<T>(text, number.map(|number| number.to_string()).as_deref());
    assert_eq!(text.parse::<T>().ok().map(Into::into), number);
    let in_json = match serde_json::from_str(text) {
        Ok(Value::String(text)) => digits(&text),
        Ok(Value::Number(number)) => number.as_u64(),
        _ => None,
    };
    assert_eq!(serde_json::from_str::<T>(text).ok().map(Into::into), in_json);
}

/// Checks that a text is accepted and shown as `expected`, which parses to the same id. With `None`, checks that the text is
/// refused and that the error names it.
fn round_trips<T: Id>(text: &str, expected: Option<&str>) {
    match text.parse::<T>() {
        Ok(id) => {
            assert_eq!(Some(id.to_string().as_str()), expected);
            assert_eq!(id.to_string().parse::<T>().ok(), Some(id));
            let json = serde_json::to_string(&id).expect("an id is JSON");
            assert_eq!(json, format!("\"{id}\""));
            assert_eq!(serde_json::from_str::<T>(&json).ok(), Some(id));
        }
        Err(error) => {
            assert_eq!((error.kind(), expected), (ErrorKind::InvalidId, None));
            let shown: String = text.chars().take(64).collect();
            assert!(error.to_string().starts_with(&format!("{shown:?} is not a valid ")), "{error}");
        }
    }
}

/// Parses a snowflake as the contract defines it: the decimal digits of a 64-bit number, and nothing else.
fn digits(text: &str) -> Option<u64> {
    let number = text.chars().try_fold(0_u128, |number, digit| {
        let digit = "0123456789".find(digit)?;
        number.checked_mul(10)?.checked_add(u128::try_from(digit).ok()?)
    });
    let number = u64::try_from(number?).ok()?;
    (number.to_string() == text).then_some(number)
}

/// The usual form of a text that is a uuid: five groups of hexadecimal digits. The text may have braces, the prefix
/// `urn:uuid:`, or no hyphens.
fn uuid(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    // The last letter of `urn:uuid` is a hexadecimal digit.
    let digits = digits.get(digits.len().checked_sub(32)?..)?;
    let shown = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
    let ways = [digits.to_owned(), shown.clone(), format!("{{{shown}}}"), format!("urn:uuid:{shown}")];
    ways.contains(&text).then_some(shown)
}

/// Three JSON texts, separated by U+0000. Each is accepted exactly if `serde_json` accepts it, no function panics on them, and
/// equality is an equivalence relation.
pub fn settings(text: &str) {
    let all: Vec<Settings> = text.splitn(3, '\0').filter_map(parsed).collect();
    for one in &all {
        assert!(one.eq(one));
        refused_exactly_if_no_postgresql_could_store_it(one);
        for other in &all {
            assert_eq!(one.eq(other), other.eq(one));
            compare_as_values_do(one, other);
            for third in &all {
                assert!(one != other || other != third || one == third);
            }
        }
    }
}

fn parsed(text: &str) -> Option<Settings> {
    let raw = serde_json::from_str::<&RawValue>(text).ok();
    let settings = text.parse::<Settings>();
    assert_eq!(settings.as_ref().ok().map(Settings::as_str), raw.map(RawValue::get));
    let settings = settings.ok()?;
    let again = serde_json::to_string(&settings).expect("settings are JSON");
    assert_eq!((again.as_str(), settings.to_string().as_str()), (settings.as_str(), settings.as_str()));
    assert_eq!(serde_json::from_str::<Settings>(&again).expect("settings are read back"), settings);
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        assert_eq!(settings.parse::<Value>().ok().as_ref(), Some(&value));
        assert_eq!(settings.is_object(), value.is_object());
        let keys = value.as_object().into_iter().flat_map(|object| object.keys());
        for key in keys.map(String::as_str).chain(["", "no such key"]) {
            assert_eq!(settings.get::<Value>(key).expect("the whole text was parsed").as_ref(), value.get(key));
        }
    }
    Some(settings)
}

/// Compares without numbers, or with integers only: `Value` compares other numbers differently from jsonb.
fn compare_as_values_do(one: &Settings, other: &Settings) {
    if let (Ok(left), Ok(right)) = (one.parse::<Value>(), other.parse::<Value>()) {
        if one == other {
            assert_eq!(without_numbers(&left), without_numbers(&right));
        } else if !left.to_string().contains(['.', 'e', 'E']) {
            assert_ne!(left, right);
        }
    }
}

fn without_numbers(value: &Value) -> Value {
    match value {
        Value::Number(_) => Value::Null,
        Value::Array(elements) => elements.iter().map(without_numbers).collect(),
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), without_numbers(value))).collect(),
        other => other.clone(),
    }
}

fn refused_exactly_if_no_postgresql_could_store_it(settings: &Settings) {
    let (runtime, dead_connection) = dead_connection();
    let error = runtime
        .block_on(db::set_guild_settings(dead_connection, 1.into(), settings))
        .expect_err("the connection is dead");
    if error.kind() != ErrorKind::InvalidInput {
        assert!(settings.is_object() && has_whole_text(settings.as_str()));
        return;
    }
    assert_eq!(error.field(), Some("settings"));
    match error.to_string().as_str() {
        text if text.contains("is not a JSON object") => assert!(!settings.is_object()),
        text if text.contains("U+0000") || text.contains("surrogate") => assert!(!has_whole_text(settings.as_str())),
        limit => {
            let limits = ["2,000 levels", "1,000 digits", "DB_MAX_SETTINGS_BYTES"];
            assert!(limits.iter().any(|known| limit.contains(known)), "{limit}");
        }
    }
}

/// Whether the escapes in a JSON text name characters, none of them U+0000.
pub fn has_whole_text(json: &str) -> bool {
    let mut units = Vec::new();
    let mut rest = json.chars();
    while let Some(character) = rest.next() {
        match (character, rest.as_str().chars().next()) {
            ('\\', Some('u')) => {
                units.push(u16::from_str_radix(&rest.as_str()[1..5], 16).expect("four hexadecimal digits"));
                rest.nth(4);
            }
            ('\\', _) => drop(rest.next().map(|_| units.push(1))),
            (other, _) => units.extend(other.encode_utf16(&mut [0; 2]).iter()),
        }
    }
    char::decode_utf16(units).all(|unit| unit.is_ok_and(|character| character != '\0'))
}

/// A connection whose server is gone. A call on it fails with different errors before and after it sends something.
fn dead_connection() -> &'static (Runtime, Client) {
    static CONNECTION: OnceLock<(Runtime, Client)> = OnceLock::new();
    CONNECTION.get_or_init(|| {
        let runtime = Builder::new_current_thread().build().expect("a runtime starts");
        let client = runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(1024);
            theirs.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await.expect("the buffer has room"); // AuthenticationOk and ReadyForQuery
            tokio_postgres::Config::new()
                .user("nobody")
                .connect_raw(ours, NoTls)
                .await
                .expect("the fake server answers")
                .0
        });
        (runtime, client)
    })
}

/// The first line is a password, the second is the text after it, and the others are variables. Whatever they are, no
/// output depends on the password.
pub fn config(text: &str) {
    let mut lines = text.splitn(3, '\n');
    let [password, behind, variables] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let variables: HashMap<&str, &str> = variables.lines().filter_map(|line| line.split_once('=')).collect();
    if password.is_empty() {
        return;
    }
    let masked = "x".repeat(password.len());
    let shown = |dsn: &str| shown([("DATABASE_URL", dsn), ("POSTGRES_DSN", "")], &variables);
    let url = |password: &str| shown(&format!("postgresql://bot:{password}@{behind}"));
    let pairs = |password: &str| shown(&format!("password={password} {behind}"));
    let quoted = |escape: fn(char) -> String| pairs(&format!("'{}'", password.chars().map(escape).collect::<String>()));
    let driver = |password: &str| shown(&format!("postgresql+asyncpg://bot:{password}@{behind}"));
    let parts = |name, password: &str| {
        let first = [("POSTGRES_PASSWORD", ""), ("DB_PASSWORD", ""), (name, password), ("POSTGRES_DSN", "")];
        self::shown(first, &variables)
    };

    assert_eq!(url(&percent_encoded(password)), url(&percent_encoded(&masked)));
    assert_eq!(quoted(|c| format!("\\{c}")), quoted(|c| format!("\\{}", "x".repeat(c.len_utf8()))));
    assert_eq!(driver(&percent_encoded(password)), driver(&percent_encoded(&masked)));
    for name in ["POSTGRES_PASSWORD", "DB_PASSWORD", "PGPASSWORD"] {
        assert_eq!(parts(name, password), parts(name, &masked));
    }
    // Without encoding, the parser may take parts of the password for something else. Still no word of it may be shown.
    let words = password.split(|c: char| !c.is_alphanumeric());
    let other_words: String = password.chars().map(|c| if c.is_alphanumeric() { 'x' } else { c }).collect();
    assert_hidden(words.clone(), &url(password), &url(&other_words));
    assert_hidden(words, &driver(password), &driver(&other_words));
    assert_hidden(std::iter::once(password), &pairs(password), &pairs(&other_words));
}

fn percent_encoded(text: &str) -> String {
    let digit = |number: u8| char::from(b"0123456789ABCDEF"[usize::from(number)]);
    text.bytes().flat_map(|byte| ['%', digit(byte >> 4), digit(byte & 15)]).collect()
}

/// All output of a configuration, or of the error that parsing it gave.
fn shown<const N: usize>(first: [(&str, &str); N], others: &HashMap<&str, &str>) -> String {
    let fixed = HashMap::from(first);
    let lookup = |name: &str| fixed.get(name).or_else(|| others.get(name)).map(ToString::to_string);
    let dsn = fixed.get("DATABASE_URL").copied().unwrap_or_default();
    let outcome = |result: Result<Config, Error>| match result {
        Ok(config) => format!("{config} {config:?} {config:#?} {:?}", config.ssl_mode()),
        Err(error) => format!("{error} {error:?} {error:#?}"),
    };
    format!("{} {}", outcome(Config::from_lookup(lookup)), outcome(dsn.parse()))
}

/// Checks that no secret is shown. Short secrets, and those that are also shown for another password, may appear by chance.
fn assert_hidden<'a>(secrets: impl Iterator<Item = &'a str>, shown: &str, otherwise: &str) {
    for secret in secrets.filter(|secret| secret.len() > 5 && !otherwise.contains(secret)) {
        assert!(!shown.contains(secret), "{secret:?} of the password is shown: {shown}");
    }
}
